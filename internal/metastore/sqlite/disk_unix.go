//go:build linux || darwin

package sqlite

import (
	"path/filepath"
	"syscall"
)

// freeSpace returns how many bytes are free where path is.
func freeSpace(path string) (int64, bool) {
	var st syscall.Statfs_t
	if err := syscall.Statfs(filepath.Dir(path), &st); err != nil {
		return 0, false
	}
	return int64(st.Bavail) * int64(st.Bsize), true
}

// diskIsFull reports whether less than a megabyte is free where path is: SQLite
// reports some failures for want of space as plain I/O errors.
func diskIsFull(path string) bool {
	free, ok := freeSpace(path)
	return ok && free < 1<<20
}

// onNetwork reports whether path is on a file system that other machines may use as well.
func onNetwork(path string) bool {
	var st syscall.Statfs_t
	return syscall.Statfs(filepath.Dir(path), &st) == nil && isNetwork(&st)
}
