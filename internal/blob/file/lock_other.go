//go:build !unix || solaris || aix

package file

import (
	"errors"
	"os"
)

func flock(*os.File, bool) error { return errors.ErrUnsupported }

func tryFlock(*os.File, bool) (bool, error) { return false, errors.ErrUnsupported }
