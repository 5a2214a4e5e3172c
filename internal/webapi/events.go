package webapi

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/levadahq/levada/internal/api"
	"github.com/levadahq/levada/internal/fault"
)

// A hub tells everybody who waits for news of one thing, a run or the list of runs, what is new. It looks at the store
// once for all of them. It numbers its events and keeps the last ones, so a reader whose connection broke goes on
// behind the last it had seen; one that was away for longer, or comes for the first time, is told to fetch everything
// ("reset") and misses nothing after that. A reader that does not keep up is cut off, and comes back the same way.
type hub struct {
	look  func(ctx context.Context, now time.Time) ([]event, error)
	epoch string // of this hub's numbers

	ready chan struct{} // closed when the first look is over
	err   error         // why that failed; read after ready

	mu        sync.Mutex
	seq       int64
	kept      []event // the last ones, the newest last
	listeners map[chan event]bool
	left      time.Time // when the last listener left
	ended     bool
}

// event is one event. Its number is given by the hub.
type event struct {
	seq  int64
	name string
	data []byte
}

const (
	keptEvents = 256              // that a reader may have missed
	waiting    = 256              // events that a reader may be behind
	linger     = 30 * time.Second // for which a hub that nobody listens to is kept for those who come back
	// After which the store is looked at also if nothing was written: a run that died writes nothing.
	anyway    = 5 * time.Second
	heartbeat = 15 * time.Second
)

func jsonEvent(name string, v any) (event, error) {
	data, err := json.Marshal(v)
	return event{name: name, data: data}, fault.Wrap(fault.Internal, "tell of a change", err)
}

// hubs are the hubs there are.
type hubs struct {
	api    *API
	ctx    context.Context
	close  context.CancelFunc
	mu     sync.Mutex
	byRun  map[int64]*hub // 0 is the list of runs
	number int
	born   time.Time
}

func (h *hubs) init(a *API) {
	h.api, h.byRun, h.born = a, map[int64]*hub{}, time.Now()
	h.ctx, h.close = context.WithCancel(context.Background())
}

// join returns the hub of a run, or of the list of runs, and a channel on which its events come from now on. What was
// missed since the event with the id last comes first; reset says that this is not known.
func (h *hubs) join(ctx context.Context, run int64, last string) (*hub, chan event, error) {
	b, c := h.enter(run, last)
	var err error
	select {
	case <-b.ready:
		err = b.err
	case <-ctx.Done():
		err = fault.Wrap(fault.Interrupted, "wait for news", ctx.Err())
	}
	if err != nil {
		b.remove(c)
		return nil, nil, err
	}
	return b, c, nil
}

// enter adds a listener to a hub, which may only begin.
func (h *hubs) enter(run int64, last string) (*hub, chan event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	b := h.byRun[run]
	if b == nil {
		h.number++
		b = &hub{listeners: map[chan event]bool{}, epoch: fmt.Sprintf("%x.%d", h.born.UnixNano(), h.number), ready: make(chan struct{})}
		if run == 0 {
			b.look = h.api.newsOfRuns()
		} else {
			b.look = h.api.newsOfRun(run)
		}
		h.byRun[run] = b
		go h.serve(run, b)
	}
	return b, b.add(last)
}

// drop takes a hub away: who asks again gets another.
func (h *hubs) drop(run int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.byRun, run)
}

// serve looks for news until nobody has been there for a while.
func (h *hubs) serve(run int64, b *hub) {
	defer b.end()
	_, b.err = b.look(h.ctx, time.Now()) // what is there now is no news: who comes fetches it
	if b.err != nil {
		h.drop(run)
	}
	if close(b.ready); b.err != nil {
		return
	}
	tick := time.NewTicker(h.api.Tick)
	defer tick.Stop()
	version, looked := int64(-1), time.Time{}
	for {
		select {
		case <-h.ctx.Done():
			return
		case now := <-tick.C:
			if h.forget(run, b, now) {
				return
			}
			v, err := h.api.API.Version(h.ctx)
			if err == nil && v == version && now.Sub(looked) < anyway {
				continue
			}
			version, looked = v, now
			events, err := b.look(h.ctx, now)
			if err != nil { // the run was removed, or the store cannot be read: who asks again is told
				if h.ctx.Err() == nil && !fault.Is(err, fault.NotFound) {
					h.api.Log.Error("the store could not be checked for changes", "run", run, "error", err)
				}
				h.drop(run)
				return
			}
			b.tell(events)
		}
	}
}

