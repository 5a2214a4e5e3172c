package remote

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"github.com/levadahq/levada/internal/fault"
	"github.com/levadahq/levada/internal/layout"
	"github.com/levadahq/levada/internal/livecard"
	"github.com/levadahq/levada/internal/metastore"
	"github.com/levadahq/levada/internal/tasklog"
	"github.com/levadahq/levada/internal/upkeep"
)

// The runner writes logs of tasks that run, and their cards, to a folder as it does beside a store. The mirror carries
// what is new in it to the server, where the same files grow: bytes at an offset, so what is sent twice stands once,
// and what was cut goes on where the server's file ends.

// mirrorEvery is how often the files of running tasks are looked at.
const mirrorEvery = time.Second

// pieceSize is how much of a log travels at once.
const pieceSize = 1 << 20

type logKey struct {
	run  int64
	name string
}

// mirror is the client's side.
type mirror struct {
	c       *Client
	sending sync.Mutex // held while files are carried, so that each has its order

	mu    sync.Mutex
	runs  map[int64]bool
	sent  map[logKey]int64              // bytes of logs that the server has
	shown map[int64]map[string]liveCard // cards that the server shows, by run and name
}

type liveCard struct {
	card    livecard.Card
	changed time.Time
}

func newMirror(c *Client) *mirror {
	return &mirror{c: c, runs: make(map[int64]bool), sent: make(map[logKey]int64), shown: make(map[int64]map[string]liveCard)}
}

func (m *mirror) folder(run int64) string { return layout.RunLogs(m.c.cache.home, run) }

// begin has the files of a run carried over. Nothing in its folder is of this run yet: it may be
// of another server's run with this number.
func (m *mirror) begin(run int64) {
	os.RemoveAll(m.folder(run))
	m.mu.Lock()
	m.runs[run], m.shown[run] = true, make(map[string]liveCard)
	m.mu.Unlock()
}

// look carries over what is new. What cannot be sent now goes with the next look.
func (m *mirror) look(ctx context.Context) {
	m.mu.Lock()
	var runs []int64
	for run := range m.runs {
		runs = append(runs, run)
	}
	m.mu.Unlock()
	now := time.Now()
	for _, run := range runs {
		_ = os.Chtimes(m.folder(run), now, now) // see cache.close
	}
	m.sending.Lock()
	defer m.sending.Unlock()
	for _, run := range runs {
		entries, err := os.ReadDir(m.folder(run))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			continue
		}
		// A folder that is not there any more may have had cards, which the server still shows.
		for _, e := range entries {
			if isLog(e.Name()) {
				if m.carry(ctx, logKey{run, e.Name()}, false) != nil {
					return
				}
			}
		}
		if m.cards(ctx, run) != nil {
			return
		}
	}
}

// finish carries over the rest of the log of an attempt that has ended, which is durable then.
func (m *mirror) finish(a metastore.Attempt) error {
	m.mu.Lock()
	ours := m.runs[a.Run]
	m.mu.Unlock()
	if a.LogFile == "" || !ours {
		return nil
	}
	ctx := context.Background()
	m.sending.Lock()
	defer m.sending.Unlock()
	return m.c.patiently(ctx, func(bool) error { return m.carry(ctx, logKey{a.Run, a.LogFile}, true) })
}

// forget removes a log that the server has, and its record.
func (m *mirror) forget(run int64, name string) {
	m.mu.Lock()
	_, ours := m.runs[run]
	delete(m.sent, logKey{run, name})
	m.mu.Unlock()
	if ours {
		os.Remove(filepath.Join(m.folder(run), name))
	}
}

// close carries over the last and removes the folders of the runs.
func (m *mirror) close() {
	ctx, cancel := context.WithTimeout(context.Background(), beatTime)
	defer cancel()
	m.look(ctx)
	for run := range m.runs {
		os.RemoveAll(m.folder(run))
	}
}

// carry sends what a log has more than the server. m.sending is held.
func (m *mirror) carry(ctx context.Context, key logKey, whole bool) error {
	f, err := os.Open(filepath.Join(m.folder(key.run), key.name))
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil // nothing was written, or the runner could not and tells it
		}
		return fault.Of("send a log", key.name, err)
	}
	defer f.Close()
	m.mu.Lock()
	at := m.sent[key]
	m.mu.Unlock()
	buf := make([]byte, pieceSize)
	for {
		n, err := f.ReadAt(buf, at)
		if err != nil && !errors.Is(err, io.EOF) {
			return fault.Of("send a log", f.Name(), err)
		}
		last := n < len(buf)
		if n == 0 && !whole {
			return nil
		}
		has, err := askOnce[int64](ctx, m.c, "log", logPiece{key.run, key.name, at, buf[:n], whole && last})
		if err != nil {
			return err
		}
		short := has < at+int64(n) // the server's file is not what it was: from where it ends, once more
		at = has
		m.mu.Lock()
		m.sent[key] = at
		m.mu.Unlock()
		if last && !short {
			return nil
		}
	}
}

