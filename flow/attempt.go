package flow

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"reflect"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/levadahq/levada/internal/graph"
	"github.com/levadahq/levada/internal/protocol"
)

// frameRoom is how many bytes of values travel in one frame; what is beyond goes by file.
const frameRoom = 32 << 20

// attempt is one attempt on its way.
type attempt struct {
	m      *machine
	s      *step
	t      *Task
	state  reflect.Value        // the struct
	given  reflect.Value        // as it was before the step ran; made for joins alone
	before []loaded             // as loaded was then, for joins too
	came   map[*field]inherited // of a join, the parameters with parts that a copy would share
	loaded []loaded             // by place in plan.fields
	body   [][]byte             // of the done frame
	room   int
	log    io.Writer // where a failure is told
	inside bool      // other tasks run in this process
	failed bool      // what cannot be stored is left out: it may be why
	why    string    // the message of the failure
}

// loaded is a value as it was before the step ran.
type loaded struct {
	found bool
	data  []byte     // as it would be stored again; nil if only the hash is kept
	gob   bool       // data is a gob, the same value of which may be written otherwise
	alien bool       // another program wrote it, and it could not be stored again just so
	hash  string     // hex
	file  *fileState // of a File
}

// inherited are the values that a task inherits, as they came.
type inherited struct {
	values []protocol.Value
	data   [][]byte
}

// run runs the attempt and returns the frame that tells of it and its body.
func (a *attempt) run(have *inherited) (*protocol.Done, [][]byte) {
	done := &protocol.Done{Type: "done", Artifacts: []protocol.SentValue{}}
	f := a.try(have)
	if f != nil {
		f.Attempt = a.t.Attempt
	}
	if f == nil {
		if err := a.finish(done); err != nil {
			f = failureOf(a.t, err)
		}
	}
	if f == nil {
		done.OK = true
		return done, a.body
	}
	done.Exception = &protocol.Exception{Type: f.Type, Message: f.Message, Traceback: f.Traceback}
	a.failed, a.why = true, f.Message
	if a.t.item != nil && a.t.frame.Join == nil {
		done.Value = short(a.t.item)
	}
	if a.catches(f) {
		fmt.Fprintf(a.log, "@catch caught a failure of %s\n%s", a.t.title(), f.Traceback)
		if a.s.catch != "" {
			a.state.FieldByIndex(a.m.plan.byName[a.s.catch].index).Set(reflect.ValueOf(f))
		}
		a.reset(done)
		if _, err := a.artifacts(done); err == nil {
			done.OK, done.Caught = true, true
			done.Transition = &protocol.Transition{Next: a.s.next.to}
			return done, a.body
		}
	} else if !f.interrupted {
		fmt.Fprintf(a.log, "%s failed:\n%s", a.t.title(), f.Traceback)
	}
	a.reset(done)
	if a.state.IsValid() { // what it had set, for whoever looks into the failure
		if _, err := a.artifacts(done); err != nil {
			a.reset(done)
		}
	}
	done.NoRetry = f.permanent
	if f.interrupted {
		done.Exception.Type = "KeyboardInterrupt"
	}
	return done, a.body
}

func (a *attempt) reset(done *protocol.Done) {
	done.Artifacts, done.Foreach, done.Transition, a.body, a.room = []protocol.SentValue{}, nil, nil, nil, 0
}

// catches reports whether Catch takes a failure.
func (a *attempt) catches(f *Failure) bool {
	if !a.s.caught || f.interrupted || !a.state.IsValid() {
		return false
	}
	return a.t.Attempt >= a.t.Retries || a.t.frame.Fallback || f.permanent
}

