package sqlite

import "syscall"

const mntLocal = 0x1000 // MNT_LOCAL of statfs(2)

// isNetwork reports whether a file system is one that other machines may have mounted as well.
func isNetwork(st *syscall.Statfs_t) bool { return st.Flags&mntLocal == 0 }
