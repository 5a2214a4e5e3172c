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
	l := &Listing{dir: o.Dir, max: o.MaxBytes}
	w := walker{Source: Source{Path: o.Dir, Suffixes: o.Suffixes}, found: newFound(l, o.MaxEntries)}
	if err := w.walk(ctx, ""); err != nil && ctx.Err() == nil {
		return nil, fault.New(fault.NotFound, "the flow's folder cannot be read").On(o.Dir).Because(err)
	}
	w.include(o.Include)
	w.followLinks(ctx)
	for _, s := range o.Sources {
		w.take(ctx, s)
	}
	if err := ctx.Err(); err != nil {
		return nil, fault.Wrap(fault.Interrupted, "list code", err)
	}
	slices.SortFunc(l.Files, func(a, b File) int { return cmp.Compare(a.Path, b.Path) })
	switch {
	case w.over:
		l.Over, l.Note = true, w.overEntries(o.Dir)
	case l.Bytes > o.MaxBytes:
		l.Over, l.Note = true, l.overBytes()
	default:
		l.Note = join(w.skippedLinks(), leftOut(w.missing))
	}
	return l, nil
}

// walker is one walk over a folder: the flow's, whose files have no name before theirs, or a source's.
type walker struct {
	Source
	*found
	links  []string // to folders, below the folder
	linked bool     // the walk is below such a link
}

// found is what walks have found together.
type found struct {
	l       *Listing
	have    map[string]bool
	folders map[string]bool // that the files are in
	max     int             // entries that may be looked at
	entries int
	over    bool
	counts  []folderCount
	below   int      // entries looked at below links to folders
	skipped []string // links that are left out
	missing []string // from elsewhere and left out, each with the reason
}

func newFound(l *Listing, max int) *found {
	return &found{l: l, have: map[string]bool{}, folders: map[string]bool{}, max: max}
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
	f, err := os.Open(w.at(rel))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var all []fs.DirEntry
	for {
		// One more than is allowed tells that there are too many.
		some, err := f.ReadDir(min(1024, w.max-w.entries+1))
		all = append(all, some...)
		w.entries += len(some)
		if w.entries > w.max {
			w.over = true
		}
		if err != nil || w.over || len(some) == 0 {
			if err == io.EOF || len(all) > 0 {
				err = nil
			}
			w.counts = append(w.counts, folderCount{path.Join(w.Name, rel), len(all)})
			return all, err
		}
	}
}

func (w *walker) wanted(name string) bool {
	for _, s := range w.Suffixes {
		if n := len(name) - len(s); n >= 0 && strings.EqualFold(name[n:], s) {
			return true
		}
	}
	return false
}

// at is where something below the folder is.
func (w *walker) at(rel string) string { return filepath.Join(w.Path, filepath.FromSlash(rel)) }

func (w *walker) add(rel string, info fs.FileInfo) {
	w.put(File{
		Path: path.Join(w.Name, rel), Size: info.Size(), Executable: info.Mode().Perm()&0o100 != 0, at: w.at(rel),
	})
}

// put adds a file, unless there is one of its name. One from elsewhere may also have the name of a folder of others, or
// of a file as its folder's: then no package could be unpacked that has all of them.
func (f *found) put(file File) {
	if f.have[file.Path] {
		return
	}
	if f.folders[file.Path] {
		f.missing = append(f.missing, fmt.Sprintf("%s: there is a folder %s in the package", file.at, file.Path))
		return
	}
	var above []string
	for folder := path.Dir(file.Path); folder != "." && folder != "/" && !f.folders[folder]; folder = path.Dir(folder) {
		if f.have[folder] {
			f.missing = append(f.missing, fmt.Sprintf("%s: there is a file %s in the package", file.at, folder))
			return
		}
		above = append(above, folder)
	}
	for _, folder := range above {
		f.folders[folder] = true
	}
	f.have[file.Path] = true
	f.l.Bytes += file.Size
	f.l.Files = append(f.l.Files, file)
}

