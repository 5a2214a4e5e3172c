package codepack

import (
	"io"

	"github.com/klauspost/compress/zstd"

	"github.com/levadahq/levada/internal/fault"
)

func decompress(r io.Reader) (*zstd.Decoder, error) {
	dec, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(128<<20))
	if err != nil {
		return nil, fault.Wrap(fault.Internal, "unpack code", err)
	}
	return dec, nil
}

// Tar returns a package as a plain tar archive, for readers without zstd. Closing it closes r. What is
// not a package, and more than a package can hold, is a fault of kind Corrupt.
func Tar(r io.ReadCloser) (io.ReadCloser, error) {
	dec, err := decompress(r)
	if err != nil {
		r.Close()
		return nil, err
	}
	return &plainTar{dec: dec, src: r}, nil
}

type plainTar struct {
	dec *zstd.Decoder
	src io.Closer
	n   int64
}

func (t *plainTar) Read(p []byte) (int, error) {
	n, err := t.dec.Read(p)
	if t.n += int64(n); t.n > maxUnpackBytes {
		return 0, corrupt("", errTooLarge)
	}
	if err != nil && err != io.EOF {
		err = corrupt("", err)
	}
	return n, err
}

func (t *plainTar) Close() error {
	t.dec.Close()
	return t.src.Close()
}
