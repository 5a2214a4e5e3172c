package datastore

import (
	"crypto/sha256"
	"hash"
	"io"

	"github.com/klauspost/compress/zstd"

	"github.com/levadahq/levada/internal/metastore"
)

// paysBelow is the ratio of compressed to plain size below which bytes are stored
// compressed. A plain file is handed to workers as it is, without any copy, so
// compression has to save much to be worth it.
const paysBelow = 0.6

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

// newEncoder returns an encoder for one stream. There is no checksum in the stream:
// readers verify the SHA-256 of what comes out.
func newEncoder(w io.Writer) (*zstd.Encoder, error) {
	return zstd.NewWriter(w, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderCRC(false))
}

// compress writes what r yields to w, compressed, and tells h of the plain bytes.
// It returns how many those were.
func compress(w io.Writer, r io.Reader, h *parallelHash) (int64, error) {
	enc, err := newEncoder(w)
	if err != nil {
		return 0, err
	}
	size := int64(0)
	for {
		buf := h.buffer()
		n, err := io.ReadFull(r, buf)
		size += int64(n)
		h.write(buf[:n])
		if n > 0 {
			if _, err := enc.Write(buf[:n]); err != nil {
				enc.Close()
				return size, err
			}
		}
		if err == io.EOF || err == io.ErrUnexpectedEOF {
			return size, enc.Close()
		}
		if err != nil {
			enc.Close()
			return size, err
		}
	}
}

// compressed returns the compressed form of data.
func compressed(data []byte) ([]byte, error) {
	enc, err := newEncoder(nil)
	if err != nil {
		return nil, err
	}
	defer enc.Close()
	return enc.EncodeAll(data, nil), nil
}

// decompressing returns a reader of the plain form of what r yields.
func decompressing(r io.Reader) (io.ReadCloser, error) {
	dec, err := zstd.NewReader(r)
	if err != nil {
		return nil, err
	}
	return dec.IOReadCloser(), nil
}

// parallelHash computes a SHA-256 in a goroutine of its own. Bytes are written in
// buffers of its own, which it uses again.
type parallelHash struct {
	hash  hash.Hash
	free  chan []byte
	work  chan []byte
	ended chan struct{}
}

func newParallelHash() *parallelHash {
	const buffers = 3
	h := &parallelHash{
		hash:  sha256.New(),
		free:  make(chan []byte, buffers),
		work:  make(chan []byte, buffers),
		ended: make(chan struct{}),
	}
	for range buffers {
		h.free <- make([]byte, chunk)
	}
	go func() {
		defer close(h.ended)
		for b := range h.work {
			h.hash.Write(b)
			h.free <- b[:cap(b)]
		}
	}()
	return h
}

// buffer returns a buffer that is not in use. It must be written.
func (h *parallelHash) buffer() []byte { return <-h.free }

// write hashes the bytes, the front of a buffer, which must not change until buffer
// returns it again.
func (h *parallelHash) write(b []byte) { h.work <- b }

// sum ends the goroutine and returns the hash.
func (h *parallelHash) sum() metastore.Hash {
	close(h.work)
	<-h.ended
	return sum(h.hash)
}