// try makes the state and calls the step.
func (a *attempt) try(have *inherited) *Failure {
	if a.s.run == nil {
		return failureOf(a.t, fmt.Errorf("the step %s is run by another program", a.s.def.Name))
	}
	pointer := reflect.New(a.m.plan.typ)
	a.state, a.loaded = pointer.Elem(), make([]loaded, len(a.m.plan.fields))
	if err := a.load(have); err != nil {
		return failureOf(a.t, err)
	}
	if a.t.frame.Join != nil {
		a.given = reflect.New(a.m.plan.typ).Elem()
		a.given.Set(a.state)
		a.before = a.loaded
	}
	if a.t.frame.Fallback {
		message := "the process of step " + a.t.Step + " ended on each attempt before the step was done"
		if how := a.t.frame.Died; how != "" {
			message += "; the last: " + how
		}
		return &Failure{Type: "died", Message: message, Traceback: "error: " + message + "\n"}
	}
	return a.call(pointer.Interface())
}

// call calls the step and waits for it, but not long beyond its timeout.
func (a *attempt) call(state any) *Failure {
	if a.inside && a.t.frame.Timeout == 0 {
		return a.step(state)
	}
	if a.t.frame.Timeout > 0 {
		if err := a.t.host.timeout(protocol.TimeoutBegun); err != nil {
			return failureOf(a.t, err)
		}
		defer a.t.host.timeout(protocol.TimeoutOver) // if that cannot be told, no more can the end of the task
	}
	result := make(chan *Failure, 1)
	go func() {
		// runtime.Goexit, as testing.FailNow does.
		f := failureOf(a.t, fmt.Errorf("step %s ended its goroutine before it returned", a.t.Step))
		defer func() { result <- f }()
		f = a.step(state)
	}()
	var out <-chan struct{}
	if a.t.frame.Timeout > 0 {
		out = a.t.Done()
	}
	for {
		select {
		case f := <-result:
			return f
		case <-out:
			out = nil
			if t, ok := context.Cause(a.t).(*timedOut); ok {
				f := failureOf(a.t, t)
				select {
				case <-result: // too late, whatever it is
					return f
				case <-time.After(timeoutGrace):
				}
				f.Traceback += "\nIt did not stop when its context was cancelled; it was here:\n" + userStacks()
				return f
			}
		}
	}
}

// step calls the step's function.
func (a *attempt) step(state any) (f *Failure) {
	defer func() {
		if p := recover(); p != nil {
			if u, ok := p.(*unreadable); ok {
				f = failureOf(a.t, u.err)
				return
			}
			f = failureOfPanic(p)
		}
	}()
	if err := a.s.run(state, a.t, newInputs(a)); err != nil {
		return failureOf(a.t, err)
	}
	return nil
}

// timeoutGrace is how long a step may take to return when its timeout has passed.
const timeoutGrace = time.Second

// userStacks are the stacks of the user's goroutines.
func userStacks() string {
	buf := make([]byte, 64<<10)
	_, others, _ := strings.Cut(string(buf[:runtime.Stack(buf, true)]), "\n\n") // the first is the one that asks
	var b strings.Builder
	for block := range strings.SplitSeq(others, "\n\n") {
		lines, kept := strings.Split(block, "\n"), ""
		for i := 1; i+1 < len(lines); i += 2 { // a function and, below it, its place
			name := strings.TrimPrefix(lines[i], "created by ")
			if !ours(name) && !strings.HasPrefix(name, "os/signal.") {
				kept += lines[i] + "\n" + lines[i+1] + "\n"
			}
		}
		if kept != "" {
			b.WriteString(lines[0] + "\n" + kept)
		}
	}
	return b.String()
}

