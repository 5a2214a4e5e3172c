//go:build linux || darwin

package sqlite

import (
	"errors"
	"os"
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

// diskIsFull reports whether less than a megabyte is free where path is, for us: there may be a quota of bytes or of
// files, of which only who tries to write is told. SQLite reports some failures for want of space as plain I/O errors,
// or cannot open a file that it cannot make.
func diskIsFull(path string) bool {
	const room = 1 << 20
	if free, ok := freeSpace(path); ok && free < room {
		return true
	}
	f, err := os.CreateTemp(filepath.Dir(path), "room-*")
	if err == nil {
		os.Remove(f.Name()) // now, since a process that is killed while it writes would leave it on a full disk
		defer f.Close()
		_, err = f.Write(incompressible(room))
	}
	if err == nil {
		err = f.Sync() // a network file system tells only then
	}
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}

// onNetwork reports whether path is on a file system that other machines may use as well.
func onNetwork(path string) bool {
	var st syscall.Statfs_t
	return syscall.Statfs(filepath.Dir(path), &st) == nil && isNetwork(&st)
}
