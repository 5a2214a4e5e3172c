package usage

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// BootID returns an id of the machine's present uptime, "" if unknown. A process
// number means something only together with it.
func BootID() string {
	id, err := unix.Sysctl("kern.bootsessionuuid")
	if err != nil {
		return ""
	}
	return id
}

// PIDNamespace returns "": this system has no namespaces of process numbers.
func PIDNamespace() string { return "" }

// ProcessStart returns when a process started, in microseconds since 1970, 0 if unknown.
func ProcessStart(pid int) int64 {
	info, err := unix.SysctlKinfoProc("kern.proc.pid", pid)
	if err != nil || int(info.Proc.P_pid) != pid {
		return 0
	}
	return info.Proc.P_starttime.Sec*1e6 + int64(info.Proc.P_starttime.Usec)
}

// zombie is SZOMB of the kernel's sys/proc.h.
const zombie = 5

// Alive reports whether the process runs and is the one that started at the
// given time; start 0 takes any process with the number. A process that has
// ended and was not yet waited for is not alive.
func Alive(pid int, start int64) bool {
	if pid <= 0 {
		return false
	}
	info, err := unix.SysctlKinfoProc("kern.proc.pid", pid)
	if err == nil && int(info.Proc.P_pid) == pid {
		began := info.Proc.P_starttime.Sec*1e6 + int64(info.Proc.P_starttime.Usec)
		return info.Proc.P_stat != zombie && (start == 0 || began == start)
	}
	err = syscall.Kill(pid, 0)
	return err == nil || err == syscall.EPERM
}
