// Package protocol is how the engine and user code talk to each other: frames over a Unix stream socket, and the
// messages in them. README.md beside this file is the specification, from which an SDK can be written in any language.
//
// The package only reads and writes; it keeps no state of a conversation. It never trusts what a frame claims: lengths
// are limited, and memory is allocated only as bytes arrive.
package protocol

import (
	"encoding/binary"
	"encoding/json"
	"io"

	"github.com/levadahq/levada/internal/fault"
)

// Version is the protocol version that this package speaks.
const Version = 1

// The variables in which a worker finds the number of the socket that it inherits: one for each kind of conversation.
const (
	ControlSocket = "LEVADA_CONTROL_FD"
	TaskSocket    = "LEVADA_TASK_FD"
	ManySocket    = "LEVADA_MANY_FD"
)

// Limits of a frame, in bytes.
const (
	MaxHeader = 16 << 20
	MaxBody   = 64 << 20
)

// InlineLimit is the size in bytes up to which a single value travels in a frame; larger
// ones travel as files.
const InlineLimit = 64 << 10

const prefixLen = 8

// AppendFrame appends a frame with the header as JSON and the parts of the body one after another.
func AppendFrame(buf []byte, header any, body ...[]byte) ([]byte, error) {
	h, err := json.Marshal(header)
	if err != nil {
		return nil, fault.Wrap(fault.Internal, "encode frame", err)
	}
	n := 0
	for _, b := range body {
		n += len(b)
	}
	if len(h) > MaxHeader || n > MaxBody {
		return nil, fault.New(fault.Internal, "a frame of %d + %d bytes is above the protocol's limit", len(h), n)
	}
	buf = binary.BigEndian.AppendUint32(buf, uint32(len(h)))
	buf = binary.BigEndian.AppendUint32(buf, uint32(n))
	buf = append(buf, h...)
	for _, b := range body {
		buf = append(buf, b...)
	}
	return buf, nil
}

// ReadFrame reads one frame and decodes its header into header. It returns the
// body, nil if it is empty, and io.EOF if the stream ends before a frame begins.
func ReadFrame(r io.Reader, header any) ([]byte, error) {
	var prefix [prefixLen]byte
	if _, err := io.ReadFull(r, prefix[:]); err != nil {
		if err == io.ErrUnexpectedEOF {
			return nil, truncated()
		}
		return nil, err
	}
	hn, bn := binary.BigEndian.Uint32(prefix[:4]), binary.BigEndian.Uint32(prefix[4:])
	if hn > MaxHeader || bn > MaxBody {
		return nil, broken("a frame claims %d + %d bytes, more than the limit", hn, bn)
	}
	h, err := readN(r, int(hn))
	if err != nil {
		return nil, err
	}
	body, err := readN(r, int(bn))
	if err != nil {
		return nil, err
	}
	if len(h) == 0 || h[0] != '{' {
		return nil, broken("a frame's header is not a JSON object")
	}
	if err := json.Unmarshal(h, header); err != nil {
		return nil, broken("a frame's header cannot be read: %v", err)
	}
	return body, nil
}

// readN reads n bytes, growing as they arrive so that a false length costs nothing.
func readN(r io.Reader, n int) ([]byte, error) {
	if n == 0 {
		return nil, nil
	}
	const step = 256 << 10
	buf := make([]byte, 0, min(n, step))
	for len(buf) < n {
		chunk := min(n-len(buf), max(step, len(buf)))
		if cap(buf)-len(buf) < chunk {
			grown := make([]byte, len(buf), len(buf)+chunk)
			copy(grown, buf)
			buf = grown
		}
		m, err := io.ReadFull(r, buf[len(buf):len(buf)+chunk])
		buf = buf[:len(buf)+m]
		if err != nil {
			return nil, truncated()
		}
	}
	return buf, nil
}

// truncated is the error of a stream that ends inside a frame; unlike others that
// are Invalid it may be nobody's mistake.
func truncated() error {
	return fault.New(fault.Invalid, "the stream ends inside a frame").Because(io.ErrUnexpectedEOF)
}

func broken(format string, args ...any) error {
	return fault.New(fault.Invalid, format, args...)
}
