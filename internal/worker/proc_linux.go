package worker

import (
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// closePassed has descriptors that are received close on exec from the start.
const closePassed = unix.MSG_CMSG_CLOEXEC

// socketPair makes a pair of connected sockets that close on exec.
func socketPair() ([2]int, error) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	return pair, os.NewSyscallError("socketpair", err)
}

// pipe makes a pipe whose ends close on exec; the reading end is the first.
func pipe() ([2]int, error) {
	var pair [2]int
	err := unix.Pipe2(pair[:], unix.O_CLOEXEC)
	return pair, os.NewSyscallError("pipe2", err)
}

// leader is how a process starts that leads a process group. The kernel sends it a signal when the engine dies.
// (Strictly, when the engine's thread that started it ends; the threads of a Go program end with it, unless a
// goroutine that is locked to its thread returns, and there are none.)
func leader(death syscall.Signal) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: death}
}

// waitExited returns when the child has ended, without reaping it, so that its
// pid and process group still name it.
func waitExited(pid int) {
	for {
		var info unix.Siginfo
		err := unix.Waitid(unix.P_PID, pid, &info, unix.WEXITED|unix.WNOWAIT, nil)
		if err != unix.EINTR {
			return
		}
	}
}

// maxRSSBytes converts the kernel's unit: KiB on Linux.
func maxRSSBytes(ru *syscall.Rusage) int64 { return ru.Maxrss << 10 }
