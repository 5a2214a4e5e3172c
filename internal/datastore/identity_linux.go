package datastore

import (
	"io/fs"
	"syscall"
)

func identityOf(st fs.FileInfo) identity {
	id := identity{size: st.Size(), modified: st.ModTime().UnixNano()}
	if s, ok := st.Sys().(*syscall.Stat_t); ok {
		id.device, id.inode, id.changed = uint64(s.Dev), s.Ino, s.Ctim.Nano()
	}
	return id
}
