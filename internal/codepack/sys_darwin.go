package codepack

import "syscall"

// changed returns when a file's inode last changed.
func changed(st *syscall.Stat_t) (sec, nsec int64) { return st.Ctimespec.Sec, st.Ctimespec.Nsec }
