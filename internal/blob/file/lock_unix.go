//go:build unix && !solaris && !aix

package file

import (
	"errors"
	"os"
	"syscall"
)

// flock locks a file until it is closed, and waits for those who have it locked.
func flock(f *os.File, alone bool) error {
	how := syscall.LOCK_SH
	if alone {
		how = syscall.LOCK_EX
	}
	for {
		if err := syscall.Flock(int(f.Fd()), how); !errors.Is(err, syscall.EINTR) {
			return err
		}
	}
}
