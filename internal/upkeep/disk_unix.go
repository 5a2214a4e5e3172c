//go:build linux || darwin

package upkeep

import "syscall"

// freeSpace is how many bytes we may still write to the file system of a folder.
func freeSpace(folder string) (int64, bool) {
	var st syscall.Statfs_t
	if err := syscall.Statfs(folder, &st); err != nil {
		return 0, false
	}
	return int64(st.Bavail) * int64(st.Bsize), true
}

// FreeSpace is how many bytes can be written to the file system of a folder, if that is known.
func FreeSpace(folder string) (int64, bool) { return freeSpace(folder) }