// cards shows the cards of a run that are new or changed, and takes those away that are gone. m.sending is held.
func (m *mirror) cards(ctx context.Context, run int64) error {
	dir := m.folder(run)
	cards, err := livecard.List(dir)
	if err != nil {
		return nil // the next look may read it
	}
	m.mu.Lock()
	shown := m.shown[run]
	m.mu.Unlock()
	now := make(map[string]bool, len(cards))
	for _, c := range cards {
		name := filepath.Base(livecard.File(dir, c))
		now[name] = true
		if shown[name].changed.Equal(c.Changed) {
			continue
		}
		html, err := os.ReadFile(livecard.File(dir, c))
		if err != nil {
			continue // recorded just now
		}
		shown[name] = liveCard{card: c} // the server may have it even if no answer comes
		if _, err := askOnce[none](ctx, m.c, "show", cardShown{Run: run, Card: c, HTML: html}); err != nil {
			return err
		}
		shown[name] = liveCard{c, c.Changed}
	}
	for name, s := range shown {
		if now[name] {
			continue
		}
		if _, err := askOnce[none](ctx, m.c, "show", cardShown{Run: run, Card: s.card, Gone: true}); err != nil {
			return err
		}
		delete(shown, name)
	}
	return nil
}

// logPiece is a part of a log.
type logPiece struct {
	Run   int64
	Name  string
	At    int64
	Data  []byte
	Whole bool // it ends here, and is to be durable
}

type cardShown struct {
	Run  int64
	Card livecard.Card
	HTML []byte
	Gone bool
}

// shownCard is a live card as a client reads it.
type shownCard struct {
	Card livecard.Card
	HTML []byte
}

// isLog reports whether a name is that of a log.
func isLog(name string) bool {
	_, _, ok := tasklog.ParseFileName(name)
	return ok
}

// files mounts the server's side: sessions, logs and live cards, in the store's folder.
func (h *Handler) files() {
	post(h, "session", func(_ context.Context, s session) (session, error) {
		began, err := upkeep.Remote(h.c.Home, s.Host, s.ID, s.Began)
		s.Began = began
		return s, err
	})
	post(h, "goodbye", func(_ context.Context, s session) (none, error) {
		h.forget(s.ID)
		return none{}, upkeep.Goodbye(h.c.Home, s.Host, s.ID, s.Began)
	})
	post(h, "log", h.appendLog)
	post(h, "show", h.show)
	list(h, "livecards", h.liveCards)
	h.mux.HandleFunc("GET "+Prefix+"logs/{run}/{name}", h.readLog)
}

func (h *Handler) folder(run int64) string { return layout.RunLogs(h.c.Home, run) }

func (h *Handler) appendLog(ctx context.Context, p logPiece) (int64, error) {
	if p.Run <= 0 || p.At < 0 || !isLog(p.Name) {
		return 0, badName(p.Name)
	}
	if err := h.mayAdd(ctx, p.Run); err != nil {
		return 0, err
	}
	const op = "write a log"
	path := filepath.Join(h.folder(p.Run), p.Name)
	if err := os.MkdirAll(h.folder(p.Run), 0o777); err != nil {
		return 0, fault.Of(op, path, err)
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o666)
	if err != nil {
		return 0, fault.Of(op, path, err)
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return 0, fault.Of(op, path, err)
	}
	if st.Size() < p.At {
		return st.Size(), nil // a hole: the client goes on from here
	}
	if _, err := f.WriteAt(p.Data, p.At); err != nil {
		return 0, fault.Of(op, path, err)
	}
	end := p.At + int64(len(p.Data))
	if p.Whole {
		if err := errors.Join(f.Truncate(end), f.Sync()); err != nil {
			return 0, fault.Of(op, path, err)
		}
	}
	return end, nil
}

