package usage

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/levadahq/levada/internal/fault"
)

// Cgroups is a folder in which a cgroup can be made for each task, so that the
// kernel keeps the true peak of its memory. The peak counts what the task's
// processes caused to be held, the page cache of files that they were the first
// to read included; pages of the fork server that were there before are the fork
// server's.
//
// Version 2 of cgroups needs Linux 5.19 (memory.peak) and a folder that was
// delegated to the user, as `systemd-run --user --scope -p Delegate=yes` makes;
// of version 1 the memory hierarchy is used.
type Cgroups struct {
	dir  string
	peak string // name of the file with the peak
}

// Cgroup is the cgroup of one task.
type Cgroup struct {
	dir  string
	peak string
}

const (
	peakV2 = "memory.peak"
	peakV1 = "memory.max_usage_in_bytes"
)

// OpenCgroups finds a folder for the tasks' cgroups: the one that delegated (the
// value of LEVADA_CGROUP) names, or else this process's own of version 2. It
// fails with a fault of kind Unavailable, which says why, where none can be made;
// that is the usual case and nothing to trouble the user with unless he gave the
// folder. With version 2 this process may be moved to a cgroup "levada.engine"
// in that folder if it is the only one there, since the kernel allows no
// processes beside cgroups.
func OpenCgroups(delegated string) (*Cgroups, error) {
	dirs := []string{delegated}
	if delegated == "" {
		dirs = ownCgroups("", "memory")
		if len(dirs) == 0 || !exists(filepath.Join(dirs[0], "cgroup.controllers")) {
			return nil, unavailable("", "this process is in no cgroup of version 2")
		}
	}
	return openCgroups(filepath.Clean(dirs[0]))
}

func openCgroups(dir string) (*Cgroups, error) {
	c := &Cgroups{dir: dir, peak: peakV1}
	if controllers, ok := readLine(filepath.Join(dir, "cgroup.controllers")); ok {
		c.peak = peakV2
		if !slices.Contains(strings.Fields(controllers), "memory") {
			return nil, unavailable(dir, "the memory controller is not on in it")
		}
		if err := enableMemory(dir); err != nil {
			return nil, err
		}
	} else if !exists(filepath.Join(dir, "cgroup.procs")) || !exists(filepath.Join(dir, peakV1)) {
		return nil, unavailable(dir, "it is not a cgroup with a memory controller")
	}
	probe, err := c.Create("levada.probe." + strconv.Itoa(os.Getpid()))
	if err != nil {
		return nil, err
	}
	_, err = probe.Peak()
	if removeErr := probe.Remove(); err == nil {
		err = removeErr
	}
	if err != nil {
		return nil, unavailable(dir, "the kernel does not tell the peak of a cgroup's memory").Because(err)
	}
	return c, nil
}

// enableMemory turns the memory controller on for the cgroups below dir.
func enableMemory(dir string) error {
	control := filepath.Join(dir, "cgroup.subtree_control")
	on, ok := readLine(control)
	if ok && slices.Contains(strings.Fields(on), "memory") {
		return nil
	}
	err := writeControl(control, "+memory")
	if errors.Is(err, syscall.EBUSY) && aloneIn(dir) {
		engine := filepath.Join(dir, "levada.engine")
		if err := os.Mkdir(engine, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
			return unavailable(dir, "no cgroup can be made in it").Because(err)
		}
		if err := writeControl(filepath.Join(engine, "cgroup.procs"), strconv.Itoa(os.Getpid())); err != nil {
			return unavailable(dir, "this process cannot be moved out of it").Because(err)
		}
		err = writeControl(control, "+memory")
	}
	if err != nil {
		return unavailable(dir, "the memory controller cannot be turned on below it").Because(err)
	}
	return nil
}

// aloneIn reports whether this process is the only one directly in a cgroup.
func aloneIn(dir string) bool {
	text, ok := readLine(filepath.Join(dir, "cgroup.procs"))
	return ok && text == strconv.Itoa(os.Getpid())
}

// Dir returns the folder in which the cgroups are made.
func (c *Cgroups) Dir() string { return c.dir }

// Create makes the cgroup of a task. The name is a file name, such as
// "levada.17.4.0". A cgroup of that name left by an earlier run is taken over if
// it is empty.
func (c *Cgroups) Create(name string) (*Cgroup, error) {
	if name == "" || !filepath.IsLocal(name) || strings.ContainsRune(name, filepath.Separator) {
		return nil, fault.New(fault.Internal, "%q is not a name for a cgroup", name)
	}
	dir := filepath.Join(c.dir, name)
	err := os.Mkdir(dir, 0o755)
	if errors.Is(err, fs.ErrExist) {
		// Made anew, because the peak of version 2 cannot be reset.
		if err = os.Remove(dir); err == nil {
			err = os.Mkdir(dir, 0o755)
		}
	}
	if err != nil {
		return nil, unavailable(c.dir, "no cgroup can be made in it").Because(err)
	}
	return &Cgroup{dir: dir, peak: c.peak}, nil
}

// Dir returns the cgroup's folder.
func (g *Cgroup) Dir() string { return g.dir }

// Peak returns the most bytes that the cgroup has held since it was made.
func (g *Cgroup) Peak() (int64, error) {
	text, err := os.ReadFile(filepath.Join(g.dir, g.peak))
	if err == nil {
		var n int64
		if n, err = strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64); err == nil {
			return n, nil
		}
	}
	return 0, unavailable(g.dir, "its peak cannot be read").Because(err)
}

// OOMKills returns how many of its processes the kernel has killed because memory ran out, -1 if it does not tell or none
// has entered it.
func (g *Cgroup) OOMKills() int64 {
	if peak, err := g.Peak(); err != nil || peak == 0 {
		return -1
	}
	return oomKillsIn(g.dir)
}

// Remove removes the cgroup. It fails with a fault of kind Conflict while there
// are processes in it, and is done if the cgroup is gone already.
func (g *Cgroup) Remove() error {
	// The files in a cgroup go with its folder.
	err := syscall.Rmdir(g.dir)
	switch {
	case err == nil || errors.Is(err, fs.ErrNotExist):
		return nil
	case errors.Is(err, syscall.EBUSY):
		return fault.New(fault.Conflict, "there are processes in it").On("cgroup " + g.dir)
	}
	return unavailable(g.dir, "it cannot be removed").Because(err)
}

func writeControl(path, text string) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Close())
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func unavailable(dir, message string) *fault.Error {
	e := fault.New(fault.Unavailable, "%s", message)
	if dir != "" {
		e.Subject = "cgroup " + dir
	}
	return e
}