// forget ends a hub that nobody needs.
func (h *hubs) forget(run int64, b *hub, now time.Time) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.listeners) > 0 || now.Sub(b.left) < linger {
		return false
	}
	delete(h.byRun, run)
	return true
}

// Listeners is how many readers wait for events: news of runs, and lines of logs.
func (a *API) Listeners() int {
	a.hubs.mu.Lock()
	defer a.hubs.mu.Unlock()
	n := int(a.logReaders.Load())
	for _, b := range a.hubs.byRun {
		b.mu.Lock()
		n += len(b.listeners)
		b.mu.Unlock()
	}
	return n
}

func (b *hub) id(seq int64) string { return b.epoch + "-" + strconv.FormatInt(seq, 10) }

// add adds a listener, which first gets what it missed.
func (b *hub) add(last string) chan event {
	b.mu.Lock()
	defer b.mu.Unlock()
	c := make(chan event, waiting+keptEvents)
	missed, ok := b.since(last)
	if !ok {
		c <- event{seq: b.seq, name: "reset", data: []byte("{}")}
	}
	for _, e := range missed {
		c <- e
	}
	if b.ended {
		close(c)
		return c
	}
	b.listeners[c] = true
	return c
}

// since returns the events behind the one with an id; not ok if that is not known.
func (b *hub) since(id string) ([]event, bool) {
	epoch, number, found := strings.Cut(id, "-")
	seq, err := strconv.ParseInt(number, 10, 64)
	oldest := b.seq - int64(len(b.kept)) // the event before those that are kept
	if !found || epoch != b.epoch || err != nil || seq < oldest || seq > b.seq {
		return nil, false
	}
	return b.kept[seq-oldest:], true
}

func (b *hub) remove(c chan event) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.listeners[c] {
		delete(b.listeners, c)
		close(c)
	}
	b.left = time.Now()
}

func (b *hub) end() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.ended = true
	for c := range b.listeners {
		delete(b.listeners, c)
		close(c)
	}
}

func (b *hub) tell(events []event) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, e := range events {
		b.seq++
		e.seq = b.seq
		if b.kept = append(b.kept, e); len(b.kept) > keptEvents {
			b.kept = append(b.kept[:0:0], b.kept[len(b.kept)-keptEvents:]...)
		}
		for c := range b.listeners {
			select {
			case c <- e:
			default: // it does not keep up
				delete(b.listeners, c)
				close(c)
				b.left = time.Now()
			}
		}
	}
}

// newsOfRun looks for what is new of a run.
func (a *API) newsOfRun(run int64) func(context.Context, time.Time) ([]event, error) {
	f := a.API.Follow(run)
	var before []byte
	return func(ctx context.Context, now time.Time) ([]event, error) {
		news, err := f.Look(ctx, now)
		if err != nil {
			return nil, err
		}
		var events []event
		add := func(name string, v any) {
			e, failed := jsonEvent(name, v)
			if failed != nil {
				err = failed
				return
			}
			events = append(events, e)
		}
		// The run is what shows that all is over, so it comes last.
		if news.Rows != nil {
			add("rows", news.Rows)
		}
		if news.Steps != nil {
			add("steps", news.Steps)
		}
		add("run", news.Run)
		if err == nil && bytes.Equal(events[len(events)-1].data, before) {
			return events[:len(events)-1], nil
		}
		if err == nil {
			before = events[len(events)-1].data
		}
		return events, err
	}
}

