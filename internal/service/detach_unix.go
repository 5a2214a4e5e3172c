//go:build unix

package service

import "syscall"

// detached starts a process that is not ended with this one, nor by its terminal.
var detached = &syscall.SysProcAttr{Setsid: true}