// link looks where a link leads.
func (w *walker) link(rel string) {
	info, err := os.Stat(w.at(rel))
	switch {
	case err != nil:
	case info.Mode().IsRegular() && w.wanted(path.Base(rel)):
		w.add(rel, info)
	case info.IsDir() && !w.linked && !skipFolder(path.Base(rel)):
		w.links = append(w.links, rel)
	}
}

func (w *walker) followLinks(ctx context.Context) {
	slices.Sort(w.links) // which of many are left out does not depend on the disk
	for _, link := range w.links {
		if !w.over {
			w.follow(ctx, link)
		}
	}
}

// follow lists what is below a link to a folder, or leaves all of it out. Below all links together, as many entries
// are looked at as in the folders themselves.
func (w *walker) follow(ctx context.Context, rel string) {
	target, err := filepath.EvalSymlinks(w.at(rel))
	if err != nil {
		return
	}
	holder, err := filepath.EvalSymlinks(filepath.Dir(w.at(rel)))
	if err != nil {
		return
	}
	if up, err := filepath.Rel(target, holder); err != nil || up == "." || filepath.IsLocal(up) {
		return // it holds the link itself
	}
	sub := walker{Source: w.Source, linked: true}
	sub.found = newFound(&Listing{}, min(linkEntries, w.max-w.below))
	if sub.over = sub.max <= 0; !sub.over {
		if err := sub.walk(ctx, rel); err != nil {
			return
		}
		w.below += sub.entries
	}
	if sub.over {
		w.skipped = append(w.skipped, path.Join(w.Name, rel))
		return
	}
	for _, f := range sub.l.Files {
		w.put(f)
	}
}

// take adds what is from elsewhere.
func (w *walker) take(ctx context.Context, s Source) {
	info, err := os.Stat(s.Path)
	if err == nil && info.Mode().IsRegular() {
		w.put(File{Path: s.Name, Size: info.Size(), Executable: info.Mode().Perm()&0o100 != 0, at: s.Path})
		return
	}
	if s.Suffixes == nil {
		s.Suffixes = ParseSuffixes(DefaultSuffixes)
	}
	sub := walker{Source: s, found: w.found}
	switch {
	case err != nil:
	case info.IsDir():
		err = sub.walk(ctx, "")
	default: // to open it may wait for ever
		err = errors.New("it is neither a file nor a folder")
	}
	if err != nil && ctx.Err() == nil {
		w.missing = append(w.missing, s.Path+": "+reason(err))
		return
	}
	sub.followLinks(ctx)
}

// include adds the files that are taken whatever their name.
func (w *walker) include(names []string) {
	for _, name := range names {
		rel := path.Clean(name)
		if !filepath.IsLocal(filepath.FromSlash(rel)) {
			continue
		}
		info, err := os.Stat(w.at(rel))
		if err == nil && info.Mode().IsRegular() {
			w.add(rel, info)
		}
	}
}

func (w *found) overEntries(dir string) string {
	slices.SortStableFunc(w.counts, func(a, b folderCount) int { return cmp.Compare(b.n, a.n) })
	var names []string
	for _, c := range w.counts[:min(3, len(w.counts))] {
		names = append(names, fmt.Sprintf("%s (%d)", cmp.Or(c.path, "."), c.n))
	}
	return fmt.Sprintf("No code package was taken: there are more than %d files and folders in %s. Most are in: %s. "+
		"Move data out of the flow's folder, or keep the flow in a folder of its own.",
		w.max, dir, strings.Join(names, ", "))
}

// skippedLinks is the note for links that are not followed.
func (w *found) skippedLinks() string {
	if len(w.skipped) == 0 {
		return ""
	}
	names, more := w.skipped, ""
	if n := len(names); n > maxNames {
		names, more = names[:maxNames], fmt.Sprintf(" and %d more", n-maxNames)
	}
	return fmt.Sprintf("Left out of the code package: what is below the link %s%s (more than %d files and folders below one link, or %d below all).",
		strings.Join(names, ", "), more, linkEntries, w.max)
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
