//go:build !linux && !darwin

package usage

// physicalMemory returns 0: this system does not tell.
func physicalMemory() int64 { return 0 }
