//go:build !linux && !darwin

package usage

import "os"

// BootID returns "": this system does not tell.
func BootID() string { return "" }

// PIDNamespace returns "": this system has no namespaces of process numbers.
func PIDNamespace() string { return "" }

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
