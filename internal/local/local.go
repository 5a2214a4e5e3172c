// Package local opens stores in folders of this machine: it finds the folder, opens the database and the files in it,
// and assembles what a service needs of them. It is the only package that knows that a store is SQLite and files; the
// program (package app) and the Go client are built on it.
package local

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/levadahq/levada/internal/blob"
	"github.com/levadahq/levada/internal/blob/file"
	"github.com/levadahq/levada/internal/datastore"
	"github.com/levadahq/levada/internal/fault"
	"github.com/levadahq/levada/internal/layout"
	"github.com/levadahq/levada/internal/metastore/sqlite"
	"github.com/levadahq/levada/internal/service"
	"github.com/levadahq/levada/internal/usage"
)

// Access says what a store is opened for.
type Access int

// What a store is opened for.
const (
	Read   Access = iota // a missing store is a NotFound fault
	Change               // records of what is there; a missing store is a NotFound fault
	Create               // runs; a missing store is made
)

// Where says where a store is.
type Where struct {
	Dir    string // a store is looked for in it and in the folders above, and made in it
	Path   string // the store itself; empty looks for one from Dir
	Access Access
}

// Store is an opened store.
type Store struct {
	Config  service.Config // what a service that looks back needs
	Bucket  blob.Bucket    // where large values are
	Created bool           // it was made just now
	where   Where          // where it was looked for
	meta    *sqlite.Store
}

// Close closes the store.
func (s *Store) Close() error { return s.Config.Store.Close() }

// Present returns a fault of kind NotFound if the store that is open is no longer the one at its path.
func (s *Store) Present() error { return s.meta.Present() }

// Gone returns a function that tells whether the store's database is no longer the one that would be opened: it was
// deleted, replaced by another, or there is a store that is nearer to where this one was looked for.
func (s *Store) Gone() func() bool {
	path := filepath.Join(s.Config.Home, layout.Database)
	before, err := os.Stat(path)
	return func() bool {
		if home, _, gone := find(s.where); gone != nil || home != s.Config.Home {
			return true
		}
		now, gone := os.Stat(path)
		return err != nil || gone != nil || !os.SameFile(before, now)
	}
}

// Machine is what a service knows of this machine, without a store.
func Machine(dir string) service.Config {
	host, _ := os.Hostname()
	return service.Config{Host: host, Boot: usage.BootID(), Namespace: usage.PIDNamespace(), Dir: dir, Now: time.Now}
}

// Open opens a store.
func Open(ctx context.Context, where Where) (*Store, error) {
	home, created, err := find(where)
	if err != nil {
		return nil, err
	}
	if where.Access == Change {
		// What is there is looked at first: opening for writing would make what is not.
		if st, err := os.Stat(filepath.Join(home, layout.Database)); err != nil || st.IsDir() {
			where.Access = Read
		}
	}
	if err := bereft(home); err != nil {
		return nil, err
	}
	meta, err := sqlite.Open(ctx, home, sqlite.Options{
		ReadOnly: where.Access == Read, Reserve: where.Access == Create, Spend: where.Access == Change,
	})
	if err != nil {
		return nil, err
	}
	s := &Store{Config: Machine(where.Dir), Created: created, where: where, meta: meta}
	s.where.Access = Read // looking again makes nothing
	s.Config.Home, s.Config.Store = home, meta
	s.Bucket = file.New(home)
	s.Config.Data = datastore.New(meta, s.Bucket, layout.StagingOf(home))
	return s, nil
}

// bereft returns a fault if there are values in a store, and no database that says whose they are: it was lost. A new
// one in its place would have no runs, so that all of the values would be taken for what nobody needs.
func bereft(home string) error {
	path, what := filepath.Join(home, layout.Database), "is not there"
	if st, err := os.Stat(path); err == nil && st.Size() > 0 || err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil
	} else if err == nil {
		if log, err := os.Stat(path + "-wal"); err == nil && log.Size() > 0 {
			return nil // all of it is in the log yet
		}
		what = "is empty"
	}
	values := filepath.Join(home, layout.Values)
	some := errors.New("there are some")
	if filepath.WalkDir(values, func(_ string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			return some
		}
		return nil
	}) != some {
		return nil
	}
	return fault.New(fault.Corrupt, "the store has values, but its database %s, and only that says which runs there were and which values are theirs", what).On(path).
		Do("Put %s back, from a backup or from where it was moved, with %s-wal if there is one. To start with an empty store, move the values away: mv %s %s.old",
			layout.Database, layout.Database, values, values)
}

// find looks for the store: where it was named, else upward from a folder. One that is needed and not there is made.
func find(where Where) (home string, created bool, err error) {
	exists := func(dir string) bool {
		st, err := os.Stat(dir)
		return err == nil && st.IsDir()
	}
	// A link that leads to no folder is a store that was meant to be there: none is made, or looked for, elsewhere.
	astray := func(dir string) error {
		to, err := os.Readlink(dir)
		if err != nil {
			return nil // no link
		}
		what := "is not there"
		if st, err := os.Stat(dir); err == nil && !st.IsDir() {
			what = "is not a folder"
		}
		return fault.New(fault.NotFound, "the store is a link to %s, which %s", to, what).On(dir).
			Do("restore what it links to, or remove the link: rm %s", dir)
	}
	if home = where.Path; home == "" {
		for dir := where.Dir; ; dir = filepath.Dir(dir) {
			if home = filepath.Join(dir, layout.Folder); exists(home) {
				return home, false, nil
			}
			if err := astray(home); err != nil {
				return "", false, err
			}
			if dir == filepath.Dir(dir) {
				break
			}
		}
		home = filepath.Join(where.Dir, layout.Folder)
	}
	if home, err = filepath.Abs(home); err != nil {
		return "", false, fault.Wrap(fault.Usage, "find the store", err)
	}
	if exists(home) {
		return home, false, nil
	}
	if err := astray(home); err != nil {
		return "", false, err
	}
	if st, err := os.Stat(home); err == nil && where.Access == Create {
		return "", false, fault.New(fault.Conflict, "the store must be a folder, but there is a file with that name (%s)", st.Mode()).On(home).
			Do("move it away, or choose another folder with LEVADA_HOME")
	}
	if where.Access != Create && where.Path != "" {
		return "", false, fault.New(fault.NotFound, "there is no store here").On(home)
	}
	if where.Access != Create {
		return "", false, fault.New(fault.NotFound, "there is no store here: no folder %s in %s or above it", layout.Folder, where.Dir).
			Do("run a flow first, go to where it was run, or name the store with LEVADA_HOME")
	}
	if err := os.MkdirAll(home, 0o777); err != nil {
		return "", false, (&fault.Error{Kind: fault.KindOf(fault.Of("", "", err)), Op: "make the store", Subject: home, Cause: err}).
			Do("run in a folder that you can write to, or set LEVADA_HOME to one")
	}
	return home, true, nil
}