// removedRun is what is told of a run that there is not any more.
type removedRun struct {
	Run int64 `json:"run"`
}

func addEvent(to []event, name string, v any) ([]event, error) {
	e, err := jsonEvent(name, v)
	return append(to, e), err
}

// watchedRuns is how many of the newest runs are looked at for changes, beside those that run.
const watchedRuns = 100

// newsOfRuns looks for runs that are new, have changed, or were removed.
func (a *API) newsOfRuns() func(context.Context, time.Time) ([]event, error) {
	type told struct {
		data    []byte
		running bool
	}
	var before map[int64]told
	return func(ctx context.Context, now time.Time) ([]event, error) {
		newest, err := a.API.Runs(ctx, api.RunsRequest{Limit: watchedRuns, Counts: true})
		if err != nil {
			return nil, err
		}
		running, err := a.API.Runs(ctx, api.RunsRequest{Limit: watchedRuns, Counts: true, Status: api.One(api.Running)})
		if err != nil {
			return nil, err
		}
		list := newest.Runs
		seen := map[int64]bool{}
		for _, r := range list {
			seen[r.ID] = true
		}
		for _, r := range running.Runs {
			if !seen[r.ID] {
				list, seen[r.ID] = append(list, r), true
			}
		}
		var events []event
		for id, t := range before {
			switch among := newest.Next == "" || id > newest.Runs[len(newest.Runs)-1].ID; {
			case seen[id]:
			case among: // where all runs are seen that there are
				events, err = addEvent(events, "removed", removedRun{id})
			case t.running: // it is old enough to be in neither list
				r, failed := a.API.Run(ctx, api.RunRequest{Run: id, Counts: true})
				if failed == nil && r.Status != api.Running {
					list = append(list, r)
				} else if fault.Is(failed, fault.NotFound) {
					events, err = addEvent(events, "removed", removedRun{id})
				}
			}
			if err != nil {
				return nil, err
			}
		}
		after := make(map[int64]told, len(list))
		for i := len(list) - 1; i >= 0; i-- { // the oldest first
			e, err := jsonEvent("run", list[i])
			if err != nil {
				return nil, err
			}
			after[list[i].ID] = told{e.data, list[i].Status == api.Running}
			if before != nil && !bytes.Equal(before[list[i].ID].data, e.data) {
				events = append(events, e)
			}
		}
		before = after
		return events, nil
	}
}

func (a *API) runEvents(r *request) error {
	run := r.id("run")
	if r.err != nil {
		return r.err
	}
	if _, err := a.API.Run(r.Context(), api.RunRequest{Run: run}); err != nil {
		return err
	}
	return a.listen(r, run)
}

func (a *API) allEvents(r *request) error { return a.listen(r, 0) }

func (a *API) listen(r *request, run int64) error {
	b, events, err := a.hubs.join(r.Context(), run, r.Header.Get("Last-Event-ID"))
	if err != nil {
		return err
	}
	defer b.remove(events)
	s := a.openStream(r, false)
	beat := time.NewTicker(heartbeat)
	defer beat.Stop()
	for {
		select {
		case <-r.Context().Done():
			return nil
		case e, ok := <-events:
			if !ok || s.send(b.id(e.seq), e.name, e.data) != nil {
				return nil // it comes back
			}
		case <-beat.C:
			if s.comment() != nil {
				return nil
			}
		}
	}
}

// stream is an answer of server-sent events. A reader that takes nothing of one for a while is cut off.
type stream struct {
	out      *output
	patience time.Duration
}

// openStream begins a stream of events. Those of a log are long; of others there may be many, which mostly wait.
func (a *API) openStream(r *request, long bool) *stream {
	h := r.w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no") // of nginx
	s := &stream{out: r.output(long), patience: a.Patience}
	s.write([]byte("retry: 1000\n\n"))
	return s
}

// write sends parts of an event, each as it is: events may be large, and are not copied.
func (s *stream) write(parts ...[]byte) error {
	s.out.control.SetWriteDeadline(time.Now().Add(s.patience))
	for _, part := range parts {
		if _, err := s.out.Write(part); err != nil {
			return err
		}
	}
	return s.out.Flush()
}

