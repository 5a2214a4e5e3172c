//go:build unix

package mfdata

import (
	"errors"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// openPlain opens a plain file below the root of a datastore. Where it is was told by whoever records runs, and what is
// in it is told to whoever asks. So no part of the way below the root is a link, which could lead to any file that this
// process may read, and none of the root's that has become one since it was looked up; the file is no pipe and no
// device, which could be waited for, or read, without end; and who told of it may read it himself. That is asked of
// what is opened, not of its name, so that nothing can be put in its place meanwhile.
func openPlain(root, below string, by *int) (*os.File, error) {
	path := filepath.Join(root, below)
	failed := func(err error) (*os.File, error) { return nil, &fs.PathError{Op: "open", Path: path, Err: err} }
	real, err := filepath.EvalSymlinks(root)
	if err != nil {
		return nil, err
	}
	if !filepath.IsAbs(real) {
		return failed(errors.New("the root of the datastore is no absolute path"))
	}
	parts := split(real)
	depth := len(parts) // of the root
	parts = append(parts, split(below)...)
	for _, part := range parts {
		if part == ".." {
			return failed(errors.New("it leads out of the datastore"))
		}
	}
	w := &reader{by: by, ours: true}
	at, err := open(unix.AT_FDCWD, "/", folderFlags)
	if err != nil {
		return failed(err)
	}
	defer func() { unix.Close(at) }()
	for i, part := range parts {
		if err := w.look(at, 0o1, i >= depth); err != nil { // the root, and all below it, say whose it is
			return failed(err)
		}
		flags := folderFlags
		if i == len(parts)-1 {
			flags = unix.O_RDONLY | unix.O_NONBLOCK
		}
		next, err := open(at, part, flags)
		if err != nil {
			if err == unix.ELOOP || err == unix.ENOTDIR { // what it says of a link depends on the system
				return failed(errors.New("a part of the path is a link or no folder"))
			}
			return failed(err)
		}
		unix.Close(at)
		at = next
	}
	if err := w.look(at, 0o4, true); err != nil {
		return failed(err)
	}
	var st unix.Stat_t
	if err := unix.Fstat(at, &st); err != nil {
		return failed(err)
	}
	if st.Mode&unix.S_IFMT != unix.S_IFREG {
		return failed(errors.New("it is no plain file"))
	}
	if err := w.may(); err != nil {
		return failed(err)
	}
	fd := at
	at = -1 // closed with the file
	return os.NewFile(uintptr(fd), path), nil
}

func split(path string) []string {
	return slices.DeleteFunc(strings.Split(path, "/"), func(s string) bool { return s == "" || s == "." })
}

// open opens something in a folder, which is no link.
func open(at int, name string, flags int) (int, error) {
	for {
		fd, err := unix.Openat(at, name, flags|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
		if err != unix.EINTR {
			return fd, err
		}
	}
}

// reader is who told of a file, as far as that is known, and what he may.
type reader struct {
	by     *int
	ours   bool // all that was looked at, from the root of the datastore on, belongs to the user of this process
	denied bool
	groups []int
	asked  bool // for the groups
}

// look takes note of whether the reader may read or pass something: bit is 0o4 or 0o1.
func (w *reader) look(fd int, bit uint32, within bool) error {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return err
	}
	if within && int(st.Uid) != os.Geteuid() {
		w.ours = false
	}
	mode := uint32(st.Mode)
	uid := Somebody
	if w.by != nil {
		uid = *w.by
	}
	switch {
	case uid >= 0 && uint32(uid) == st.Uid:
		bit <<= 6
	case uid >= 0 && mode&bit != mode>>3&bit && w.in(uid, int(st.Gid)): // else it does not matter
		bit <<= 3
	}
	if mode&bit == 0 {
		w.denied = true
	}
	return nil
}

// in reports whether the reader is in a group.
func (w *reader) in(uid, gid int) bool {
	if !w.asked {
		w.asked = true
		if u, err := user.LookupId(strconv.Itoa(uid)); err == nil {
			names, _ := u.GroupIds()
			for _, name := range append(names, u.Gid) {
				if n, err := strconv.Atoi(name); err == nil {
					w.groups = append(w.groups, n)
				}
			}
		}
	}
	return slices.Contains(w.groups, gid)
}

// may decides. What root or the user of this process tells of is limited by the system alone. Of one of whom
// nothing can be known, on a system that does not tell whose connections are, it is taken that he is the
// user of this process, unless that is root.
func (w *reader) may() error {
	me := os.Geteuid()
	switch {
	case !w.denied:
	case w.by != nil && (*w.by == 0 || *w.by == me):
	case w.by == nil && w.ours && me != 0:
	default:
		return errNotTheirs
	}
	return nil
}
