// Package conformance checks whether a program speaks the worker protocol: it plays the host to an SDK in any language.
//
// The SDK is tested with a small flow, the same in every language (README.md of package protocol describes it; testdata
// has it in Python and in Go). Each [Check] holds one conversation with real processes of that flow and looks at what
// they say and make. Values are compared by meaning, so it does not matter how a language encodes them.
package conformance

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/levadahq/levada/internal/fault"
	"github.com/levadahq/levada/internal/graph"
	"github.com/levadahq/levada/internal/pickle"
	"github.com/levadahq/levada/internal/protocol"
	"github.com/levadahq/levada/internal/worker"
)

// Check is one thing that an SDK must do.
type Check struct {
	Name  string
	About string // what is expected
	run   func(h *host) error
}

// Checks are all there are, in order.
func Checks() []Check {
	return []Check{
		{"definition", "the flow is described as it is", (*host).definition},
		{"defaults", "defaults are told", (*host).defaults},
		{"parameters", "text of the command line becomes a value", (*host).parameters},
		{"usage", "a parameter that is no number is the user's mistake", (*host).usage},
		{"linear", "a step makes artifacts and names the next", (*host).linear},
		{"foreach", "a step inherits, changes one artifact, and sends elements", (*host).foreach},
		{"item", "a task works on the element that came with it", (*host).item},
		{"item-asked", "a task asks for an element that did not", (*host).itemAsked},
		{"join", "a join reads all inputs and merges", (*host).join},
		{"failure", "a step that fails says why, and what it had made", (*host).failure},
		{"staging", "values above the limit go by file", (*host).staging},
		{"refused", "a request that the host refuses fails the task", (*host).refused},
		{"nobody", "a task ends when its host is gone", (*host).nobody},
	}
}

// patience is how long a conversation may take.
const patience = 20 * time.Second

// Run makes all checks on a program and its arguments, and tells of each: nil is well. The error
// is not nil if there was nothing to check.
func Run(ctx context.Context, command []string, stderr io.Writer, tell func(c Check, err error)) error {
	dir, err := os.MkdirTemp("", "levada-conformance-")
	if err != nil {
		return fault.Wrap(fault.Internal, "make a folder", err)
	}
	defer os.RemoveAll(dir)
	stderr = &shared{w: stderr}
	pool, err := worker.Open(ctx, worker.Spec{File: strings.Join(command, " "), Program: command[0], Args: command[1:], Stdout: stderr, Stderr: stderr})
	if err != nil {
		return err
	}
	defer pool.Close()
	h := &host{pool: pool, dir: dir, codec: protocol.CodecJSON, stderr: stderr}
	pool.SetContext(h.context(protocol.InlineLimit))
	for _, c := range Checks() {
		tell(c, c.run(h))
	}
	return nil
}

// shared is a writer that several goroutines may write to.
type shared struct {
	mu sync.Mutex
	w  io.Writer
}

func (s *shared) Write(data []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.w.Write(data)
}

// host is the host of one program.
type host struct {
	pool   *worker.Pool
	dir    string // staging
	codec  string // of the program's own values
	stderr io.Writer
}

func (h *host) context(limit int) *protocol.Context {
	return &protocol.Context{
		Flow: "Conformance", Run: "1", User: "tester", Namespace: "user:tester", Tags: []string{}, Staging: h.dir, InlineLimit: limit,
	}
}

// talk is a conversation: what the task may read, and what came of it.
type talk struct {
	h      *host
	values map[string]any   // inherited
	items  []any            // of the foreach around it
	inputs []map[string]any // of a join
	refuse bool             // every request
	leave  bool             // close the socket after the first frame

	asked []string // types of requests, in order
	done  protocol.FromTask
	made  map[string]any // artifacts
	list  []any          // elements of a foreach
	exit  worker.Exit
}

// hold starts a process for a first frame and talks with it to its end.
func (t *talk) hold(first worker.First, here bool) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	exited := make(chan worker.Exit, 1)
	watch := worker.Watch{Exited: func(e worker.Exit) { exited <- e }}
	var proc *worker.Process
	var err error
	if here {
		proc, err = t.h.pool.StartHere(ctx, first, watch)
	} else {
		proc, err = t.h.pool.Start(ctx, first, worker.Setting{}, watch)
	}
	if err != nil {
		return err
	}
	defer proc.Close()
	stop := context.AfterFunc(ctx, func() { proc.Signal(syscall.SIGKILL) })
	defer stop()
	var wg sync.WaitGroup
	wg.Go(func() { io.Copy(t.h.stderr, proc.Stdout) })
	wg.Go(func() { io.Copy(t.h.stderr, proc.Stderr) })
	err = t.converse(proc)
	t.exit = <-exited
	wg.Wait()
	if ctx.Err() != nil {
		return fmt.Errorf("it did not end within %s; requests so far: %v", patience, t.asked)
	}
	return err
}