// load fills the fields with what the task inherits.
func (a *attempt) load(have *inherited) error {
	have, err := fetch(a.t, a.m.plan, have)
	if err != nil {
		return err
	}
	at := 0
	for i, f := range a.m.plan.fields {
		v := a.state.FieldByIndex(f.index)
		if f.kind == asFile {
			file := &fileState{open: a.opener(f.name)}
			v.Set(reflect.ValueOf(File{file}))
			a.loaded[i].file = file
			continue
		}
		if a.t.iterates(f.name) {
			continue
		}
		value, data := have.values[at], have.data[at]
		at++
		if !value.Found {
			if f.param != nil {
				if a.loaded[i], err = a.added(f, v); err != nil {
					return err
				}
			}
			continue
		}
		if data, err = readStored(value.Path, value.FIFO, value.Size, data); err != nil {
			return err
		}
		if a.t.frame.Join != nil && !a.given.IsValid() && f.param != nil && shares(f.typ) {
			if a.came == nil {
				a.came = map[*field]inherited{}
			}
			a.came[f] = inherited{[]protocol.Value{value}, [][]byte{bytes.Clone(data)}}
		}
		if f.kind == asBytes && value.Path == "" {
			data = bytes.Clone(data) // the step may write to it, and others may have the same
		}
		if err := f.decode(v, a.m.plan, value, data); err != nil {
			return err
		}
		a.loaded[i] = loaded{found: true, hash: value.Hash, data: data, gob: value.Codec == protocol.CodecGob}
		switch {
		case !ownValue(value): // other programs write the same value in another form
			if e, err := f.encode(v); err == nil {
				a.loaded[i].data, a.loaded[i].gob = e.data, e.codec == protocol.CodecGob
			} else if e.data != nil {
				a.loaded[i].data, a.loaded[i].alien = e.data, true
			}
		case a.loaded[i].gob: // it has to be compared as a value
		case f.kind == asBytes || len(data) > protocol.InlineLimit:
			a.loaded[i].data = nil
		}
	}
	return nil
}

// added gives a parameter its default that the run has no value of: it was added to the flow since the run began
// that is resumed. The default is not stored: each task has it from the code, and so a branch that was taken
// over has the same as one that runs again.
func (a *attempt) added(f *field, v reflect.Value) (loaded, error) {
	p := f.param
	if p.required {
		return loaded{}, fmt.Errorf("the run has no value of the parameter %s, which is required: it was added to the flow after the run began that this one resumes; "+
			"give the field %s.%s a default, or start a new run with --%s", f.name, a.m.plan.typ, f.goName, p.option)
	}
	if p.standard == nil {
		return loaded{}, nil
	}
	if err := p.set(f, v, *p.standard); err != nil {
		return loaded{}, fmt.Errorf("the default of the parameter %s: %w", f.name, err)
	}
	e, err := f.encode(v)
	return loaded{found: true, data: e.data, gob: e.codec == protocol.CodecGob}, err
}

// fetch asks for all that a task inherits and has not got yet.
func fetch(t *Task, p *plan, have *inherited) (*inherited, error) {
	names := p.reads(t)
	if have == nil {
		have = &inherited{}
	}
	for len(have.values) < len(names) {
		reply, body, err := t.host.ask(&protocol.Request{Type: "values", Names: names[len(have.values):], Codecs: accepted})
		if err != nil {
			return nil, err
		}
		if len(reply.Values) == 0 {
			return nil, fmt.Errorf("the host sent no values")
		}
		for _, v := range reply.Values {
			if v.Length < 0 || v.Length > len(body) {
				return nil, fmt.Errorf("the host sent less of a value than it said")
			}
			data := body[:v.Length:v.Length]
			body = body[v.Length:]
			if v.FIFO != "" { // it is to be read before anything else is asked
				if data, err = readStored("", v.FIFO, v.Size, nil); err != nil {
					return nil, err
				}
				v.FIFO = ""
			}
			have.values, have.data = append(have.values, v), append(have.data, data)
		}
	}
	return have, nil
}

// opener returns how to open an inherited File.
func (a *attempt) opener(name string) func() (io.ReadCloser, error) {
	return func() (io.ReadCloser, error) {
		reply, body, err := a.t.host.ask(&protocol.Request{Type: "get", Name: name, Codecs: fileCodecs})
		switch {
		case err != nil:
			return nil, err
		case !reply.Found:
			return nil, ErrNoFile
		case reply.Codec == protocol.CodecJSON:
			return nil, noFile(name, body)
		case reply.Path != "":
			return openStored(reply.Path)
		case reply.FIFO != "":
			return openStored(reply.FIFO)
		}
		return bytesOf(body), nil
	}
}

