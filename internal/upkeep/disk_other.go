//go:build !linux && !darwin

package upkeep

func freeSpace(string) (int64, bool) { return 0, false }

// FreeSpace is not known here.
func FreeSpace(folder string) (int64, bool) { return freeSpace(folder) }

// Writable is not known here.
func Writable(string) error { return nil }
