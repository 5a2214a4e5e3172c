//go:build linux || darwin

package sqlite

import (
	"errors"
	"path/filepath"
	"syscall"
)

// diskIsFull reports whether less than a megabyte is free where path is: SQLite
// reports some failures for want of space as plain I/O errors.
func diskIsFull(path string) bool {
	var st syscall.Statfs_t
	if err := syscall.Statfs(filepath.Dir(path), &st); err != nil {
		return false
	}
	return uint64(st.Bavail)*uint64(st.Bsize) < 1<<20
}

func isNoSpace(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}

func isReadOnlyDisk(err error) bool { return errors.Is(err, syscall.EROFS) }