// finish makes what the done frame of a step that ended well has to say.
func (a *attempt) finish(done *protocol.Done) error {
	codecs, err := a.artifacts(done)
	if err != nil {
		return err
	}
	n := &a.s.next
	done.Transition = &protocol.Transition{Next: n.to}
	if a.t.item != nil && a.t.frame.Join == nil {
		done.Value = short(a.t.item)
	}
	switch n.kind {
	case graph.NextSwitch:
		v := a.state.FieldByIndex(a.m.plan.field(n.field).index)
		key := fmt.Sprint(v.Interface())
		for _, c := range n.cases {
			if c.of(v) {
				done.Transition.Next = []string{c.Step}
				return nil
			}
		}
		keys := make([]string, len(n.cases))
		for i, c := range n.cases {
			keys[i] = strconv.Quote(fmt.Sprint(c.Key))
		}
		return fmt.Errorf("step %s chooses by %s, which is %q; there is no case for that, only for %s", a.t.Step, n.field, key, strings.Join(keys, ", "))
	case graph.NextParallel:
		fan := int(a.state.FieldByIndex(a.m.plan.field(n.field).index).Int())
		if fan < 1 {
			return fmt.Errorf("step %s opens a gang of %s nodes, which is %d; it needs at least 1", a.t.Step, n.field, fan)
		}
		done.Transition.Fan = fan
	case graph.NextForeach:
		f := a.m.plan.field(n.field)
		return a.foreach(done, f, codecs[f.place] == protocol.CodecJSON)
	}
	return nil
}

// foreach writes the elements of a foreach so that each can be read alone. Those of a
// list that was found to be kept by JSON are.
func (a *attempt) foreach(done *protocol.Done, f *field, kept bool) error {
	list := a.state.FieldByIndex(f.index)
	one := &field{name: f.name, typ: f.typ.Elem(), kind: asJSON}
	n := list.Len()
	if n == 0 {
		return fmt.Errorf("step %s goes through %s, which is empty: a foreach needs at least one element", a.t.Step, f.goName)
	}
	var data, lengths []byte
	for i := range n {
		e, err := one.element(list.Index(i), kept)
		if err != nil {
			return fmt.Errorf("step %s goes through %s, whose elements are stored as JSON, and element %d cannot be: %w", a.t.Step, f.goName, i, one.locate(err))
		}
		data = append(data, e...)
		lengths = binary.LittleEndian.AppendUint64(lengths, uint64(len(e)))
	}
	data = append(data, lengths...)
	done.Transition.Fan = n
	done.Foreach = &protocol.SentItems{Var: f.name, Count: n, Codec: protocol.CodecJSON}
	path, err := a.send(data)
	if err != nil {
		return err
	}
	done.Foreach.Path = path
	if path == "" {
		done.Foreach.Length = len(data)
	}
	return nil
}

// element writes an element of a foreach. kept says that JSON is known to keep it as it is.
func (f *field) element(v reflect.Value, kept bool) ([]byte, error) {
	if kept {
		return asJSONBytes(v)
	}
	e, err := f.encodeAs(v, asJSON, comparison{})
	return e.data, err
}

