package datastore

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"os"

	"github.com/levadahq/levada/internal/fault"
	"github.com/levadahq/levada/internal/metastore"
)

// Items are the elements of a foreach, each read alone. They come from an items
// file: the encoded elements one after another, then the length of each as an
// unsigned 64-bit little-endian number. Read may be called concurrently.
type Items struct {
	source io.ReaderAt
	close  func() error
	ends   []int64 // where each element ends
}

// NewItems returns the elements in an items file that is in memory. It keeps data.
// Invalid if the lengths do not fit the bytes.
func NewItems(data []byte) (*Items, error) {
	return readItems(bytes.NewReader(data), int64(len(data)), func() error { return nil })
}

// OpenItems returns the elements in a stored items file, verified. Only the lengths
// are kept in memory unless the file is small. Close must be called. NotFound,
// Corrupt; Invalid if the lengths do not fit the bytes.
func (s *Store) OpenItems(ctx context.Context, h metastore.Hash) (*Items, error) {
	data, err := s.smallBlob(ctx, h)
	if err == nil {
		return NewItems(data)
	}
	if !fault.Is(err, fault.NotFound) {
		return nil, err
	}
	path, plain, err := s.File(ctx, h)
	if err != nil {
		return nil, err
	}
	var f *os.File
	if plain {
		f, err = os.Open(path)
	} else {
		path = s.staging
		f, err = s.unpack(ctx, h)
	}
	if err != nil {
		return nil, fault.Of("open foreach elements", path, err)
	}
	st, err := f.Stat()
	if err != nil {
		f.Close()
		return nil, fault.Of("open foreach elements", path, err)
	}
	items, err := readItems(f, st.Size(), f.Close)
	if err != nil {
		f.Close()
		return nil, fault.Of("open foreach elements", path, err)
	}
	return items, nil
}

// unpack copies bytes that are not in a plain file into one that has no name.
func (s *Store) unpack(ctx context.Context, h metastore.Hash) (*os.File, error) {
	src, err := s.Reader(ctx, h)
	if err != nil {
		return nil, err
	}
	defer src.Close()
	f, err := s.stage("items")
	if err != nil {
		return nil, err
	}
	os.Remove(f.Name())
	if _, err := io.Copy(f, src); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// readItems finds the elements' places. The number of elements is not in the file,
// but the lengths of the last k elements and their k numbers account for the whole
// file only when k is the number of all, so they are read from the end until they do.
func readItems(r io.ReaderAt, size int64, close func() error) (*Items, error) {
	var lengths []int64 // from the last element to the first
	var buf [chunk / 16]byte
	for rest := size; rest > 0; { // bytes that are not accounted for
		numbers := size - 8*int64(len(lengths)) // where the numbers read so far begin
		part := buf[:min(int64(len(buf)), rest/8*8)]
		if len(part) == 0 {
			return nil, errItems()
		}
		if _, err := r.ReadAt(part, numbers-int64(len(part))); err != nil && err != io.EOF {
			return nil, err
		}
		for ; len(part) > 0 && rest > 0; part = part[:len(part)-8] {
			n := binary.LittleEndian.Uint64(part[len(part)-8:])
			if n > uint64(rest-8) {
				return nil, errItems()
			}
			rest -= 8 + int64(n)
			lengths = append(lengths, int64(n))
			if rest > 0 && rest < 8 {
				return nil, errItems()
			}
		}
	}
	ends := make([]int64, len(lengths))
	end := int64(0)
	for i := range ends {
		end += lengths[len(lengths)-1-i]
		ends[i] = end
	}
	return &Items{source: r, close: close, ends: ends}, nil
}

func errItems() error {
	return fault.New(fault.Invalid, "the lengths at the end of the foreach elements do not fit their bytes")
}

// Len returns the number of elements.
func (it *Items) Len() int { return len(it.ends) }

// Size returns the length in bytes of an encoded element; 0 if there is none of this index.
func (it *Items) Size(i int) int64 {
	if i < 0 || i >= len(it.ends) {
		return 0
	}
	return it.ends[i] - it.start(i)
}

// start returns where element i begins.
func (it *Items) start(i int) int64 {
	if i == 0 {
		return 0
	}
	return it.ends[i-1]
}

// Read returns the encoded element i.
func (it *Items) Read(i int) ([]byte, error) {
	if i < 0 || i >= len(it.ends) {
		return nil, fault.New(fault.Internal, "there is no foreach element %d of %d", i, len(it.ends))
	}
	data := make([]byte, it.Size(i))
	n, err := it.source.ReadAt(data, it.start(i))
	if n == len(data) {
		return data, nil
	}
	if errors.Is(err, io.EOF) {
		return nil, fault.New(fault.Corrupt, "the file of the foreach elements was cut short")
	}
	return nil, fault.Of("read foreach element", "", err)
}

// Close releases the file.
func (it *Items) Close() error { return it.close() }