func (t *talk) converse(proc *worker.Process) error {
	if t.leave {
		return proc.Conn.Close()
	}
	in := bufio.NewReader(proc.Conn)
	last := int64(0)
	for {
		var m protocol.FromTask
		body, err := protocol.ReadFrame(in, &m)
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		switch m.Type {
		case "done", "usage", "defaults":
			t.done = m
			return t.read(&m, body)
		case "metadata", "fork":
			continue
		}
		t.asked = append(t.asked, m.Type)
		if m.ID != last+1 {
			return fmt.Errorf("the request %s has the id %d; ids count up from 1", m.Type, m.ID)
		}
		last = m.ID
		reply, values, err := t.answer(&m)
		if err != nil {
			return err
		}
		reply.Type, reply.ID = "reply", m.ID
		frame, err := protocol.AppendFrame(nil, reply, values...)
		if err != nil {
			return err
		}
		if _, err := proc.Conn.Write(frame); err != nil {
			return err
		}
	}
}

// answer answers a request.
func (t *talk) answer(m *protocol.FromTask) (*protocol.Reply, [][]byte, error) {
	if t.refuse {
		return &protocol.Reply{Error: &protocol.ReplyError{Kind: "not found", Message: "the host refuses"}}, nil, nil
	}
	switch m.Type {
	case "get":
		v, data := t.stored(t.values, m.Name, m.Codecs)
		return &protocol.Reply{Found: v.Found, Codec: v.Codec, Kind: v.Type, Size: v.Size, From: v.From}, [][]byte{data}, nil
	case "values":
		reply := &protocol.Reply{}
		var bodies [][]byte
		for _, name := range m.Names {
			v, data := t.stored(t.values, name, m.Codecs)
			reply.Values, bodies = append(reply.Values, v), append(bodies, data)
		}
		return reply, bodies, nil
	case "names":
		return &protocol.Reply{Names: keys(t.values)}, nil, nil
	case "get_item":
		if m.Level != 0 || len(t.items) == 0 {
			return nil, nil, fmt.Errorf("it asks for the element of level %d, and there is one foreach", m.Level)
		}
		v, data := t.stored(map[string]any{"item": t.items[len(t.items)-1]}, "item", m.Codecs)
		return &protocol.Reply{Found: true, Codec: v.Codec, Kind: v.Type, Size: v.Size, From: v.From}, [][]byte{data}, nil
	case "get_inputs":
		reply := &protocol.Reply{Values: []protocol.Value{}}
		var bodies [][]byte
		for i := m.From; i < min(m.From+m.Count, len(t.inputs)); i++ {
			v, data := t.stored(t.inputs[i], m.Name, m.Codecs)
			reply.Values, bodies = append(reply.Values, v), append(bodies, data)
		}
		return reply, bodies, nil
	case "get_input_items": // each has a list of its own
		return &protocol.Reply{Values: make([]protocol.Value, max(0, min(m.Count, len(t.inputs)-m.From)))}, nil, nil
	case "input_names":
		return &protocol.Reply{Names: keys(t.inputs[m.Index])}, nil, nil
	case "input_info":
		reply := &protocol.Reply{}
		for i := m.From; i < min(m.From+m.Count, len(t.inputs)); i++ {
			reply.Inputs = append(reply.Inputs, protocol.InputInfo{Task: fmt.Sprint(10 + i), Step: "body", Index: i})
		}
		return reply, nil, nil
	case "merge":
		if len(t.inputs) == 0 {
			return nil, nil, fmt.Errorf("it merges, and is no join")
		}
		reply := &protocol.Reply{Merged: []string{}}
		for name, value := range t.inputs[0] {
			if slices.Contains(m.Exclude, name) || slices.Contains(m.Own, name) || m.Include != nil && !slices.Contains(m.Include, name) {
				continue
			}
			if slices.ContainsFunc(t.inputs, func(in map[string]any) bool { return !reflect.DeepEqual(in[name], value) }) {
				reply.Conflicts = append(reply.Conflicts, name)
				continue
			}
			reply.Merged = append(reply.Merged, name)
			t.values[name] = value
		}
		return reply, nil, nil
	}
	return &protocol.Reply{Error: &protocol.ReplyError{Kind: "invalid", Message: "the host knows no request " + m.Type}}, nil, nil
}