// artifacts adds what changed to the done frame. It returns the codecs of the fields, ""
// of those that need not be stored at all.
func (a *attempt) artifacts(done *protocol.Done) (codecs []string, err error) {
	codecs = make([]string, len(a.m.plan.fields))
	for i, f := range a.m.plan.fields {
		v := a.state.FieldByIndex(f.index)
		before := &a.loaded[i]
		if f.kind == asFile {
			if err := a.file(done, f, v.Interface().(File), before); err != nil {
				return nil, err
			}
			continue
		}
		if !before.found && zero(v) {
			continue
		}
		e, err := f.encode(v)
		codecs[i] = e.codec
		switch {
		case err == nil && before.found && f.stays(v, before, e):
			continue
		case err != nil && before.alien && before.same(e.data):
			continue // as it came
		case err != nil && a.failed:
			if err.Error() != a.why {
				fmt.Fprintf(a.log, "%s: %v; it is left out\n", a.t.title(), err)
			}
			continue
		case err != nil:
			return nil, err
		}
		sent := protocol.SentValue{Name: f.name, Codec: e.codec, Type: e.typ, Size: int64(len(e.data))}
		if sent.Path, err = a.send(e.data); err != nil {
			return nil, err
		}
		if sent.Path == "" {
			sent.Length = len(e.data)
		}
		done.Artifacts = append(done.Artifacts, sent)
	}
	return codecs, nil
}

// stays reports whether a value is the one that was loaded.
func (f *field) stays(v reflect.Value, before *loaded, e encoded) bool {
	// Of equal values, gobs may differ: the keys of a map are written in any order.
	if before.gob && e.codec == protocol.CodecGob {
		was := reflect.New(f.typ).Elem()
		return decodeAs(was, protocol.CodecGob, before.data, true) == nil && comparison{gob: true}.differ(v, was) == nil
	}
	return before.same(e.data)
}

// same reports whether bytes are those that were loaded.
func (l *loaded) same(data []byte) bool {
	if l.data != nil {
		return bytes.Equal(l.data, data)
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:]) == l.hash
}

// file adds a File to the done frame if it is a new one.
func (a *attempt) file(done *protocol.Done, f *field, file File, before *loaded) error {
	switch {
	case file.fileState == before.file:
		return nil
	case file.fileState == nil: // the step has emptied the field
		const none = "null"
		a.body, a.room = append(a.body, []byte(none)), a.room+len(none)
		done.Artifacts = append(done.Artifacts, protocol.SentValue{Name: f.name, Codec: protocol.CodecJSON, Type: f.typ.String(), Size: int64(len(none)), Length: len(none)})
		return nil
	}
	path := file.staged
	// By another field: what is staged is taken over once.
	taken := func(s protocol.SentValue) bool { return s.Path == path }
	if path == "" || slices.ContainsFunc(done.Artifacts, taken) {
		src, err := file.Open() // of an input of a join, or of this step
		if err != nil {
			return fmt.Errorf("the artifact %s: %w", f.name, err)
		}
		defer src.Close()
		if file, err = a.t.NewFile(func(w io.Writer) error { _, err := io.Copy(w, src); return err }); err != nil {
			return fmt.Errorf("the artifact %s: %w", f.name, err)
		}
	}
	st, err := os.Stat(file.staged)
	if err != nil {
		return fmt.Errorf("the artifact %s: %w", f.name, err)
	}
	done.Artifacts = append(done.Artifacts, protocol.SentValue{Name: f.name, Codec: protocol.CodecFile, Type: "bytes", Size: st.Size(), Path: file.staged})
	return nil
}

// send puts bytes into the body of the done frame, or into a file if they are many; then it returns its path.
func (a *attempt) send(data []byte) (path string, err error) {
	limit := a.t.frame.InlineLimit
	if len(data) <= limit && a.room+len(data) <= frameRoom {
		a.room += len(data)
		a.body = append(a.body, data)
		return "", nil
	}
	path = a.t.stage()
	return path, os.WriteFile(path, data, 0o600)
}

// short is an element of a foreach in at most 30 characters.
func short(item []byte) string {
	text := string(item)
	if len(text) > 1 && text[0] == '"' {
		if plain, err := strconv.Unquote(text); err == nil {
			text = plain
		}
	}
	if r := []rune(text[:min(len(text), 200)]); len(r) > 30 {
		return string(r[:30])
	}
	return text
}
