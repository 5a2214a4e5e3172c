package usage

import (
	"os"
	"strconv"
	"strings"
	"syscall"
)

// BootID returns an id of the machine's present uptime, "" if unknown, also if this process cannot look for others by
// their numbers. A process number means something only together with it, and with [PIDNamespace].
func BootID() string {
	// A /proc that was mounted for another namespace shows other processes under the numbers that this one knows.
	if self, err := os.Readlink("/proc/self"); err != nil || self != strconv.Itoa(os.Getpid()) {
		return ""
	}
	text, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(text))
}

// PIDNamespace returns the identity of the namespace in which this process sees the numbers of processes, "" if
// unknown: the same process has another number in another one, as that of a container, or none.
func PIDNamespace() string {
	name, err := os.Readlink("/proc/self/ns/pid") // pid:[4026531836]
	if err != nil {
		return ""
	}
	return strings.TrimSuffix(strings.TrimPrefix(name, "pid:["), "]")
}

// ProcessStart returns when a process started, in clock ticks since boot, 0 if unknown.
func ProcessStart(pid int) int64 {
	st, ok := processStat(pid)
	if !ok {
		return 0
	}
	return st.start
}

// Alive reports whether the process runs and is the one that started at the
// given time; start 0 takes any process with the number. A process that has
// ended and was not yet waited for is not alive.
func Alive(pid int, start int64) bool {
	if pid <= 0 {
		return false
	}
	if st, ok := processStat(pid); ok {
		return !st.dead() && (start == 0 || st.start == start)
	}
	// No /proc, or one that hides other users' processes.
	err := syscall.Kill(pid, 0)
	return err == nil || err == syscall.EPERM
}

func processStat(pid int) (stat, bool) {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return stat{}, false
	}
	return parseStat(text)
}
