package usage

import (
	"os"
	"strconv"
	"strings"
	"syscall"
)

// BootID returns an id of the machine's present uptime, "" if unknown. A process
// number means something only together with it.
func BootID() string {
	text, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(text))
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
