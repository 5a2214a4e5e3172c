package rpc

import (
	"context"
	"sync"
)

// stores holds the stores that are open, by the place where they were asked for. The zero value is
// ready.
type stores struct {
	mu    sync.Mutex // of the map and of what seats say of their users; no store is opened under it
	known map[Where]*seat
}

// seat is the place of one store. Its lock is held while the store is opened, which takes as long as a
// server is slow to answer; nobody waits who wants another.
type seat struct {
	mu    sync.Mutex
	store *Store // nil before it is open

	users int  // who have it, or wait for it
	old   bool // no longer known: the last user closes it
}

// get returns a store and a function that gives it back. One that was opened for reading stays open; one
// that is changed is closed again, so that nothing is in the way of others.
func (s *stores) get(ctx context.Context, open Opener, where Where) (*Store, func(), error) {
	if where.URL != "" {
		where.Write = false // a server opens its store itself
	}
	if where.Write {
		st, err := open(ctx, where)
		if err != nil {
			return nil, nil, err
		}
		return st, func() { st.Close() }, nil
	}
	for {
		p := s.enter(where)
		st, err := p.open(context.WithoutCancel(ctx), open, where)
		switch {
		case err != nil:
			s.leave(where, p, false)
			return nil, nil, err
		case st == nil:
			s.leave(where, p, true)
		default:
			return st, func() { s.leave(where, p, false) }, nil
		}
	}
}

// open returns the store, opened if need be; nil if it was open and is gone.
func (p *seat) open(ctx context.Context, open Opener, where Where) (*Store, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.store != nil && p.store.Gone() {
		return nil, nil
	}
	var err error
	if p.store == nil {
		p.store, err = open(ctx, where)
	}
	return p.store, err
}

// maxStores is the number of stores that are kept open.
const maxStores = 8

// enter returns the seat of a store, with one more user.
func (s *stores) enter(where Where) *seat {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.known[where]
	if p == nil {
		s.makeRoom()
		if s.known == nil {
			s.known = make(map[Where]*seat)
		}
		p = &seat{}
		s.known[where] = p
	}
	p.users++
	return p
}

// makeRoom lets go of some store. s.mu is held.
func (s *stores) makeRoom() {
	if len(s.known) < maxStores {
		return
	}
	for where, p := range s.known {
		if s.forget(where, p); p.users == 0 {
			p.store.Close()
		}
		return
	}
}

// forget has the next who asks open the store anew. s.mu is held.
func (s *stores) forget(where Where, p *seat) {
	p.old = true
	if s.known[where] == p {
		delete(s.known, where)
	}
}

// leave takes a user away. A store that is gone is forgotten, as is one that could not be opened.
func (s *stores) leave(where Where, p *seat, gone bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p.users--
	if gone || p.users == 0 && p.store == nil {
		s.forget(where, p)
	}
	if p.old && p.users == 0 && p.store != nil {
		p.store.Close()
	}
}

func (s *stores) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range s.known {
		p.store.Close()
	}
	s.known = nil
}
