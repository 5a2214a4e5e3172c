package flow

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/levadahq/levada/internal/fault"
	"github.com/levadahq/levada/internal/protocol"
)

// server runs many tasks in this process: those of steps with InProcess. Goroutines take them from a queue; what they
// have to say is collected, and sent together while they go on.
type server struct {
	m      *machine
	c      *conn
	ctx    context.Context
	cancel context.CancelCauseFunc

	mu     sync.Mutex
	more   sync.Cond // tasks came
	queue  []*order
	shared *protocol.Context
	asked  map[int64]chan answer // requests under way, by id
	next   atomic.Int64          // the last of the ids
	bases  map[int64]*inherited  // what tasks with a base inherit
	ready  sync.Cond             // there is something to send
	groups []*group
	frames [][]byte  // whole, to be sent as they are
	unsent int       // bytes of frames that are not sent
	room   sync.Cond // frames were sent
}

// order is one task to run.
type order struct {
	many *protocol.Many
	at   int
	item []byte
}

// task is its id.
func (o *order) task() string { return strconv.FormatInt(o.many.Tasks[o.at], 10) }

type answer struct {
	reply *protocol.Reply
	body  []byte
}

// group is what tasks have to say that ended well and alike.
type group struct {
	done protocol.ManyDone
	body [][]byte
	size int
}

// maxGroup bounds the bytes of values in one frame.
const maxGroup = 8 << 20

// keptBases is for how many bases it is remembered what tasks inherit from them.
const keptBases = 64

// serveMany holds a conversation of many tasks and ends the process.
func (m *machine) serveMany(fd int) {
	signal.Ignore(os.Interrupt) // Ctrl-C is the host's business
	ctx, cancel := context.WithCancelCause(context.Background())
	s := &server{m: m, c: newConn(fd), ctx: ctx, cancel: cancel, asked: map[int64]chan answer{}, bases: map[int64]*inherited{}}
	s.more.L, s.ready.L, s.room.L = &s.mu, &s.mu, &s.mu
	go s.send()
	for {
		var header json.RawMessage
		body, err := protocol.ReadFrame(s.c.in, &header)
		if err != nil && !fault.Is(err, fault.Invalid) || errors.Is(err, io.ErrUnexpectedEOF) {
			os.Exit(0) // the run is over, or the host is gone
		}
		if err == nil {
			err = s.take(header, body)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, "levada:", err)
			os.Exit(1)
		}
	}
}

// take does what a frame of the host asks for.
func (s *server) take(header json.RawMessage, body []byte) error {
	var kind struct{ Type string }
	if err := json.Unmarshal(header, &kind); err != nil {
		return err
	}
	if kind.Type == "reply" {
		reply := new(protocol.Reply)
		if err := json.Unmarshal(header, reply); err != nil {
			return err
		}
		s.mu.Lock()
		ch := s.asked[reply.ID]
		delete(s.asked, reply.ID)
		s.mu.Unlock()
		if ch != nil {
			ch <- answer{reply, body}
		}
		return nil
	}
	q := new(protocol.Many)
	if err := json.Unmarshal(header, q); err != nil {
		return err
	}
	switch q.Type {
	case "context":
		s.shared = q.Context
		for range max(q.Workers, 1) {
			go s.work()
		}
	case "cancel":
		s.cancel(errInterrupted)
	case "tasks":
		return s.enqueue(q, body)
	default:
		return fmt.Errorf("the host sent %q, which is not known", q.Type)
	}
	return nil
}

func (s *server) enqueue(q *protocol.Many, body []byte) error {
	n := len(q.Tasks)
	if q.First == nil || len(q.Indices) != n || len(q.Attempts) != n || len(q.Items) != 0 && len(q.Items) != n {
		return fmt.Errorf("the host sent tasks that are not whole")
	}
	orders := make([]order, n)
	queue := make([]*order, n)
	for i := range orders {
		orders[i] = order{many: q, at: i}
		if len(q.Items) > 0 && q.Items[i] >= 0 {
			if q.Items[i] > len(body) {
				return fmt.Errorf("the host sent less of an element than it said")
			}
			orders[i].item = body[:q.Items[i]:q.Items[i]]
			body = body[q.Items[i]:]
		}
		queue[i] = &orders[i]
	}
	s.mu.Lock()
	s.queue = append(s.queue, queue...)
	s.mu.Unlock()
	s.more.Broadcast()
	return nil
}

