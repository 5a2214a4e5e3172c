// Package pyenv makes the virtual environments that steps ask for with @pypi, @conda and their flow-wide forms, and
// finds the interpreters they are made from.
//
// What a step asks for is a [Request], read from the flow's definition ([Of], pure). [Cache.Prepare] turns it into an
// [Environment], an interpreter that has the packages, in two steps:
//
//   - The request is resolved to a [Lock]: every package with its version and, if the tool provides them, its hashes.
//     Locks are kept by the content of the request. The same request gives the same packages until somebody asks for a
//     rebuild, however the registry has changed in between.
//   - The lock is installed into a folder named after the lock's content. Flows, steps and runs that resolve to the
//     same packages share it.
//
// Virtual environments contain their own path, so each is made in its final place, not renamed into it. A file that is
// written last, by rename, marks it as complete; a folder without that file is unfinished and is made again. Whoever
// makes an environment holds a lock on a file beside it. The tools that it starts inherit the descriptor, so the lock
// is held until they have ended too, even if Levada is killed half-way.
//
// uv does the work if it is on the PATH, otherwise Python's own venv and pip. Conda packages come from micromamba,
// mamba or conda, whichever is found first. All of them see the environment of the command, so a private registry is
// configured as usual (PIP_INDEX_URL, pip.conf, UV_INDEX, CONDA_CHANNELS).
package pyenv

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/levadahq/levada/internal/fault"
)

// Environment is an interpreter with the packages of a request.
type Environment struct {
	Python   string   // the interpreter, absolute
	Version  string   // of the interpreter: "3.11.7"
	Packages []string // "name==version", sorted
	Lock     string   // name of the lock: the hash of its content
}

// Cache makes environments and keeps them in a folder.
type Cache struct {
	Dir     string   // the folder
	Env     []string // environment of the tools, as of os.Environ
	WorkDir string   // folder that the tools run in: relative paths of find-links are relative to it
	Base    string   // interpreter of the flow
	Version string   // its version
	Rebuild bool     // resolve anew, whatever has been locked
	// Tell says what takes its time. May be nil.
	Tell func(format string, args ...any)

	mu   sync.Mutex
	pips map[string]string // by interpreter: the one whose pip is used
}

func (c *Cache) tell(format string, args ...any) {
	if c.Tell != nil {
		c.Tell(format, args...)
	}
}

// completeFile marks an environment that is made to the end.
const completeFile = ".levada-complete"

// Prepare returns the environment of a request, making it if there is none.
func (c *Cache) Prepare(ctx context.Context, r Request) (Environment, error) {
	if err := os.MkdirAll(filepath.Join(c.Dir, "locks"), 0o755); err != nil {
		return Environment{}, c.unwritable(err)
	}
	tool, err := c.tool(r)
	if err != nil {
		return Environment{}, err
	}
	python, version, err := tool.interpreter(ctx, r)
	if err != nil {
		return Environment{}, err
	}
	files, err := digestLocal(r)
	if err != nil {
		return Environment{}, err
	}
	key := hashOf(r.wants(), python, version, files, c.settings())
	lock, err := c.locked(ctx, r, key, func() (*Lock, error) {
		c.tell("Resolving the packages of %s with %s: %s", r.who(), tool.name(), r.text())
		return tool.resolve(ctx, r, python, version)
	})
	if err != nil {
		return Environment{}, err
	}
	dir := filepath.Join(c.Dir, hashOf(lock)[:24])
	made := Environment{Version: lock.Python, Packages: lock.packages(), Lock: filepath.Base(dir), Python: filepath.Join(dir, "bin", "python")}
	if complete(dir) {
		return made, nil
	}
	release, err := c.hold(ctx, dir+".lock", r)
	if err != nil {
		return Environment{}, err
	}
	defer release.Close()
	if complete(dir) {
		return made, nil // somebody else made it while we waited
	}
	if err := os.RemoveAll(dir); err != nil {
		return Environment{}, c.unwritable(err)
	}
	c.tell("Making the environment of %s with %s: Python %s, packages: %d", r.who(), tool.name(), lock.Python, len(made.Packages))
	if err := tool.install(ctx, r, lock, python, dir, release); err != nil {
		os.RemoveAll(dir)
		return Environment{}, err
	}
	if err := writeFile(filepath.Join(dir, completeFile), nil); err != nil {
		return Environment{}, c.unwritable(err)
	}
	return made, nil
}

