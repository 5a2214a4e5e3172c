package codepack

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/levadahq/levada/internal/fault"
)

// linkEntries is how many directory entries are looked at below one link to a folder.
const linkEntries = 2000

// List walks a folder and returns what is to be packed of it.
func List(ctx context.Context, o Options) (*Listing, error) {
	if o.Suffixes == nil {
		o.Suffixes = ParseSuffixes(DefaultSuffixes)
	}
	if o.MaxBytes <= 0 {
		o.MaxBytes = DefaultMaxBytes
	}
	if o.MaxEntries <= 0 {
		o.MaxEntries = DefaultMaxEntries
	}
	w := walker{Options: o, l: &Listing{dir: o.Dir, max: o.MaxBytes}, have: map[string]bool{}}
	if err := w.walk(ctx, ""); err != nil {
		if ctx.Err() != nil {
			return nil, fault.Wrap(fault.Interrupted, "list code", err)
		}
		return nil, fault.New(fault.NotFound, "the flow's folder cannot be read").On(o.Dir).Because(err)
	}
	w.include()
	slices.Sort(w.links) // which of many are left out does not depend on the disk
	for _, link := range w.links {
		if w.over {
			break
		}
		if err := w.follow(ctx, link); err != nil {
			return nil, fault.Wrap(fault.Interrupted, "list code", err)
		}
	}
	l := w.l
	slices.SortFunc(l.Files, func(a, b File) int { return cmp.Compare(a.Path, b.Path) })
	switch {
	case w.over:
		l.Over, l.Note = true, w.overEntries()
	case l.Bytes > o.MaxBytes:
		l.Over, l.Note = true, l.overBytes()
	case len(w.skipped) > 0:
		l.Note = w.leftOut()
	}
	return l, nil
}

// walker is one walk over a folder.
type walker struct {
	Options
	l       *Listing
	have    map[string]bool
	entries int
	over    bool
	counts  []folderCount // folders with many entries
	links   []string      // links to folders, below Dir
	linked  bool          // the walk is below such a link
	below   int           // entries looked at below all of them
	skipped []string      // those that are left out
}

type folderCount struct {
	path string
	n    int
}

// walk lists a folder and those below it, the nearest first. An error is one
// of the first folder.
func (w *walker) walk(ctx context.Context, start string) error {
	queue := []string{start}
	for i := 0; i < len(queue) && !w.over; i++ {
		if err := ctx.Err(); err != nil {
			return err
		}
		entries, err := w.readDir(queue[i])
		if err != nil {
			if i == 0 {
				return err
			}
			continue // a folder without permission, or one that has just gone
		}
		if queue[i] != "" && environment(entries) {
			continue
		}
		for _, e := range entries {
			name := e.Name()
			if name[0] == '.' {
				continue
			}
			rel := path.Join(queue[i], name)
			switch {
			case e.IsDir():
				if !skipFolder(name) {
					queue = append(queue, rel)
				}
			case e.Type().IsRegular():
				if w.wanted(name) {
					if info, err := e.Info(); err == nil {
						w.add(rel, info)
					}
				}
			case e.Type()&fs.ModeSymlink != 0:
				w.link(rel)
			}
		}
	}
	return nil
}

// readDir returns a folder's entries as far as the walk may still go.
func (w *walker) readDir(rel string) ([]fs.DirEntry, error) {
	f, err := os.Open(filepath.Join(w.Dir, filepath.FromSlash(rel)))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var all []fs.DirEntry
	for {
		// One more than is allowed tells that there are too many.
		some, err := f.ReadDir(min(1024, w.MaxEntries-w.entries+1))
		all = append(all, some...)
		w.entries += len(some)
		if w.entries > w.MaxEntries {
			w.over = true
		}
		if err != nil || w.over || len(some) == 0 {
			if err == io.EOF || len(all) > 0 {
				err = nil
			}
			w.counts = append(w.counts, folderCount{rel, len(all)})
			return all, err
		}
	}
}

func (w *walker) wanted(name string) bool {
	for _, s := range w.Suffixes {
		if strings.HasSuffix(name, s) {
			return true
		}
	}
	return false
}