// work runs tasks. It is replaced if a task ends its goroutine.
func (s *server) work() {
	var o *order
	defer func() {
		// Only runtime.Goexit comes here.
		s.failed(o.task(), fmt.Errorf("step %s ended its goroutine before it returned", o.many.First.Step))
		go s.work()
	}()
	for {
		s.mu.Lock()
		for len(s.queue) == 0 {
			s.more.Wait()
		}
		o = s.queue[0]
		s.queue[0] = nil
		s.queue = s.queue[1:]
		s.mu.Unlock()
		s.run(o)
	}
}

// run runs one task and notes what it has to say.
func (s *server) run(o *order) {
	began := time.Now()
	frame := *o.many.First
	frame.Context = s.shared
	frame.Task, frame.Attempt = o.task(), o.many.Attempts[o.at]
	if n := len(frame.Stack); n > 0 {
		frame.Stack = slices.Clone(frame.Stack)
		frame.Stack[n-1].Index = o.many.Indices[o.at]
	}
	if frame.Item != nil {
		frame.Item = &protocol.Item{Codec: frame.Item.Codec, Inline: o.item != nil}
	}
	st := s.m.byName[frame.Step]
	h := &insideHost{s, frame.Task}
	log := slog.New(&lateHandler{make: func() slog.Handler { return slog.NewTextHandler(h, logOptions) }})
	a, release := s.m.newAttempt(s.ctx, st, &frame, h, o.item, log)
	defer release()
	a.log, a.inside = h, true
	if s.ctx.Err() != nil { // it has not begun, and need not
		f := failureOf(a.t, errInterrupted)
		s.whole(&protocol.Done{
			Type: "done", Task: frame.Task, Artifacts: []protocol.SentValue{},
			Exception: &protocol.Exception{Type: "KeyboardInterrupt", Message: f.Message, Traceback: f.Traceback},
		}, nil)
		return
	}
	have, err := s.inherit(o.many.Base, a.t)
	if err != nil {
		s.failed(frame.Task, err)
		return
	}
	done, body := a.run(have)
	s.told(o, done, body, began, time.Now())
}

// inherit returns what the tasks with a base inherit.
func (s *server) inherit(base int64, t *Task) (*inherited, error) {
	if t.frame.Join != nil {
		return nil, nil // asked for when it is loaded
	}
	s.mu.Lock()
	have := s.bases[base]
	s.mu.Unlock()
	if have != nil {
		return have, nil
	}
	have, err := fetch(t, s.m.plan, nil)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	if len(s.bases) >= keptBases {
		clear(s.bases)
	}
	s.bases[base] = have
	s.mu.Unlock()
	return have, nil
}

// failed tells of a task that could not be run.
func (s *server) failed(task string, err error) {
	s.whole(&protocol.Done{
		Type: "done", Task: task, Artifacts: []protocol.SentValue{},
		Exception: &protocol.Exception{Type: "error", Message: err.Error(), Traceback: "error: " + err.Error() + "\n"},
	}, nil)
}

// whole sends a done frame of its own. If no frame holds what there is to say, the task fails and says that.
func (s *server) whole(done *protocol.Done, body [][]byte) {
	frame, err := protocol.AppendFrame(nil, done, body...)
	if err != nil {
		s.failed(done.Task, fmt.Errorf("how it ended cannot be told: %w", err))
		return
	}
	s.mu.Lock()
	s.add(frame)
	s.mu.Unlock()
}

// add puts a frame with what is to be sent. The caller holds the lock.
func (s *server) add(frame []byte) {
	s.frames = append(s.frames, frame)
	s.unsent += len(frame)
	s.ready.Signal()
}

// told notes what a task has to say: with others if it is as they are.
func (s *server) told(o *order, done *protocol.Done, body [][]byte, began, ended time.Time) {
	if !done.OK || done.Caught || done.Foreach != nil || slices.ContainsFunc(done.Artifacts, func(v protocol.SentValue) bool { return v.Path != "" }) {
		done.Task = o.task()
		s.whole(done, body)
		return
	}
	s.mu.Lock()
	var g *group
	if n := len(s.groups); n > 0 && s.groups[n-1].size < maxGroup && sameShape(s.groups[n-1].done.First, done) {
		g = s.groups[n-1]
	} else {
		g = &group{done: protocol.ManyDone{Type: "dones", First: done}}
		s.groups = append(s.groups, g)
	}
	d := &g.done
	d.Tasks = append(d.Tasks, o.many.Tasks[o.at])
	for _, v := range done.Artifacts {
		d.Sizes = append(d.Sizes, v.Length)
		g.size += v.Length
	}
	d.Short = append(d.Short, done.Value)
	d.Began, d.Ended = append(d.Began, began.UnixMicro()), append(d.Ended, ended.UnixMicro())
	g.body = append(g.body, body...)
	s.mu.Unlock()
	s.ready.Signal()
}