// stored encodes a value as the program would have, or as another language's that was converted for it.
func (t *talk) stored(values map[string]any, name string, codecs []string) (protocol.Value, []byte) {
	value, ok := values[name]
	if !ok {
		return protocol.Value{}, nil
	}
	v := protocol.Value{Found: true, Codec: t.h.codec, Type: "json"}
	data := t.h.encode(value)
	if codecs != nil && v.Codec != protocol.CodecJSON {
		v.From, v.Codec = v.Codec, protocol.CodecJSON
		data, _ = json.Marshal(value)
	}
	v.Size, v.Length = int64(len(data)), len(data)
	return v, data
}

func (h *host) encode(value any) []byte {
	if h.codec == protocol.CodecPickle {
		data, _ := pickle.Encode(value)
		return data
	}
	data, _ := json.Marshal(value)
	return data
}

// decode returns what a value means, as decoded JSON.
func decode(codec string, data []byte) (any, error) {
	if codec == protocol.CodecPickle {
		p, err := pickle.Decode(data, pickle.Limits{})
		if err != nil {
			return nil, err
		}
		text, why := pickle.PlainJSON(p)
		if why.Why != "" {
			return nil, fmt.Errorf("%s", why.Why)
		}
		data = text
	} else if codec != protocol.CodecJSON {
		return nil, fmt.Errorf("plain data with the codec %q", codec)
	}
	var value any
	err := json.Unmarshal(data, &value)
	return value, err
}

// read takes in the values of the last frame.
func (t *talk) read(m *protocol.FromTask, body []byte) error {
	t.made = map[string]any{}
	take := func(length int, path string) ([]byte, error) {
		if path != "" {
			if filepath.Dir(path) != t.h.dir {
				return nil, fmt.Errorf("%s is not in the staging folder %s", path, t.h.dir)
			}
			return os.ReadFile(path)
		}
		if length < 0 || length > len(body) {
			return nil, fmt.Errorf("the frame's body is shorter than its header says")
		}
		data := body[:length]
		body = body[length:]
		return data, nil
	}
	for _, v := range m.Artifacts {
		data, err := take(v.Length, v.Path)
		if err != nil {
			return err
		}
		if int64(len(data)) != v.Size {
			return fmt.Errorf("the artifact %s has %d bytes and says %d", v.Name, len(data), v.Size)
		}
		if t.made[v.Name], err = decode(v.Codec, data); err != nil {
			return fmt.Errorf("the artifact %s: %w", v.Name, err)
		}
		if v.Name == "alpha" {
			t.h.codec = v.Codec
		}
	}
	if f := m.Foreach; f != nil {
		data, err := take(f.Length, f.Path)
		if err != nil {
			return err
		}
		if t.list, err = elements(f, data); err != nil {
			return err
		}
	}
	if len(body) > 0 {
		return fmt.Errorf("the frame's body has %d bytes that belong to nothing", len(body))
	}
	return nil
}

// elements reads an items file.
func elements(f *protocol.SentItems, data []byte) ([]any, error) {
	if len(data) < 8*f.Count {
		return nil, fmt.Errorf("the items file is too short for %d elements", f.Count)
	}
	lengths := data[len(data)-8*f.Count:]
	data = data[:len(data)-8*f.Count]
	var list []any
	for i := range f.Count {
		n := binary.LittleEndian.Uint64(lengths[8*i:])
		if n > uint64(len(data)) {
			return nil, fmt.Errorf("the lengths in the items file do not fit its elements")
		}
		value, err := decode(f.Codec, data[:n])
		if err != nil {
			return nil, err
		}
		list, data = append(list, value), data[n:]
	}
	if len(data) > 0 {
		return nil, fmt.Errorf("the lengths in the items file do not fit its elements")
	}
	return list, nil
}

