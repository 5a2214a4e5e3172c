package flow

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"reflect"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/levadahq/levada/internal/protocol"
)

// conn is this side of a conversation.
type conn struct {
	file *os.File
	in   *bufio.Reader

	mu   sync.Mutex
	next int64
}

func newConn(fd int) *conn {
	f := os.NewFile(uintptr(fd), "levada")
	return &conn{file: f, in: bufio.NewReaderSize(f, 16<<10)}
}

func (c *conn) send(header any, body ...[]byte) error {
	frame, err := protocol.AppendFrame(nil, header, body...)
	if err == nil {
		_, err = c.file.Write(frame)
	}
	return err
}

// ask sends a request and waits for the answer. Steps may ask from several goroutines.
func (c *conn) ask(q *protocol.Request) (*protocol.Reply, []byte, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.next++
	q.ID = c.next
	if err := c.send(q); err != nil {
		return nil, nil, fmt.Errorf("the host cannot be asked: %w", err)
	}
	reply := new(protocol.Reply)
	body, err := protocol.ReadFrame(c.in, reply)
	if err != nil {
		return nil, nil, fmt.Errorf("the host does not answer: %w", err)
	}
	return answered(reply, body)
}

func (c *conn) timeout(state string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.send(map[string]string{"type": "timeout", "state": state})
}

// answered turns an answer that is an error into one.
func answered(reply *protocol.Reply, body []byte) (*protocol.Reply, []byte, error) {
	if e := reply.Error; e != nil {
		text := e.Message
		if e.Hint != "" {
			text += " (" + e.Hint + ")"
		}
		return nil, nil, errors.New(text)
	}
	return reply, body, nil
}

// serveControl describes the flow and waits for the end of the conversation.
func (m *machine) serveControl(fd int) {
	signal.Ignore(os.Interrupt) // Ctrl-C is the host's business
	c := newConn(fd)
	hello := protocol.FromWorker{Type: "hello", Protocol: protocol.Version, SDK: "go/" + Version, PID: os.Getpid(), Spawn: true}
	if c.send(hello) != nil {
		os.Exit(1)
	}
	if err := c.send(m.described()); err != nil {
		os.Exit(1)
	}
	io.Copy(io.Discard, c.in)
	os.Exit(0)
}

// described is the frame that describes the flow, or says why it cannot be.
func (m *machine) described() protocol.FromWorker {
	m.define()
	raw, err := json.Marshal(m.def)
	if err != nil {
		return protocol.FromWorker{Type: "broken", Message: err.Error(), File: m.def.File, Line: m.def.Line}
	}
	return protocol.FromWorker{Type: "definition", Definition: raw}
}

// serveTask holds a task conversation and ends the process.
func (m *machine) serveTask(fd int) {
	c := newConn(fd)
	var header json.RawMessage
	body, err := protocol.ReadFrame(c.in, &header)
	t := new(protocol.Task) // what it nearly always is
	if err == nil {
		err = json.Unmarshal(header, t)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "levada:", err)
		os.Exit(1)
	}
	switch t.Type {
	case "task":
		os.Exit(m.task(c, t, body))
	case "parameters":
		var q protocol.Parameters
		if err = json.Unmarshal(header, &q); err == nil {
			os.Exit(m.parameters(c, &q))
		}
	case "defaults": // all are in the definition
		if err = c.send(map[string]any{"type": "defaults", "display": map[string]string{}}); err == nil {
			os.Exit(0)
		}
	default:
		err = fmt.Errorf("the host sent %q, which starts no conversation", t.Type)
	}
	fmt.Fprintln(os.Stderr, "levada:", err)
	os.Exit(1)
}

