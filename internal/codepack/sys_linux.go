package codepack

import "syscall"

// changed returns when a file's inode last changed.
func changed(st *syscall.Stat_t) (sec, nsec int64) { return int64(st.Ctim.Sec), int64(st.Ctim.Nsec) }