func keys(m map[string]any) []string {
	names := []string{}
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// task runs a step.
func (t *talk) task(step string, change func(*protocol.Task), body []byte) error {
	f := &protocol.Task{Type: "task", Step: step, Task: "3"}
	if change != nil {
		change(f)
	}
	return t.hold(worker.First{Header: f, Body: body}, false)
}

// expect compares what a task came to.
func (t *talk) expect(next []string, made map[string]any) error {
	if !t.done.OK {
		return fmt.Errorf("the task failed: %+v", t.done.Exception)
	}
	if t.exit.Code != 0 {
		return fmt.Errorf("the process ended with code %d, signal %d; 0 goes with ok", t.exit.Code, t.exit.Signal)
	}
	var tr graph.Transition
	if err := json.Unmarshal(t.done.Transition, &tr); err != nil {
		return fmt.Errorf("the transition %s: %w", t.done.Transition, err)
	}
	if !slices.Equal(tr.Next, next) {
		return fmt.Errorf("it goes on to %v, not to %v", tr.Next, next)
	}
	return t.has(made)
}

func (t *talk) has(made map[string]any) error {
	for name, want := range made {
		raw, _ := json.Marshal(want)
		var plain any
		json.Unmarshal(raw, &plain)
		if got, ok := t.made[name]; !ok || !reflect.DeepEqual(got, plain) {
			return fmt.Errorf("the artifact %s is %v, not %v; it sent %v", name, got, plain, keys(t.made))
		}
	}
	return nil
}

// The checks.

func (h *host) definition() error {
	d := h.pool.Definition()
	g, problems := graph.Compile(d)
	if len(problems) > 0 {
		return fmt.Errorf("%s", problems[0])
	}
	if d.Name != "Conformance" || d.Language == "" || d.SDK == "" || d.Runtime == "" {
		return fmt.Errorf("the name is %q, the language %q, the SDK %q, the runtime %q", d.Name, d.Language, d.SDK, d.Runtime)
	}
	var got bytes.Buffer
	for _, n := range g.Nodes {
		fmt.Fprintf(&got, "%s:%s", n.Name, n.Kind)
		for _, m := range n.Out {
			fmt.Fprintf(&got, ">%s", m.Name)
		}
		got.WriteByte(' ')
	}
	const want = "start:start>fan fan:split-foreach>body body:linear>join join:join>fail fail:linear>end end:end "
	switch {
	case got.String() != want:
		return fmt.Errorf("the graph is\n%s, not\n%s", &got, want)
	case g.Lookup("body").Retries != 1:
		return fmt.Errorf("step body is tried again %d times, not once", g.Lookup("body").Retries)
	case g.Lookup("fan").Next.Foreach != "numbers":
		return fmt.Errorf("the foreach goes through %q, not numbers", g.Lookup("fan").Next.Foreach)
	case len(d.Parameters) != 1 || d.Parameters[0].Name != "alpha" || d.Parameters[0].Attribute != "alpha" || d.Parameters[0].Type != "int" || string(d.Parameters[0].Default) != "1":
		return fmt.Errorf("the parameters are %+v", d.Parameters)
	}
	return nil
}

func (h *host) defaults() error {
	t := talk{h: h}
	if err := t.hold(worker.First{Header: map[string]string{"type": "defaults"}}, true); err != nil {
		return err
	}
	if t.done.Type != "defaults" {
		return fmt.Errorf("it answers %q", t.done.Type)
	}
	return nil
}

func (h *host) resolve(alpha string) (*talk, error) {
	t := &talk{h: h}
	err := t.hold(worker.First{Header: protocol.Parameters{
		Type: "parameters", Values: map[string]any{"alpha": alpha}, User: "tester", DSType: "local", Staging: h.dir,
	}}, true)
	return t, err
}

func (h *host) parameters() error {
	t, err := h.resolve("7")
	if err != nil {
		return err
	}
	if !t.done.OK || t.done.Display["alpha"] != "7" {
		return fmt.Errorf("it answers %q, ok %t, display %v", t.done.Type, t.done.OK, t.done.Display)
	}
	return t.has(map[string]any{"alpha": 7, "name": "Conformance"})
}

func (h *host) usage() error {
	t, err := h.resolve("seven")
	if err != nil {
		return err
	}
	if t.done.Type != "usage" || !strings.Contains(t.done.Message, "alpha") {
		return fmt.Errorf("it answers %q with the message %q; the message names the parameter", t.done.Type, t.done.Message)
	}
	return nil
}

func (h *host) linear() error {
	t := talk{h: h, values: map[string]any{"alpha": 7}}
	if err := t.task("start", nil, nil); err != nil {
		return err
	}
	return t.expect([]string{"fan"}, map[string]any{"greeting": "hello 7", "numbers": []int{1, 2}})
}

func (h *host) foreach() error {
	t := talk{h: h, values: map[string]any{"alpha": 7, "greeting": "hello 7", "numbers": []int{1, 2}}}
	if err := t.task("fan", nil, nil); err != nil {
		return err
	}
	if err := t.expect([]string{"body"}, map[string]any{"numbers": []int{1, 2, 30}}); err != nil {
		return err
	}
	f := t.done.Foreach
	switch {
	case f == nil || f.Var != "numbers" || f.Count != 3:
		return fmt.Errorf("the foreach is %+v", f)
	case !reflect.DeepEqual(t.list, []any{1.0, 2.0, 30.0}):
		return fmt.Errorf("the elements are %v", t.list)
	case t.made["greeting"] != nil:
		return fmt.Errorf("the artifact greeting was sent, though it is inherited and did not change")
	}
	return nil
}

// child makes a task one of the foreach.
func child(inline string) func(*protocol.Task) {
	return func(f *protocol.Task) {
		f.Stack = []protocol.Frame{{Split: "2", Step: "fan", Var: "numbers", Count: 3, Index: 2}}
		f.Retries, f.Item = 1, &protocol.Item{Codec: inline, Inline: inline != ""}
	}
}

func (h *host) item() error {
	t := talk{h: h, values: map[string]any{"alpha": 7, "greeting": "hello 7"}, items: []any{30}}
	if err := t.task("body", child(h.codec), h.encode(30)); err != nil {
		return err
	}
	if t.done.Value != "30" {
		return fmt.Errorf("the short form of the element is %q, not 30", t.done.Value)
	}
	return t.expect([]string{"join"}, map[string]any{"square": 900})
}

func (h *host) itemAsked() error {
	t := talk{h: h, values: map[string]any{"alpha": 7, "greeting": "hello 7"}, items: []any{30}}
	if err := t.task("body", child(""), nil); err != nil {
		return err
	}
	if !slices.Contains(t.asked, "get_item") {
		return fmt.Errorf("it did not ask for the element; requests: %v", t.asked)
	}
	return t.expect([]string{"join"}, map[string]any{"square": 900})
}

func (h *host) join() error {
	t := talk{h: h, values: map[string]any{"alpha": 7}}
	for _, square := range []int{1, 4, 900} {
		t.inputs = append(t.inputs, map[string]any{"alpha": 7, "square": square, "greeting": "hello 7"})
	}
	if err := t.task("join", func(f *protocol.Task) { f.Join = &protocol.Join{Count: 3} }, nil); err != nil {
		return err
	}
	if !slices.Contains(t.asked, "merge") {
		return fmt.Errorf("it did not merge; requests: %v", t.asked)
	}
	return t.expect([]string{"fail"}, map[string]any{"total": 905})
}

func (h *host) failure() error {
	t := talk{h: h, values: map[string]any{"alpha": 7}}
	if err := t.task("fail", nil, nil); err != nil {
		return err
	}
	switch e := t.done.Exception; {
	case t.done.OK:
		return fmt.Errorf("it says that the step went well")
	case e == nil || e.Type == "" || !strings.Contains(e.Message, "boom") || !strings.Contains(e.Traceback, "boom"):
		return fmt.Errorf("the exception is %+v", e)
	case t.exit.Code != 1:
		return fmt.Errorf("the process ended with code %d; 1 goes with a failure", t.exit.Code)
	}
	return t.has(map[string]any{"before": true})
}

func (h *host) staging() error {
	h.pool.SetContext(h.context(4))
	defer h.pool.SetContext(h.context(protocol.InlineLimit))
	t := talk{h: h, values: map[string]any{"alpha": 7}}
	if err := t.task("start", nil, nil); err != nil {
		return err
	}
	if !slices.ContainsFunc(t.done.Artifacts, func(v protocol.SentValue) bool { return v.Name == "greeting" && v.Path != "" }) {
		return fmt.Errorf("the artifact greeting is longer than inline_limit, and did not go by file")
	}
	return t.expect([]string{"fan"}, map[string]any{"greeting": "hello 7"})
}

func (h *host) refused() error {
	t := talk{h: h, refuse: true}
	if err := t.task("fan", nil, nil); err != nil {
		return err
	}
	if t.done.OK || t.exit.Code == 0 {
		return fmt.Errorf("it says that the step went well")
	}
	return nil
}

func (h *host) nobody() error {
	t := talk{h: h, leave: true}
	if err := t.task("fan", nil, nil); err != nil {
		return err
	}
	if t.exit.Code == 0 {
		return fmt.Errorf("the process ended with code 0, as if all were well")
	}
	return nil
}
