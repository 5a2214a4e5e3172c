//go:build unix

package blob

import (
	"errors"
	"syscall"
)

func isNoSpace(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}

func isReadOnly(err error) bool { return errors.Is(err, syscall.EROFS) }

// isNotFolder reports that a part of a path is a file, so what it leads to is not there.
func isNotFolder(err error) bool { return errors.Is(err, syscall.ENOTDIR) }
