package worker

import (
	"io"
	"os"
	"syscall"
)

// maxPassed is how many descriptors are kept that nobody has taken. Who passes more is not one of ours.
const maxPassed = 16

// Passing reads a Unix socket, and keeps the descriptors that are passed over it.
type Passing struct {
	raw    syscall.RawConn
	oob    []byte
	passed []*os.File
}

// NewPassing returns a reader of a socket that does not block.
func NewPassing(socket *os.File) (*Passing, error) {
	raw, err := socket.SyscallConn()
	if err != nil {
		return nil, err
	}
	return &Passing{raw: raw, oob: make([]byte, syscall.CmsgSpace(4*maxPassed))}, nil
}

// Read reads what comes next.
func (p *Passing) Read(b []byte) (n int, err error) {
	var oobn int
	wait := p.raw.Read(func(fd uintptr) bool {
		for {
			n, oobn, _, _, err = syscall.Recvmsg(int(fd), b, p.oob, closePassed)
			if err != syscall.EINTR {
				return err != syscall.EAGAIN
			}
		}
	})
	switch {
	case wait != nil:
		return 0, wait
	case err != nil:
		return 0, os.NewSyscallError("recvmsg", err)
	}
	if oobn > 0 {
		p.keep(p.oob[:oobn])
	}
	if n == 0 && len(b) > 0 {
		return 0, io.EOF
	}
	return n, nil
}

func (p *Passing) keep(oob []byte) {
	messages, err := syscall.ParseSocketControlMessage(oob)
	if err != nil {
		return
	}
	for i := range messages {
		fds, err := syscall.ParseUnixRights(&messages[i])
		if err != nil {
			continue
		}
		for _, fd := range fds {
			syscall.CloseOnExec(fd)
			if len(p.passed) == maxPassed || syscall.SetNonblock(fd, true) != nil {
				syscall.Close(fd)
				continue
			}
			p.passed = append(p.passed, os.NewFile(uintptr(fd), "passed"))
		}
	}
}

// Take gives the descriptor away that came first, nil if there is none.
func (p *Passing) Take() *os.File {
	if len(p.passed) == 0 {
		return nil
	}
	f := p.passed[0]
	p.passed = p.passed[1:]
	return f
}

// Close closes what nobody has taken. The socket stays open.
func (p *Passing) Close() {
	for f := p.Take(); f != nil; f = p.Take() {
		f.Close()
	}
}
