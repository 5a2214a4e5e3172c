package datastore

import (
	"cmp"
	"crypto/sha256"
	"io"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/klauspost/compress/zstd"

	"github.com/levadahq/levada/internal/metastore"
)

// paysBelow is the ratio of compressed to plain size below which bytes are stored
// compressed. A plain file costs one pass of hashing and is handed to workers as it
// is, without a copy; compressing costs some 3 s of processor time a gigabyte and as
// much again for each few readers, so it has to save at least half.
const paysBelow = 0.5

// compressible looks at samples spread over size bytes and reports whether
// compression pays.
func compressible(r io.ReaderAt, size int64) (bool, error) {
	samples, length := int64(8), int64(16<<10)
	if size > 64<<20 {
		samples, length = 16, 64<<10
	}
	if size < samples*length {
		samples, length = 1, size
	}
	enc, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1), zstd.WithEncoderCRC(false))
	if err != nil {
		return false, err
	}
	defer enc.Close()
	plain := make([]byte, length)
	var packed []byte
	total := 0
	for i := range samples {
		at := int64(0)
		if samples > 1 {
			at = i * (size - length) / (samples - 1)
		}
		if _, err := io.ReadFull(io.NewSectionReader(r, at, length), plain); err != nil {
			return false, err
		}
		packed = enc.EncodeAll(plain, packed[:0])
		total += len(packed)
	}
	return float64(total) < paysBelow*float64(samples*length), nil
}

// newEncoder returns an encoder for whole buffers. There is no checksum in what it
// makes: readers verify the SHA-256 of what comes out.
func newEncoder() (*zstd.Encoder, error) {
	return zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderCRC(false))
}

// compressed returns the compressed form of data.
func compressed(data []byte) ([]byte, error) {
	enc, err := newEncoder()
	if err != nil {
		return nil, err
	}
	defer enc.Close()
	return enc.EncodeAll(data, nil), nil
}

// frameSize is the number of plain bytes that a large file's compressed form has in
// each of its zstd frames, which are compressed independently and so in parallel.
const frameSize = 4 << 20

// frame is a part of a file on its way through compress.
type frame struct {
	plain  []byte
	packed []byte         // its compressed form, after work
	work   sync.WaitGroup // hashing and compressing
}

// compress writes what r yields to w, compressed, and returns the hash and the
// number of the plain bytes. It reads, hashes, compresses on all processors and
// writes, all at once.
func compress(w io.Writer, r io.Reader) (metastore.Hash, int64, error) {
	enc, err := newEncoder()
	if err != nil {
		return metastore.Hash{}, 0, err
	}
	defer enc.Close()
	var (
		packers  = min(runtime.GOMAXPROCS(0), 8)
		free     = make(chan *frame, 2*packers)
		toHash   = make(chan *frame, cap(free))
		toPack   = make(chan *frame, cap(free))
		toWrite  = make(chan *frame, cap(free))
		plain    = sha256.New()
		workers  sync.WaitGroup
		writeErr error
		failed   atomic.Bool // to write
	)
	workers.Go(func() {
		for f := range toHash {
			plain.Write(f.plain)
			f.work.Done()
		}
	})
	for range packers {
		workers.Go(func() {
			for f := range toPack {
				f.packed = enc.EncodeAll(f.plain, f.packed[:0])
				f.work.Done()
			}
		})
	}
	workers.Go(func() {
		for f := range toWrite {
			f.work.Wait()
			if writeErr == nil {
				if _, writeErr = w.Write(f.packed); writeErr != nil {
					failed.Store(true)
				}
			}
			free <- f
		}
	})
	for range cap(free) {
		free <- new(frame)
	}
	size, readErr := int64(0), error(nil)
	for readErr == nil && !failed.Load() {
		f := <-free
		if f.plain == nil {
			f.plain = make([]byte, frameSize)
		}
		var n int
		n, readErr = io.ReadFull(r, f.plain[:frameSize])
		f.plain = f.plain[:n]
		size += int64(n)
		f.work.Add(2)
		toHash <- f
		toPack <- f
		toWrite <- f
	}
	close(toHash)
	close(toPack)
	close(toWrite)
	workers.Wait()
	if readErr == io.EOF || readErr == io.ErrUnexpectedEOF {
		readErr = nil
	}
	return sum(plain), size, cmp.Or(readErr, writeErr)
}

// decompressing returns a reader of the plain form of what r yields.
func decompressing(r io.Reader) (io.ReadCloser, error) {
	dec, err := zstd.NewReader(r)
	if err != nil {
		return nil, err
	}
	return dec.IOReadCloser(), nil
}
