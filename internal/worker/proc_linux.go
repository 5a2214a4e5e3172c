package worker

import (
	"syscall"

	"golang.org/x/sys/unix"
)

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
