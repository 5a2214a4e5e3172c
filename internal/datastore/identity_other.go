//go:build !linux && !darwin

package datastore

import "io/fs"

func identityOf(st fs.FileInfo) identity {
	return identity{size: st.Size(), modified: st.ModTime().UnixNano()}
}
