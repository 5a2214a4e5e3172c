// Package local opens stores in folders of this machine: it finds the folder, opens the database and the files in it, and
// puts together what a service needs of them. It alone knows that a store is SQLite and files; the program
// (package app) and the Go client are put together on it.
package local

import (
	"context"
	"os"
	"path/filepath"
	"time"

	"github.com/levadahq/levada/internal/blob"
	"github.com/levadahq/levada/internal/blob/file"
	"github.com/levadahq/levada/internal/datastore"
	"github.com/levadahq/levada/internal/fault"
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
	path := filepath.Join(s.Config.Home, sqlite.FileName)
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
		if st, err := os.Stat(filepath.Join(home, sqlite.FileName)); err != nil || st.IsDir() {
			where.Access = Read
		}
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
	s.Config.Data = datastore.New(meta, s.Bucket, filepath.Join(home, "staging"))
	return s, nil
}

// homeName is the name of a store's folder.
const homeName = ".levada"

// find looks for the store: where it was named, else upward from a folder. One that is needed and not there is made.
func find(where Where) (home string, created bool, err error) {
	exists := func(dir string) bool {
		st, err := os.Stat(dir)
		return err == nil && st.IsDir()
	}
	if home = where.Path; home == "" {
		for dir := where.Dir; ; dir = filepath.Dir(dir) {
			if home = filepath.Join(dir, homeName); exists(home) {
				return home, false, nil
			}
			if dir == filepath.Dir(dir) {
				break
			}
		}
		home = filepath.Join(where.Dir, homeName)
	}
	if home, err = filepath.Abs(home); err != nil {
		return "", false, fault.Wrap(fault.Usage, "find the store", err)
	}
	if exists(home) {
		return home, false, nil
	}
	if where.Access != Create && where.Path != "" {
		return "", false, fault.New(fault.NotFound, "there is no store here").On(home)
	}
	if where.Access != Create {
		return "", false, fault.New(fault.NotFound, "there is no store here: no folder %s in %s or above it", homeName, where.Dir).
			Do("run a flow first, go to where it was run, or name the store with LEVADA_HOME")
	}
	if err := os.MkdirAll(home, 0o777); err != nil {
		return "", false, (&fault.Error{Kind: fault.KindOf(blob.Fault("", "", err)), Op: "make the store", Subject: home, Cause: err}).
			Do("run in a folder that can be written, or name one with LEVADA_HOME")
	}
	return home, true, nil
}
