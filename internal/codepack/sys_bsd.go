//go:build unix && !linux && !darwin

package codepack

import "syscall"

// changed returns when a file's inode last changed: not told alike by these systems.
func changed(*syscall.Stat_t) (sec, nsec int64) { return 0, 0 }
