//go:build unix && !linux

package mfdata

import "golang.org/x/sys/unix"

// folderFlags open a folder: here one that cannot be listed cannot be passed through.
const folderFlags = unix.O_RDONLY | unix.O_DIRECTORY