func (h *Handler) show(ctx context.Context, s cardShown) (none, error) {
	c := s.Card
	if s.Run <= 0 || c.Task < 0 || c.Attempt < 0 || c.Position < 0 {
		return none{}, badName("a card")
	}
	if err := h.mayAdd(ctx, s.Run); err != nil {
		return none{}, err
	}
	dir := h.folder(s.Run)
	if s.Gone {
		livecard.Remove(dir, c)
		os.Remove(dir) // fails unless it was made for live cards alone
		return none{}, nil
	}
	const op = "show a card"
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return none{}, fault.Of(op, dir, err)
	}
	f, err := livecard.Draft(dir)
	if err != nil {
		return none{}, fault.Of(op, dir, err)
	}
	_, err = f.Write(s.HTML)
	if err := errors.Join(err, f.Close()); err != nil {
		os.Remove(f.Name())
		return none{}, fault.Of(op, dir, err)
	}
	return none{}, livecard.Write(dir, c, f.Name())
}

func (h *Handler) readLog(w http.ResponseWriter, r *http.Request) {
	run, err := strconv.ParseInt(r.PathValue("run"), 10, 64)
	name := r.PathValue("name")
	if err != nil || run <= 0 || !isLog(name) {
		fail(w, http.StatusConflict, badName(name))
		return
	}
	f, err := os.Open(filepath.Join(h.folder(run), name))
	if err != nil {
		fail(w, http.StatusConflict, fault.Of("read a log", name, err))
		return
	}
	defer f.Close()
	at, _ := strconv.ParseInt(r.URL.Query().Get("from"), 10, 64)
	if _, err := f.Seek(max(at, 0), io.SeekStart); err != nil {
		fail(w, http.StatusConflict, fault.Of("read a log", name, err))
		return
	}
	st, err := f.Stat()
	if err != nil {
		fail(w, http.StatusConflict, fault.Of("read a log", name, err))
		return
	}
	rest := max(st.Size()-max(at, 0), 0) // it may grow meanwhile
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Content-Length", itoa(rest))
	io.CopyN(w, f, rest)
}

// Window is a client's view of the logs and live cards that the server has as files: a folder of its own, into which
// they are fetched when they are looked at; of a log, only what is new.
type Window struct {
	c   *Client
	dir string
	mu  sync.Mutex
}

// Window returns a view. Its folder is made when it is first needed; Close removes it.
func (c *Client) Window() *Window { return &Window{c: c} }

// Close removes what was fetched.
func (w *Window) Close() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.dir != "" {
		os.RemoveAll(w.dir)
	}
}

// Look brings a log of a run up to date, or its live cards if no name is given, and returns the folder they are in.
func (w *Window) Look(ctx context.Context, run int64, name string) (string, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.dir == "" {
		made, err := os.MkdirTemp("", "levada-logs-")
		if err != nil {
			return "", fault.Of("make a folder for logs", os.TempDir(), err)
		}
		w.dir = made
	}
	dir := filepath.Join(w.dir, itoa(run))
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fault.Of("keep a log", dir, err)
	}
	if name == "" {
		return dir, w.cards(ctx, run, dir)
	}
	f, err := os.OpenFile(filepath.Join(dir, name), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return "", fault.Of("keep a log", dir, err)
	}
	defer f.Close()
	err = w.c.patiently(ctx, func(bool) error {
		at, err := f.Seek(0, io.SeekEnd)
		if err != nil {
			return fault.Of("keep a log", f.Name(), err)
		}
		ctx, watch := w.c.watched(ctx)
		defer watch.Stop()
		req, err := w.c.request(ctx, http.MethodGet, "logs/"+itoa(run)+"/"+name+"?from="+itoa(at), nil)
		if err != nil {
			return fault.Wrap(fault.Internal, "read a log", err)
		}
		resp, err := w.c.roundTrip(req)
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		out := &counter{w: f}
		if _, err := io.Copy(out, watch.In(resp.Body)); err != nil {
			if out.err != nil {
				return fault.Of("keep a log", f.Name(), out.err)
			}
			return &away{err}
		}
		return nil
	})
	if fault.Is(err, fault.NotFound) {
		err = nil
		if st, serr := f.Stat(); serr == nil && st.Size() == 0 {
			err = os.Remove(f.Name()) // as it is there: no file, which says more than an empty one
		}
	}
	return dir, err
}

func (w *Window) cards(ctx context.Context, run int64, dir string) error {
	old, err := livecard.List(dir)
	if err != nil {
		return err
	}
	for _, c := range old {
		livecard.Remove(dir, c)
	}
	for s, err := range askAll[shownCard](ctx, w.c, "livecards", run) {
		if err != nil {
			return err
		}
		tmp := filepath.Join(dir, "card.new")
		if err := os.WriteFile(tmp, s.HTML, 0o600); err != nil {
			return fault.Of("keep a card", tmp, err)
		}
		if err := livecard.Write(dir, s.Card, tmp); err != nil {
			return err
		}
	}
	return nil
}
