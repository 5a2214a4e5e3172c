// Package rpc serves package api over a pair of byte streams: `levada rpc`, which clients in other processes use, such
// as the Python client. README.md beside this file describes the conversation precisely enough to write a client.
//
// Requests are frames of package protocol with an id. Answers are sent as they become ready, in any order. What a frame
// claims is never trusted. A store is opened, for reading, when a request first needs it; if it does not exist yet,
// each request looks again.
package rpc

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"sync"

	"github.com/levadahq/levada/internal/api"
	"github.com/levadahq/levada/internal/fault"
	"github.com/levadahq/levada/internal/protocol"
)

// Version is the version of the conversation.
const Version = 1

// Where says which store a request is about.
type Where struct {
	Home  string // the store's folder; empty: look for one
	Dir   string // from this folder upward; empty: as the server was told
	URL   string // the server that has it; empty: a folder has it
	Write bool   // it will be changed
}

// Store is an opened store.
type Store struct {
	API   api.Caller
	Home  string      // its folder; empty if a server has it
	Gone  func() bool // it would not be opened any more: it was deleted, replaced, or another one is nearer
	Close func() error
}

// Opener opens stores.
type Opener func(ctx context.Context, where Where) (*Store, error)

// request is a frame from the client.
type request struct {
	ID     int64           `json:"id"`
	Method string          `json:"method"`
	Params json.RawMessage `json:"params"`
	Home   string          `json:"home"`
	Dir    string          `json:"dir"`
	Server string          `json:"server"`
}

// hello is the server's first frame.
type hello struct {
	Type    string   `json:"type"` // "hello"
	RPC     int      `json:"rpc"`
	Levada  string   `json:"levada"`
	Methods []string `json:"methods"`
}

// answer is every other frame of the server.
type answer struct {
	ID     int64    `json:"id"`
	Result any      `json:"result,omitempty"`
	Home   string   `json:"home,omitempty"` // the store that answers, if the request named none
	More   bool     `json:"more,omitempty"` // the body is a part; others follow
	Error  *failure `json:"error,omitempty"`
}

type failure struct {
	Kind    string `json:"kind"`
	Message string `json:"message"`
	Hint    string `json:"hint,omitempty"`
}

// The bounds of what goes on at once, and of a part of a stream.
const (
	maxAtOnce = 16
	maxTaken  = 256 // requests that are worked on or wait for that; who sends more waits itself
	partSize  = 1 << 20
)

// server is one conversation.
type server struct {
	open   Opener
	stores stores

	wmu sync.Mutex
	out io.Writer

	places chan struct{} // holds one token for each request that is worked on

	mu      sync.Mutex
	cancels map[int64]context.CancelFunc // of requests that are being answered, or wait for that
}

// Serve answers requests until in ends, or holds what is not a request, which is an error. version
// is the program's.
func Serve(ctx context.Context, in io.Reader, out io.Writer, version string, open Opener) error {
	ctx, cancel := context.WithCancel(ctx)
	s := &server{open: open, out: out, places: make(chan struct{}, maxAtOnce), cancels: make(map[int64]context.CancelFunc)}
	var going sync.WaitGroup
	defer s.stores.close()
	defer going.Wait()
	defer cancel()
	if err := s.write(hello{Type: "hello", RPC: Version, Levada: version, Methods: api.Methods()}); err != nil {
		return err
	}
	taken := make(chan struct{}, maxTaken)
	r := bufio.NewReaderSize(in, 64<<10)
	for {
		var q request
		if _, err := protocol.ReadFrame(r, &q); err != nil {
			if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
				return nil
			}
			s.write(answer{Error: failureOf(err)})
			return err
		}
		if q.Method == "cancel" {
			s.cancel(q)
			continue
		}
		taken <- struct{}{}
		ctx, done := s.begin(ctx, q.ID)
		going.Go(func() {
			defer func() { done(); <-taken }()
			s.serve(ctx, q)
		})
	}
}

// begin makes a request one that can be cancelled.
func (s *server) begin(ctx context.Context, id int64) (context.Context, func()) {
	ctx, cancel := context.WithCancel(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cancels[id] = cancel
	return ctx, func() {
		cancel()
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.cancels, id)
	}
}

func (s *server) cancel(q request) {
	var p struct {
		ID int64 `json:"id"`
	}
	if json.Unmarshal(q.Params, &p) != nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if cancel := s.cancels[p.ID]; cancel != nil {
		cancel()
	}
}

// serve answers one request. A panic is a bug, and the answer to this request alone.
func (s *server) serve(ctx context.Context, q request) {
	defer func() {
		if p := recover(); p != nil {
			s.write(answer{ID: q.ID, Error: failureOf(fault.New(fault.Internal, "a bug in levada, while it answered %q: %v", q.Method, p))})
		}
	}()
	err := s.answer(ctx, q)
	if err != nil {
		s.write(answer{ID: q.ID, Error: failureOf(err)}) // if that fails too, nobody listens
	}
}

func failureOf(err error) *failure {
	return &failure{Kind: fault.KindOf(err).String(), Message: err.Error(), Hint: fault.HintOf(err)}
}

func (s *server) answer(ctx context.Context, q request) error {
	// It is not who reads that waits here: what it reads next may be that one of those that are worked on is cancelled.
	select {
	case s.places <- struct{}{}:
		defer func() { <-s.places }()
	case <-ctx.Done():
		return fault.Wrap(fault.Interrupted, "wait for other requests", ctx.Err())
	}
	store, release, err := s.stores.get(ctx, s.open, Where{Home: q.Home, Dir: q.Dir, URL: q.Server, Write: api.Writes(q.Method)})
	if err != nil {
		return err
	}
	defer release()
	result, err := store.API.Call(ctx, q.Method, q.Params)
	if err != nil {
		return err
	}
	a := answer{ID: q.ID, Result: result}
	if q.Home == "" {
		a.Home = store.Home
	}
	if stream, ok := result.(io.ReadCloser); ok {
		defer stream.Close()
		a.Result = struct{}{}
		return s.stream(ctx, a, stream)
	}
	return s.write(a, api.Body(result))
}

// stream sends bytes in parts, and then an answer without a body.
func (s *server) stream(ctx context.Context, last answer, r io.Reader) error {
	part := make([]byte, partSize)
	for {
		n, err := io.ReadFull(r, part)
		if n > 0 {
			if err := s.write(answer{ID: last.ID, More: true}, part[:n]); err != nil {
				return err
			}
		}
		switch {
		case err == io.EOF, err == io.ErrUnexpectedEOF:
			return s.write(last)
		case err != nil:
			return err
		case ctx.Err() != nil:
			return fault.Wrap(fault.Interrupted, "send", ctx.Err())
		}
	}
}

func (s *server) write(header any, body ...[]byte) error {
	frame, err := protocol.AppendFrame(nil, header, body...)
	if err != nil {
		return err
	}
	s.wmu.Lock()
	defer s.wmu.Unlock()
	_, err = s.out.Write(frame)
	return err
}
