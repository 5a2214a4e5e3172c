//go:build unix && !solaris && !aix

package upkeep

import (
	"errors"
	"os"
	"syscall"
)

// lockFolder locks a folder until the file that it returns is closed, or the process
// ends. It is nil where there are no locks.
func lockFolder(path string) *os.File {
	f, err := os.Open(path)
	if err != nil {
		return nil
	}
	// It waits for nobody but who looks whether it is locked at this moment.
	if flock(f, syscall.LOCK_EX) != nil {
		f.Close()
		return nil
	}
	return f
}

// isLocked reports whether somebody is known to have a folder locked.
func isLocked(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	return errors.Is(flock(f, syscall.LOCK_SH|syscall.LOCK_NB), syscall.EWOULDBLOCK)
}

func flock(f *os.File, how int) error {
	for {
		if err := syscall.Flock(int(f.Fd()), how); !errors.Is(err, syscall.EINTR) {
			return err
		}
	}
}
