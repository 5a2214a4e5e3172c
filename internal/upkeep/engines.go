package upkeep

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/levadahq/levada/internal/blob"
	"github.com/levadahq/levada/internal/datastore"
	"github.com/levadahq/levada/internal/fault"
	"github.com/levadahq/levada/internal/layout"
	"github.com/levadahq/levada/internal/metastore"
	"github.com/levadahq/levada/internal/usage"
)

// Engine is one that was made known.
type Engine struct {
	Staging string // its folder for values on their way into the store
	lock    *os.File
}

// Register makes an engine known to collectors, before it stores its first value, and makes a folder for values on
// their way into the store. Both end with Leave, after the engine's last commit. What dead engines of this machine
// left is removed.
//
// The folder's name says who the engine is, when it began and where: PID-START-BEGAN-MACHINE-nNAMESPACE.…, with
// the process's start time as package usage tells it, nanoseconds since 1970, a hash of the name of this machine,
// and the namespace of the process id. Process ids of another machine, or of a container that has the same
// folder, mean nothing here. While the engine lives it has the folder locked, which tells of it in all containers
// that see the same file system; that a folder is not locked says nothing, since not all file systems have locks,
// nor do all that share a folder share them.
func Register(home string, here metastore.Place) (*Engine, error) {
	root := layout.StagingOf(home)
	if found, err := look(root, here); err == nil {
		for _, l := range found.left {
			os.RemoveAll(l.path)
		}
	}
	if err := os.MkdirAll(root, 0o777); err != nil {
		return nil, fault.Of("make the staging folder", root, err)
	}
	namespace := ""
	if here.Namespace != "" {
		namespace = "n" + here.Namespace + "."
	}
	pid := os.Getpid()
	name := fmt.Sprintf("%d-%d-%d-%s-%s", pid, usage.ProcessStart(pid), blob.Now().UnixNano(), machine(here.Host), namespace)
	folder, err := os.MkdirTemp(root, name)
	if err != nil {
		return nil, fault.Of("make the staging folder", root, err)
	}
	return &Engine{folder, lockFolder(folder)}, nil
}

// Leave takes back that an engine is known, and removes its folder.
func (e *Engine) Leave() {
	os.RemoveAll(e.Staging)
	if e.lock != nil {
		e.lock.Close()
	}
}

// engines is what the staging folder tells.
type engines struct {
	living bool
	oldest time.Time // when the first of those that live began
	left   []leftover
	others []other
	kept   int64 // bytes of what others may still need
}

// other is an engine on another machine, or in a container. Whether it lives is not known from here.
type other struct {
	leftover           // what it leaves if it is dead
	began    time.Time // when it began
	touched  time.Time // when a file came into its folder or left it last
}

// leftover is something that a process left behind when it died.
type leftover struct {
	path  string
	bytes int64
}

// machine is the name of a machine as it stands in the name of a folder.
func machine(host string) string {
	h := fnv.New32a()
	h.Write([]byte(host))
	return fmt.Sprintf("m%08x", h.Sum32())
}

// placeOf is the machine and the namespace in the name of a folder, empty in those of versions that did not say so.
func placeOf(folder string) (where, namespace string) {
	parts := strings.Split(folder, "-")
	if len(parts) != 5 {
		return "", ""
	}
	if text, ok := strings.CutPrefix(parts[4], "n"); ok {
		namespace, _, _ = strings.Cut(text, ".")
	}
	return parts[3], namespace
}

// look finds out from the staging folder which engines live here, and which others there are.
func look(root string, here metastore.Place) (engines, error) {
	var e engines
	entries, err := os.ReadDir(root)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return e, fault.Of("look into the staging folder", root, err)
	}
	for _, entry := range entries {
		var pid int
		var start, began int64
		n, _ := fmt.Sscanf(entry.Name(), "%d-%d-%d-", &pid, &start, &began)
		where, namespace := placeOf(entry.Name())
		seen := here.Boot != "" && (where == "" || where == machine(here.Host)) && namespace == here.Namespace
		switch path := filepath.Join(root, entry.Name()); {
		case n == 3 && isLocked(path):
			e.live(time.Unix(0, began))
		case n == 3 && !seen:
			if st, err := entry.Info(); err == nil { // else it has just gone
				e.others = append(e.others, other{leftover{path: path, bytes: sizeOf(path)}, time.Unix(0, began), st.ModTime()})
			}
		case n == 3 && usage.Alive(pid, start):
			e.live(time.Unix(0, began))
		// A file that is in none of the engines' folders has lost its name in the moment
		// after it was made, if its engine lives.
		case n == 3 || entry.Type().IsRegular():
			e.left = append(e.left, leftover{path: path, bytes: sizeOf(path)})
		}
	}
	return e, nil
}

// live tells of an engine.
func (e *engines) live(began time.Time) {
	if !e.living || began.Before(e.oldest) {
		e.oldest = began
	}
	e.living = true
}

// coarse is how coarsely file systems keep the time of a file, at most.
const coarse = 2 * time.Second

// elsewhere is how long an engine that cannot be seen from here may be silent between the moment it begins and that
// when its run is recorded, or afterwards.
const elsewhere = time.Hour

// engines finds out which engines live: by their folders, and by the runs that go on or may do so again.
func (s *Store) engines(ctx context.Context) (engines, error) {
	e, err := look(layout.StagingOf(s.Home), s.Here)
	if err != nil {
		return e, err
	}
	away := false // a run goes on where its engine cannot be seen from here
	for r, err := range s.Meta.Runs(ctx, metastore.RunFilter{Spun: true, Statuses: []metastore.RunStatus{metastore.RunRunning}}) {
		if err != nil {
			return e, err
		}
		if status, silent := s.Status(r); status != metastore.RunRunning && silent.IsZero() {
			continue
		}
		began := r.Created
		if !r.Lease.In(s.Here) {
			began, away = began.Add(-elsewhere), true
		}
		e.live(began)
	}
	for _, o := range e.others {
		if away || s.Now().Sub(o.touched) < elsewhere {
			e.live(o.began)
			e.kept += o.bytes
		} else {
			e.left = append(e.left, o.leftover)
		}
	}
	return e, nil
}

// young is the moment from which on files may be of use to an engine that lives; zero if none does.
func (e *engines) young() time.Time {
	if !e.living {
		return time.Time{}
	}
	return e.oldest.Add(-coarse)
}

// holds reports whether a file is so young that an engine that lives may be about to need it.
func (e *engines) holds(f datastore.File) bool { return e.living && !f.Stored.Before(e.young()) }

// unwritten is for how long a file that is being written is not written to, at most, while somebody writes it.
const unwritten = time.Hour

// halfWritten tells files that somebody began to write and who died before they were whole from those that somebody
// writes, or may be writing where that cannot be known, and counts the bytes of the latter.
func halfWritten(parts []blob.Part, living bool, now time.Time) (left []blob.Part, kept int64) {
	patience := time.Minute
	if living {
		patience = unwritten
	}
	for _, p := range parts {
		if p.Writer == blob.Gone || p.Writer == blob.Unknown && now.Sub(p.Changed) > patience {
			left = append(left, p)
		} else {
			kept += p.Bytes
		}
	}
	return left, kept
}

// sizeOf is the number of bytes in a file, or in the files of a folder.
func sizeOf(path string) (sum int64) {
	_ = filepath.WalkDir(path, func(_ string, d fs.DirEntry, err error) error {
		if err != nil {
			return nil // it has just gone
		}
		if st, err := d.Info(); err == nil && st.Mode().IsRegular() {
			sum += st.Size()
		}
		return nil
	})
	return sum
}
