package worker

import (
	"os"
	"syscall"
)

// closePassed: there is no flag that has descriptors that are received close on exec from the start.
const closePassed = 0

// socketPair makes a pair of connected sockets that close on exec.
func socketPair() ([2]int, error) {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	pair, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	return closingOnExec(pair, os.NewSyscallError("socketpair", err))
}

// pipe makes a pipe whose ends close on exec; the reading end is the first.
func pipe() ([2]int, error) {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	var pair [2]int
	err := syscall.Pipe(pair[:])
	return closingOnExec(pair, os.NewSyscallError("pipe", err))
}

// closingOnExec marks a pair; the caller holds the lock that keeps others from starting processes meanwhile.
func closingOnExec(pair [2]int, err error) ([2]int, error) {
	if err == nil {
		syscall.CloseOnExec(pair[0])
		syscall.CloseOnExec(pair[1])
	}
	return pair, err
}

// leader is how a process starts that leads a process group. There is nobody here who would tell it that the engine
// died: it notices when it next talks to it.
func leader(syscall.Signal) *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

// waitExited returns when the child has ended, without reaping it, so that its
// pid and process group still name it.
func waitExited(pid int) {
	// kqueue's NOTE_EXIT tells of an exit without reaping.
	kq, err := syscall.Kqueue()
	if err != nil {
		return
	}
	defer syscall.Close(kq)
	ev := syscall.Kevent_t{Ident: uint64(pid), Filter: syscall.EVFILT_PROC, Flags: syscall.EV_ADD | syscall.EV_ONESHOT, Fflags: syscall.NOTE_EXIT}
	events := make([]syscall.Kevent_t, 1)
	for {
		n, err := syscall.Kevent(kq, []syscall.Kevent_t{ev}, events, nil)
		if err == syscall.EINTR {
			continue
		}
		if err != nil || n > 0 {
			return
		}
	}
}

// maxRSSBytes converts the kernel's unit: bytes on macOS.
func maxRSSBytes(ru *syscall.Rusage) int64 { return ru.Maxrss }
