//go:build unix && !solaris && !aix

package file

import (
	"errors"
	"os"
	"syscall"
)

// flock locks a file until it is closed, and waits for those who have it locked.
func flock(f *os.File, alone bool) error { return lockHow(f, alone, 0) }

// tryFlock locks a file until it is closed, unless others have it locked, and reports whether it did.
func tryFlock(f *os.File, alone bool) (bool, error) {
	err := lockHow(f, alone, syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return false, nil
	}
	return err == nil, err
}

func lockHow(f *os.File, alone bool, how int) error {
	if alone {
		how |= syscall.LOCK_EX
	} else {
		how |= syscall.LOCK_SH
	}
	for {
		if err := syscall.Flock(int(f.Fd()), how); !errors.Is(err, syscall.EINTR) {
			return err
		}
	}
}
