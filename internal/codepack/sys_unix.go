//go:build unix

package codepack

import (
	"errors"
	"fmt"
	"io/fs"
	"syscall"
)

// identity tells a file from another that took its place with the same size and time.
func identity(info fs.FileInfo) string {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return ""
	}
	sec, nsec := changed(st)
	return fmt.Sprint(st.Ino, sec, nsec)
}

func isNoSpace(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}
