package rpc

import (
	"context"
	"sync"
)

// stores holds the stores that are open, by the place where they were asked for. The zero value is
// ready.
type stores struct {
	mu    sync.Mutex
	known map[Where]*held
}

// held is an open store with those who use it.
type held struct {
	*Store
	users int
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
	s.mu.Lock()
	defer s.mu.Unlock()
	h := s.known[where]
	if h != nil && h.Gone() {
		delete(s.known, where)
		h.old = true
		if h.users == 0 {
			h.Close()
		}
		h = nil
	}
	if h == nil {
		st, err := open(context.WithoutCancel(ctx), where)
		if err != nil {
			return nil, nil, err
		}
		h = &held{Store: st}
		if s.known == nil {
			s.known = make(map[Where]*held)
		}
		s.makeRoom()
		s.known[where] = h
	}
	h.users++
	return h.Store, func() { s.release(h) }, nil
}

// maxStores is the number of stores that are kept open.
const maxStores = 8

// makeRoom lets go of some store. s.mu is held.
func (s *stores) makeRoom() {
	if len(s.known) < maxStores {
		return
	}
	for where, h := range s.known {
		delete(s.known, where)
		if h.old = true; h.users == 0 {
			h.Close()
		}
		return
	}
}

func (s *stores) release(h *held) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if h.users--; h.old && h.users == 0 {
		h.Close()
	}
}

func (s *stores) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, h := range s.known {
		h.Close()
	}
	s.known = nil
}