// parameters resolves the parameters of a run.
func (m *machine) parameters(c *conn, q *protocol.Parameters) int {
	state := reflect.New(m.plan.typ)
	display, err := m.plan.resolve(state.Elem(), q.Values)
	if err != nil {
		wrong := new(badOption)
		errors.As(err, &wrong)
		c.send(map[string]any{"type": "usage", "message": err.Error(), "parameter": wrong.option})
		return 1
	}
	var staged atomic.Int64
	t := &Task{ID: "parameters-" + strconv.Itoa(os.Getpid()), staged: &staged,
		frame: &protocol.Task{Context: &protocol.Context{Staging: q.Staging, InlineLimit: protocol.InlineLimit}}}
	a := &attempt{m: m, t: t, state: state.Elem(), loaded: make([]loaded, len(m.plan.fields))}
	for i, f := range m.plan.fields {
		a.loaded[i].found = f.param != nil // a parameter is stored even if it is zero
	}
	done := &protocol.Done{Type: "done", OK: true, Artifacts: []protocol.SentValue{}, Display: display}
	name := field{name: "name", typ: reflect.TypeFor[string]()}
	if m.plan.byName["name"] == nil {
		e, _ := name.encode(reflect.ValueOf(&m.name).Elem())
		done.Artifacts = append(done.Artifacts, protocol.SentValue{Name: "name", Codec: e.codec, Type: e.typ, Size: int64(len(e.data)), Length: len(e.data)})
		a.body = append(a.body, e.data)
	}
	if _, err := a.artifacts(done); err != nil {
		fmt.Fprintln(os.Stderr, err)
		done = &protocol.Done{Type: "done", Artifacts: []protocol.SentValue{}, Exception: &protocol.Exception{Type: typeOf(err), Message: err.Error()}}
		a.body = nil
	}
	if c.send(done, a.body...) != nil || !done.OK {
		return 1
	}
	return 0
}

// task runs one attempt in this process.
func (m *machine) task(c *conn, frame *protocol.Task, body []byte) int {
	s := m.byName[frame.Step]
	if s == nil {
		fmt.Fprintf(os.Stderr, "levada: the flow %s has no step %s\n", m.name, frame.Step)
		return 1
	}
	if frame.Cgroup != "" {
		os.WriteFile(frame.Cgroup, []byte("0"), 0) // without it, the task is only measured less well
	}
	ctx, cancel := context.WithCancelCause(context.Background())
	defer time.AfterFunc(heedAfter, func() { heedSignals(cancel) }).Stop()
	log := slog.New(&lateHandler{make: func() slog.Handler { return slog.NewTextHandler(os.Stderr, logOptions) }})
	slog.SetDefault(log)
	have := &inherited{}
	for _, v := range frame.Ahead {
		if v.Length < 0 || v.Length > len(body) {
			fmt.Fprintln(os.Stderr, "levada: the host sent less of a value than it said")
			return 1
		}
		have.values, have.data = append(have.values, v), append(have.data, body[:v.Length:v.Length])
		body = body[v.Length:]
	}
	a, release := m.newAttempt(ctx, s, frame, c, body, log)
	defer release()
	a.log = os.Stderr
	done, parts := a.run(have)
	if err := c.send(done, parts...); err != nil {
		fmt.Fprintln(os.Stderr, "levada:", err)
		return 1
	}
	if !done.OK {
		return 1
	}
	return 0
}

// heedAfter is how long a task has been at work when it begins to heed signals. Before that they end it, as they do
// while the program starts; to heed them takes two threads, which is a tenth of all that a tiny task costs.
const heedAfter = 2 * time.Millisecond

// heedSignals ends a task's context when somebody asks it to end.
func heedSignals(cancel context.CancelCauseFunc) {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	<-signals
	cancel(errInterrupted)
}

// logOptions leave the time out, because Levada notes when each line came.
var logOptions = &slog.HandlerOptions{ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
	if len(groups) == 0 && a.Key == slog.TimeKey {
		return slog.Attr{}
	}
	return a
}}

// newAttempt prepares an attempt. release ends its context.
func (m *machine) newAttempt(ctx context.Context, s *step, frame *protocol.Task, h host, item []byte, log *slog.Logger) (a *attempt, release func()) {
	release = func() {}
	if frame.Timeout > 0 {
		limit := time.Duration(frame.Timeout * float64(time.Second))
		ctx, release = context.WithTimeoutCause(ctx, limit, &timedOut{frame.Step, limit})
	}
	if frame.Context == nil {
		frame.Context = &protocol.Context{}
	}
	for _, d := range frame.With {
		if d.Name == "catch" && !s.caught {
			added := *s
			added.caught = true
			s = &added
		}
	}
	t := &Task{
		Context: ctx, Log: log, Flow: frame.Flow, Run: frame.Run, Step: frame.Step, ID: frame.Task,
		Attempt: frame.Attempt, Retries: frame.Retries, Iteration: frame.Iteration,
		frame: frame, host: h, staged: new(atomic.Int64), machine: m,
	}
	if frame.Item != nil && frame.Item.Inline && frame.Item.Codec == protocol.CodecJSON {
		t.item = item
	}
	return &attempt{m: m, s: s, t: t}, release
}
