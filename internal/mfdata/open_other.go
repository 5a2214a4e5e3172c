//go:build !unix

package mfdata

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// openPlain reads nothing where nobody says whose a file is.
func openPlain(root, below string, _ *int) (*os.File, error) {
	return nil, &fs.PathError{Op: "open", Path: filepath.Join(root, below), Err: errors.ErrUnsupported}
}