// complete reports whether an environment is made to the end and its interpreter is still there.
func complete(dir string) bool {
	if _, err := os.Stat(filepath.Join(dir, completeFile)); err != nil {
		return false
	}
	_, err := os.Stat(filepath.Join(dir, "bin", "python")) // a link, often to an interpreter that can be removed
	return err == nil
}

// locked returns the lock of a request, resolving it if there is none or a new one is wanted.
func (c *Cache) locked(ctx context.Context, r Request, key string, resolve func() (*Lock, error)) (*Lock, error) {
	file := filepath.Join(c.Dir, "locks", key[:24]+".json")
	if !c.Rebuild {
		if l := readLock(file); l != nil {
			return l, nil
		}
	}
	release, err := c.hold(ctx, file+".lock", r)
	if err != nil {
		return nil, err
	}
	defer release.Close()
	if !c.Rebuild {
		if l := readLock(file); l != nil {
			return l, nil
		}
	}
	l, err := resolve()
	if err != nil {
		return nil, err
	}
	slices.SortFunc(l.Packages, func(a, b Package) int { return strings.Compare(a.Name, b.Name) })
	text, err := json.MarshalIndent(l, "", "  ")
	if err == nil {
		err = writeFile(file, append(text, '\n'))
	}
	if err != nil {
		return nil, c.unwritable(err)
	}
	return l, nil
}

func readLock(file string) *Lock {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil
	}
	l := new(Lock)
	if json.Unmarshal(text, l) != nil || l.Python == "" {
		return nil // damaged: it is resolved anew
	}
	return l
}

// writeFile writes a file whole or not at all.
func writeFile(path string, data []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".new-")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(data)
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

func (c *Cache) unwritable(err error) error {
	return (&fault.Error{Kind: fault.Permission, Op: "keep environments", Subject: c.Dir, Cause: err}).
		Do("set LEVADA_CACHE to a folder that you can write to")
}

// settings are what else decides which packages a tool finds: the registries that it is told of.
func (c *Cache) settings() []string {
	var found []string
	for _, kv := range c.Env {
		name, _, _ := strings.Cut(kv, "=")
		switch name {
		case "PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS", "PIP_NO_INDEX", "PIP_CONFIG_FILE", "PIP_PRE", "PIP_CONSTRAINT",
			"UV_INDEX", "UV_DEFAULT_INDEX", "UV_INDEX_URL", "UV_EXTRA_INDEX_URL", "UV_FIND_LINKS", "UV_NO_INDEX", "UV_CONSTRAINT", "CONDA_CHANNELS":
			found = append(found, kv)
		}
	}
	slices.Sort(found)
	return found
}

// digestLocal is a digest of the files that a request names, so that a wheel that was built anew is installed anew.
func digestLocal(r Request) (string, error) {
	h := sha256.New()
	for _, name := range sortedNames(r.Pypi) {
		path := localPath(r.Pypi[name], r.Folder)
		if path == "" {
			continue
		}
		err := filepath.WalkDir(path, func(p string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			if d.IsDir() {
				if strings.HasPrefix(d.Name(), ".") && p != path {
					return filepath.SkipDir
				}
				return nil
			}
			f, err := os.Open(p)
			if err != nil {
				return err
			}
			defer f.Close()
			io.WriteString(h, p+"\x00")
			_, err = io.Copy(h, f)
			return err
		})
		if err != nil {
			return "", fault.New(fault.NotFound, "%s: the package %s should come from %s, which cannot be read", r.who(), name, path).Because(err)
		}
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// hashOf is the hash of values as JSON.
func hashOf(values ...any) string {
	text, err := json.Marshal(values)
	if err != nil {
		panic(err) // only plain structs come here
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}