// send sends an event. Its data must not have line breaks, as JSON has none.
func (s *stream) send(id, name string, data []byte) error {
	return s.write([]byte("id: "+id+"\nevent: "+name+"\ndata: "), data, []byte("\n\n"))
}

func (s *stream) comment() error { return s.write([]byte(": still here\n\n")) }

// What one event of a log has at most: lines, and bytes of them as JSON, about. What a reader has not taken is held by
// the server, so it is little, but a line is never cut.
const (
	linesTogether = 2000
	bytesTogether = 64 << 10
	bytesAround   = 64 // of a line's JSON beside its text
)

// gather is for how long lines are waited for that can go into one event with those before them.
const gather = 5 * time.Millisecond

// logEvents streams what an attempt prints, at the pace of the reader: the log is read
// on when the lines before have been taken.
func (a *API) logEvents(r *request) error {
	q := readLog(r)
	if last := r.Header.Get("Last-Event-ID"); last != "" {
		q.Cursor = last
	}
	if r.err != nil {
		return r.err
	}
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	stop := context.AfterFunc(a.hubs.ctx, cancel)
	defer stop()
	tick := time.NewTicker(a.Tick)
	defer tick.Stop()
	lines, err := a.API.FollowLog(ctx, q, tick.C)
	if err != nil {
		return err
	}
	a.logReaders.Add(1)
	defer a.logReaders.Add(-1)
	come, failed := make(chan api.FollowedLine), make(chan error, 1)
	go func() {
		defer close(come)
		for l, err := range lines {
			if err != nil {
				failed <- err
				return
			}
			select {
			case come <- l:
			case <-ctx.Done():
				return
			}
		}
	}()
	t := &logTeller{s: a.openStream(r, true), at: q.Cursor}
	defer t.s.out.Close()
	if t.tell(ctx, come) != nil {
		return nil // the reader is gone, or has taken nothing for long
	}
	select {
	case err := <-failed:
		a.Log.Error("a log could not be followed", "run", q.Run, "task", q.Task, "error", err)
	default:
		if ctx.Err() == nil {
			t.s.send(t.at, "end", []byte("{}"))
		}
	}
	return nil
}

// logTeller tells the reader of a log of its lines.
type logTeller struct {
	s    *stream
	page []logLine // what is to be told
	at   string    // behind its last line
	size int
}

// tell sends lines until no more come. An error says that they cannot be sent any more.
func (t *logTeller) tell(ctx context.Context, come <-chan api.FollowedLine) error {
	beat := time.NewTicker(heartbeat)
	defer beat.Stop()
	var full <-chan time.Time // when a page that has something has waited enough for more
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-beat.C:
			if err := t.s.comment(); err != nil {
				return err
			}
		case <-full:
			full = nil
			if err := t.flush(); err != nil {
				return err
			}
		case l, ok := <-come:
			if !ok {
				return t.flush()
			}
			if len(t.page) == 0 {
				full = time.After(gather)
			}
			t.page, t.at = append(t.page, lineOf(l)), l.Cursor
			if t.size += len(l.Text) + bytesAround; len(t.page) == linesTogether || t.size >= bytesTogether {
				full = nil
				if err := t.flush(); err != nil {
					return err
				}
			}
		}
	}
}

// flush sends the page, if there is anything on it.
func (t *logTeller) flush() error {
	if len(t.page) == 0 {
		return nil
	}
	data, err := json.Marshal(logPage{Lines: t.page, End: t.at})
	t.page, t.size = nil, 0 // not held while the reader is waited for
	if err != nil {
		return err
	}
	return t.s.send(t.at, "lines", data)
}

func lineOf(l api.FollowedLine) logLine {
	return logLine{Time: l.Time, Stderr: l.Stderr, Text: strings.ToValidUTF8(l.Text, "�"), Newline: l.Newline}
}