// sameShape reports whether two tasks differ in their values alone.
func sameShape(a, b *protocol.Done) bool {
	return slices.Equal(a.Transition.Next, b.Transition.Next) && a.Transition.Fan == b.Transition.Fan &&
		slices.EqualFunc(a.Artifacts, b.Artifacts, func(x, y protocol.SentValue) bool {
			return x.Name == y.Name && x.Codec == y.Codec && x.Type == y.Type
		})
}

// send sends what there is to say, as long as the process lives. While it sends, more comes together.
func (s *server) send() {
	for {
		groups, frames := s.collect()
		sent := 0
		for _, f := range frames { // first: what a task has logged comes before its end
			if _, err := s.c.file.Write(f); err != nil {
				os.Exit(0)
			}
			sent += len(f)
		}
		s.sent(sent)
		for _, g := range groups {
			if s.c.send(g.done, g.body...) != nil {
				os.Exit(0)
			}
		}
	}
}

// collect waits until there is something to send, and takes it.
func (s *server) collect() ([]*group, [][]byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.groups) == 0 && len(s.frames) == 0 {
		s.ready.Wait()
	}
	groups, frames := s.groups, s.frames
	s.groups, s.frames = nil, nil
	return groups, frames
}

// sent makes room for n bytes.
func (s *server) sent(n int) {
	s.mu.Lock()
	s.unsent -= n
	s.mu.Unlock()
	s.room.Broadcast()
}

// insideHost is the host as one of many tasks sees it; what is written to it is the task's log.
type insideHost struct {
	s    *server
	task string
}

func (h *insideHost) ask(q *protocol.Request) (*protocol.Reply, []byte, error) {
	q.ID, q.Task = h.s.next.Add(1), h.task
	frame, err := protocol.AppendFrame(nil, q)
	if err != nil {
		return nil, nil, fmt.Errorf("the host cannot be asked: %w", err)
	}
	ch := make(chan answer, 1)
	h.s.mu.Lock()
	h.s.asked[q.ID] = ch
	h.s.add(frame)
	h.s.mu.Unlock()
	a := <-ch
	return answered(a.reply, a.body)
}

// timeout tells nothing: the host cannot end a task that has no process of its own.
func (h *insideHost) timeout(string) error { return nil }

const (
	// maxUnsent is how many bytes wait to be sent when who logs has to wait too. Only those do:
	// without what else is said, no task would end.
	maxUnsent = 1 << 20
	// maxText is how many bytes of text are in one frame of a log.
	maxText = 64 << 10
)

// Write adds lines to the task's log. It waits while the host is slow to take what has been said.
func (h *insideHost) Write(data []byte) (int, error) {
	text := strings.ToValidUTF8(string(data), "\uFFFD")
	for len(text) > 0 {
		n := piece(text)
		frame, err := protocol.AppendFrame(nil, struct {
			Type string `json:"type"`
			Task string `json:"task"`
			Text string `json:"text"`
		}{"log", h.task, text[:n]})
		if err != nil {
			return 0, err
		}
		text = text[n:]
		h.s.mu.Lock()
		for h.s.unsent > maxUnsent {
			h.s.room.Wait()
		}
		h.s.add(frame)
		h.s.mu.Unlock()
	}
	return len(data), nil
}

// piece is how much of a text goes into one frame: whole lines, if they are not too long.
func piece(text string) int {
	if len(text) <= maxText {
		return len(text)
	}
	if end := strings.LastIndexByte(text[:maxText], '\n') + 1; end > 0 {
		return end
	}
	end := maxText
	for !utf8.RuneStart(text[end]) {
		end--
	}
	return end
}

var _ io.Writer = (*insideHost)(nil)

// lateHandler makes a handler when something is logged: most tasks log nothing.
type lateHandler struct {
	once sync.Once
	make func() slog.Handler
	made slog.Handler
}

func (h *lateHandler) handler() slog.Handler {
	h.once.Do(func() { h.made = h.make() })
	return h.made
}

// Enabled reports whether a level is logged: from Info on.
func (h *lateHandler) Enabled(_ context.Context, level slog.Level) bool {
	return level >= slog.LevelInfo
}

// Handle logs a record.
func (h *lateHandler) Handle(ctx context.Context, r slog.Record) error {
	return h.handler().Handle(ctx, r)
}

// WithAttrs returns a handler with attributes.
func (h *lateHandler) WithAttrs(attrs []slog.Attr) slog.Handler { return h.handler().WithAttrs(attrs) }

// WithGroup returns a handler with a group.
func (h *lateHandler) WithGroup(name string) slog.Handler { return h.handler().WithGroup(name) }
