package mfdata

import "golang.org/x/sys/unix"

// folderFlags open a folder for passing through it, which is all that is needed of one.
const folderFlags = unix.O_PATH | unix.O_DIRECTORY
