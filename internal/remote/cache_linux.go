package remote

import (
	"io/fs"
	"syscall"
	"time"
)

// accessed is when a file was read last, as the cache noted it.
func accessed(st fs.FileInfo) time.Time {
	if sys, ok := st.Sys().(*syscall.Stat_t); ok {
		return time.Unix(sys.Atim.Unix())
	}
	return st.ModTime()
}
