//go:build !linux && !darwin

package usage

import "os"

// BootID returns "": this system does not tell.
func BootID() string { return "" }

// ProcessStart returns 0: this system does not tell.
func ProcessStart(int) int64 { return 0 }

// Alive reports whether there is a process with this number.
func Alive(pid int, _ int64) bool {
	if pid <= 0 {
		return false
	}
	_, err := os.FindProcess(pid)
	return err == nil
}