func (w *walker) add(rel string, info fs.FileInfo) {
	if w.have[rel] {
		return
	}
	w.have[rel] = true
	w.l.Bytes += info.Size()
	w.l.Files = append(w.l.Files, File{
		Path: rel, Size: info.Size(), Executable: info.Mode().Perm()&0o100 != 0,
	})
}

// link looks where a link leads.
func (w *walker) link(rel string) {
	info, err := os.Stat(filepath.Join(w.Dir, filepath.FromSlash(rel)))
	switch {
	case err != nil:
	case info.Mode().IsRegular() && w.wanted(path.Base(rel)):
		w.add(rel, info)
	case info.IsDir() && !w.linked && !skipFolder(path.Base(rel)):
		w.links = append(w.links, rel)
	}
}

// follow lists what is below a link to a folder, or leaves all of it out. Below all links together, as many entries
// are looked at as in the folder itself.
func (w *walker) follow(ctx context.Context, rel string) error {
	at := filepath.Join(w.Dir, filepath.FromSlash(rel))
	target, err := filepath.EvalSymlinks(at)
	if err != nil {
		return nil
	}
	holder, err := filepath.EvalSymlinks(filepath.Dir(at))
	if err != nil {
		return nil
	}
	if up, err := filepath.Rel(target, holder); err != nil || up == "." || filepath.IsLocal(up) {
		return nil // it holds the link itself
	}
	sub := walker{Options: w.Options, l: &Listing{}, have: map[string]bool{}, linked: true}
	sub.MaxEntries = min(linkEntries, w.MaxEntries-w.below)
	if sub.over = sub.MaxEntries <= 0; !sub.over {
		if err := sub.walk(ctx, rel); err != nil {
			return ctx.Err()
		}
		w.below += sub.entries
	}
	if sub.over {
		w.skipped = append(w.skipped, rel)
		return nil
	}
	for _, f := range sub.l.Files {
		if !w.have[f.Path] {
			w.have[f.Path] = true
			w.l.Bytes += f.Size
			w.l.Files = append(w.l.Files, f)
		}
	}
	return nil
}

// include adds the files that are taken whatever their name.
func (w *walker) include() {
	for _, name := range w.Include {
		rel := path.Clean(name)
		if !filepath.IsLocal(filepath.FromSlash(rel)) {
			continue
		}
		info, err := os.Stat(filepath.Join(w.Dir, filepath.FromSlash(rel)))
		if err == nil && info.Mode().IsRegular() {
			w.add(rel, info)
		}
	}
}

func (w *walker) overEntries() string {
	slices.SortStableFunc(w.counts, func(a, b folderCount) int { return cmp.Compare(b.n, a.n) })
	var names []string
	for _, c := range w.counts[:min(3, len(w.counts))] {
		names = append(names, fmt.Sprintf("%s (%d)", cmp.Or(c.path, "."), c.n))
	}
	return fmt.Sprintf("No code package was taken: there are more than %d files and folders in %s. Most are in: %s. "+
		"Move data out of the flow's folder, or keep the flow in a folder of its own.",
		w.MaxEntries, w.Dir, strings.Join(names, ", "))
}

// leftOut is the note for links that are not followed.
func (w *walker) leftOut() string {
	names, more := w.skipped, ""
	if n := len(names); n > maxNames {
		names, more = names[:maxNames], fmt.Sprintf(" and %d more", n-maxNames)
	}
	return fmt.Sprintf("Left out of the code package: what is below the link %s%s (more than %d files and folders below one link, or %d below all).",
		strings.Join(names, ", "), more, linkEntries, w.MaxEntries)
}

func skipFolder(name string) bool {
	switch name {
	case "__pycache__", "node_modules", "site-packages":
		return true
	}
	return name[0] == '.'
}

// environment reports whether a folder is a virtual environment.
func environment(entries []fs.DirEntry) bool {
	for _, e := range entries {
		if n := e.Name(); n == "pyvenv.cfg" || n == "conda-meta" {
			return true
		}
	}
	return false
}

var errTooLarge = errors.New("the package holds more than its limit")
