package blob

import (
	"context"
	"errors"
	"io/fs"

	"github.com/levadahq/levada/internal/fault"
)

// Fault is what an error of the operating system about a file amounts to: the
// fault with its kind and, where there is one, what the user can do. Faults and
// nil stay as they are.
func Fault(op, path string, err error) error {
	var f *fault.Error
	if err == nil || errors.As(err, &f) {
		return err
	}
	f = &fault.Error{Op: op, Subject: path, Cause: err}
	switch {
	case errors.Is(err, fs.ErrNotExist) || isNotFolder(err):
		f.Kind = fault.NotFound
	case errors.Is(err, fs.ErrPermission) || isReadOnly(err):
		f.Kind = fault.Permission
		f.Hint = "Make the file and its folder accessible for you, or choose another folder for the store."
	case isNoSpace(err):
		f.Kind = fault.NoSpace
		f.Hint = "Free some space on the disk, then try again."
	case errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded):
		f.Kind = fault.Interrupted
	}
	return f
}
