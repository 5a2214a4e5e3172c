//go:build unix

package interp

import (
	"os"
	"syscall"
)

// onlyOurs reports whether a file belongs to this user (or root) and nobody else can write it.
func onlyOurs(info os.FileInfo) bool {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return false
	}
	uid := os.Getuid()
	return (int(st.Uid) == uid || st.Uid == 0) && info.Mode().Perm()&0o022 == 0
}
