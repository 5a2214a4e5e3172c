package interp

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
)

// entryVersion is the version of [entry]. 1: 2026, first.
const entryVersion = 1

// maxEntries is how many entries are kept; the oldest go first.
const maxEntries = 64

// entry is a resolution as it is remembered, one file each.
type entry struct {
	Version int    `json:"version"`
	Key     string `json:"key"` // SHA-256 of the key: the key itself holds the environment
	AsIs    bool   `json:"as_is,omitempty"`
	Path    string `json:"path,omitempty"`
	Stamp   string `json:"stamp,omitempty"` // of the file at Path
	Python  string `json:"python"`
}

// load returns the resolution remembered for key, if it still holds.
func load(dir, key string) (resolution, bool) {
	name := keyName(key)
	path := filepath.Join(dir, name+".json")
	f, err := os.Open(path)
	if err != nil {
		return resolution{}, false
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() || info.Size() > 64<<10 || !onlyOurs(info) {
		return resolution{}, false
	}
	if folder, err := os.Stat(dir); err != nil || !onlyOurs(folder) {
		return resolution{}, false
	}
	var e entry
	if err := json.NewDecoder(f).Decode(&e); err != nil {
		return resolution{}, false
	}
	if e.Version != entryVersion || e.Key != name || !isVersion(e.Python) {
		return resolution{}, false
	}
	if e.AsIs {
		return resolution{AsIs: true, Version: e.Python}, true
	}
	if !filepath.IsAbs(e.Path) || !executable(e.Path) || stamp(e.Path) != e.Stamp {
		return resolution{}, false
	}
	return resolution{Path: e.Path, Version: e.Python}, true
}

// store remembers a resolution: written beside and renamed into place.
func store(dir, key string, r resolution) error {
	e := entry{Version: entryVersion, Key: keyName(key), AsIs: r.AsIs, Path: r.Path, Python: r.Version}
	if !r.AsIs {
		e.Stamp = stamp(r.Path)
	}
	text, err := json.Marshal(e)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	prune(dir)
	f, err := os.CreateTemp(dir, ".new-*")
	if err != nil {
		return err
	}
	_, err = f.Write(append(text, '\n'))
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		err = os.Rename(f.Name(), filepath.Join(dir, e.Key+".json"))
	}
	if err != nil {
		_ = os.Remove(f.Name())
	}
	return err
}

// prune removes the oldest entries beyond the number that is kept, and with
// them what writers left that did not finish.
func prune(dir string) {
	list, err := os.ReadDir(dir)
	if err != nil || len(list) < maxEntries {
		return
	}
	infos := make([]os.FileInfo, 0, len(list))
	for _, d := range list {
		if info, err := d.Info(); err == nil && info.Mode().IsRegular() {
			infos = append(infos, info)
		}
	}
	slices.SortFunc(infos, func(a, b os.FileInfo) int { return b.ModTime().Compare(a.ModTime()) })
	for _, info := range infos[min(maxEntries/2, len(infos)):] {
		_ = os.Remove(filepath.Join(dir, info.Name()))
	}
}

func keyName(key string) string {
	sum := sha256.Sum256([]byte(key))
	return hex.EncodeToString(sum[:])
}
