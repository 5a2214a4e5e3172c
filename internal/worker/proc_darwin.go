package worker

import "syscall"

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
