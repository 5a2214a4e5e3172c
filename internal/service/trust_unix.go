//go:build unix

package service

import (
	"errors"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"

	"github.com/levadahq/levada/internal/fault"
)

// onlyOurs makes sure that nobody but the user of this process, and root, can have a say in what lies at a path:
// the file, all folders on the way to it and the links among them belong to one of the two, and nobody else may
// write to them. What is not there is nobody's.
func onlyOurs(path string) error {
	rest := strings.Split(filepath.Clean(path), "/")[1:]
	at, links := "/", 0
	for {
		st, err := os.Lstat(at)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return fault.New(fault.Permission, "%s cannot be checked", at).Because(err)
		}
		if err := changedByUs(at, st); err != nil {
			return err
		}
		if st.Mode()&fs.ModeSymlink != 0 {
			to, err := os.Readlink(at)
			if links++; err != nil || links > maxLinks {
				return fault.New(fault.Permission, "the links at %s cannot be followed", at)
			}
			at = filepath.Dir(at)
			if filepath.IsAbs(to) {
				at = "/"
			}
			// Not cleaned: behind a link, .. is the parent of where that leads.
			rest = append(strings.Split(to, "/"), rest...)
		}
		for len(rest) > 0 && (rest[0] == "" || rest[0] == ".") {
			rest = rest[1:]
		}
		if len(rest) == 0 {
			return nil
		}
		at, rest = filepath.Join(at, rest[0]), rest[1:]
	}
}

// maxLinks is how many links a path may have, as for the system.
const maxLinks = 40

// changedByUs makes sure that a file, a folder or a link can be changed by this process's user and root alone.
func changedByUs(path string, st fs.FileInfo) error {
	sys, ok := st.Sys().(*syscall.Stat_t)
	if !ok {
		return fault.New(fault.Permission, "the owner of %s is not known", path)
	}
	if uid := int(sys.Uid); uid != 0 && uid != os.Geteuid() {
		return fault.New(fault.Permission, "%s belongs to another user, %s", path, userName(uid))
	}
	mode := st.Mode()
	// There, everybody may only change what is his.
	if mode&fs.ModeSymlink != 0 || mode.IsDir() && mode&fs.ModeSticky != 0 {
		return nil
	}
	if mode.Perm()&0o002 != 0 || mode.Perm()&0o020 != 0 && !ownGroup(int(sys.Gid)) {
		return fault.New(fault.Permission, "%s can be changed by other users (%s)", path, mode)
	}
	return nil
}

// ownGroup reports whether a group has nobody in it but this process's user and administrators: many systems give each
// user one of his own, with his name, and let it write what is his.
func ownGroup(gid int) bool {
	g, err := user.LookupGroupId(strconv.Itoa(gid))
	name := ""
	if err == nil {
		name = g.Name
	}
	switch {
	case gid == 0:
		return true
	case runtime.GOOS == "darwin" && gid == 80: // admin, to which /Applications and the like belong
		return true
	case runtime.GOOS == "linux" && gid == 50 && name == "staff": // Debian's, to which /usr/local belongs
		return true
	}
	return name != "" && name == userName(os.Geteuid())
}

// userName is the name of a user, or his number where there is none.
func userName(uid int) string {
	if u, err := user.LookupId(strconv.Itoa(uid)); err == nil {
		return u.Username
	}
	return strconv.Itoa(uid)
}
