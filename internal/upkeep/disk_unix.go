//go:build linux || darwin

package upkeep

import (
	"errors"
	"io/fs"
	"path/filepath"
	"syscall"

	"github.com/levadahq/levada/internal/fault"
)

// freeSpace is how many bytes we may still write to the file system of a folder.
func freeSpace(folder string) (int64, bool) {
	var st syscall.Statfs_t
	if err := syscall.Statfs(folder, &st); err != nil {
		return 0, false
	}
	return int64(st.Bavail) * int64(st.Bsize), true
}

// Writable is nil if we may write to a store's folders, by their modes and those of their disks. Nothing is written.
func Writable(home string) error {
	for _, name := range folders {
		const write, enter = 2, 1
		path := filepath.Join(home, name)
		if err := syscall.Access(path, write|enter); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fault.Of("write to", path, err)
		}
	}
	return nil
}

// FreeSpace is how many bytes can be written to the file system of a folder, if that is known.
func FreeSpace(folder string) (int64, bool) { return freeSpace(folder) }
