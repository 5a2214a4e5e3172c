package flow

import (
	"bytes"
	"fmt"
	"io"
	"iter"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/levadahq/levada/internal/protocol"
)

// Inputs are what a join joins: the state that each of its tasks left. Values are fetched for many tasks at a time,
// when a state is first looked at. In the tasks of a foreach, a field that a Foreach goes through is left zero.
type Inputs[T any] struct {
	in *inputs
	t  *Task
}

// Len returns the number of inputs.
func (in Inputs[T]) Len() int { return in.in.count() }

// At returns the state that one input left: in a foreach that of the task with this index, else in the order of
// the split. Changing it changes nothing else. Goroutines may call it at once. It fails if an artifact cannot be read.
func (in Inputs[T]) At(i int) (*T, error) {
	state, err := in.in.at(i)
	if err != nil {
		return nil, err
	}
	return state.(*T), nil
}

// All yields the inputs in order. What cannot be read ends the step with an error that names it.
func (in Inputs[T]) All() iter.Seq2[int, *T] {
	return func(yield func(int, *T) bool) {
		for i := range in.Len() {
			state, err := in.At(i)
			if err != nil {
				panic(&unreadable{err})
			}
			if !yield(i, state) {
				return
			}
		}
	}
}

// Step returns the state that a branch of a split left: that of the last step in it.
func (in Inputs[T]) Step(name string) (*T, error) {
	i, err := in.in.position(name)
	if err != nil {
		return nil, err
	}
	return in.At(i)
}

// Merge gives the flow what all inputs agree about: artifacts that only one of them set, or that all of them have with
// the same value. Fields that are set already stay as they are. Different values of an artifact are an
// error that names it, unless it is excluded.
func (in Inputs[T]) Merge(exclude ...string) error { return in.in.merge(exclude) }

// inputs are Inputs without their type.
type inputs struct {
	mu     sync.Mutex // steps may look at inputs in goroutines
	a      *attempt
	first  int // of the page
	values map[*field][]protocol.Value
	data   map[*field][][]byte
	states map[int]any
}

// maxPage is how many inputs are fetched at once.
const maxPage = 500

// maxKept is up to how many inputs a join keeps the states that it made.
const maxKept = 64

// unreadable is the panic of an input that cannot be read.
type unreadable struct{ err error }

func (u *unreadable) Error() string { return u.err.Error() }

func newInputs(a *attempt) *inputs {
	if a.t.frame.Join == nil {
		return nil
	}
	return &inputs{a: a, states: map[int]any{}, first: -1}
}

func (in *inputs) count() int { return in.a.t.frame.Join.Count }

// position finds the input that a step left.
func (in *inputs) position(step string) (int, error) {
	if steps := in.a.t.frame.Join.Steps; steps != nil {
		if at := steps[step]; len(at) > 0 {
			return at[len(at)-1], nil
		}
		names := []string{}
		for name := range steps {
			names = append(names, name)
		}
		slices.Sort(names)
		return 0, fmt.Errorf("step %s does not end a branch that is joined here; these do: %v", step, names)
	}
	return 0, fmt.Errorf("the inputs are the tasks of a foreach: use At or All")
}

// at makes the state of one input.
func (in *inputs) at(i int) (any, error) {
	if i < 0 || i >= in.count() {
		return nil, fmt.Errorf("the join has %d inputs, there is none at %d", in.count(), i)
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	if s := in.states[i]; s != nil {
		return s, nil
	}
	p := in.a.m.plan
	state := reflect.New(p.typ)
	for _, f := range p.fields {
		v := state.Elem().FieldByIndex(f.index)
		if f.kind == asFile {
			v.Set(reflect.ValueOf(File{&fileState{open: in.opener(i, f.name)}}))
			continue
		}
		if in.a.t.frame.Join.Steps == nil && in.a.m.iterated[f.name] {
			continue // the list that a foreach went through: each of its tasks has all of it
		}
		value, data, err := in.value(i, f)
		if err != nil {
			return nil, err
		}
		if err := in.fill(v, f, i, value, data); err != nil {
			return nil, err
		}
	}
	if in.count() <= maxKept {
		in.states[i] = state.Interface()
	}
	return state.Interface(), nil
}

// fill gives a field the value that an input left.
func (in *inputs) fill(v reflect.Value, f *field, i int, value protocol.Value, data []byte) error {
	switch {
	case !value.Found:
		if f.param != nil {
			_, err := in.a.added(f, v)
			return err
		}
		return nil
	case value.Hash != "" && value.Hash == in.known(f): // a parameter that no step has changed, as nearly always
		came, ok := in.a.came[f]
		if !ok {
			v.Set(in.a.given.FieldByIndex(f.index))
			return nil
		}
		value, data = came.values[0], bytes.Clone(came.data[0]) // one of its own: changing it must change nothing
	}
	if err := f.decode(v, in.a.m.plan, value, data); err != nil {
		return fmt.Errorf("input %d: %w", i, err)
	}
	return nil
}

// shares reports whether a copy of a value has parts that are the original's too.
func shares(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.Array:
		return shares(t.Elem())
	case reflect.Struct:
		for i := range t.NumField() {
			if t != timeType && shares(t.Field(i).Type) {
				return true
			}
		}
		return false
	}
	return t.Kind() > reflect.Complex128 && t.Kind() != reflect.String
}

// known is the hash of a field that the join itself has inherited, "" if it has not: only parameters are inherited.
func (in *inputs) known(f *field) string {
	if f.param == nil {
		return ""
	}
	return in.a.before[f.place].hash
}

// value returns one artifact of one input. Its neighbours' come with it.
func (in *inputs) value(i int, f *field) (protocol.Value, []byte, error) {
	page := i / maxPage * maxPage
	if page != in.first {
		in.first, in.values, in.data = page, map[*field][]protocol.Value{}, map[*field][][]byte{}
	}
	for page+len(in.values[f]) <= i {
		from := page + len(in.values[f])
		reply, body, err := in.a.t.host.ask(&protocol.Request{
			Type: "get_inputs", Name: f.name, From: from, Count: min(maxPage, in.count()-from), Codecs: accepted, Known: in.known(f),
		})
		if err != nil {
			return protocol.Value{}, nil, err
		}
		if len(reply.Values) == 0 {
			return protocol.Value{}, nil, fmt.Errorf("the host sent no value of %s for the input %d", f.name, from)
		}
		for _, v := range reply.Values {
			data, err := readStored(v.Path, v.FIFO, v.Size, body[:min(v.Length, len(body))])
			if err != nil {
				return v, nil, err
			}
			body = body[min(v.Length, len(body)):]
			in.values[f], in.data[f] = append(in.values[f], v), append(in.data[f], data)
		}
	}
	return in.values[f][i-page], in.data[f][i-page], nil
}

// opener returns how to open a File of an input.
func (in *inputs) opener(i int, name string) func() (io.ReadCloser, error) {
	return func() (io.ReadCloser, error) {
		reply, body, err := in.a.t.host.ask(&protocol.Request{
			Type: "get_inputs", Name: name, From: i, Count: 1, Codecs: fileCodecs,
		})
		if err != nil {
			return nil, err
		}
		if len(reply.Values) == 0 || !reply.Values[0].Found {
			return nil, ErrNoFile
		}
		switch v := reply.Values[0]; {
		case v.Codec == protocol.CodecJSON:
			return nil, noFile(name, body)
		case v.Path != "":
			return openStored(v.Path)
		case v.FIFO != "":
			return openStored(v.FIFO)
		}
		return bytesOf(body), nil
	}
}

// merge has the host merge what the inputs agree about, and reads it. What the host does not
// look at, or cannot compare, is merged here.
func (in *inputs) merge(exclude []string) error {
	in.mu.Lock()
	defer in.mu.Unlock()
	q := &protocol.Request{Type: "merge", Exclude: []string{}, Own: in.own()}
	for _, name := range exclude {
		p := in.a.m.plan
		artifact := p.artifact(name)
		if artifact == "" {
			return fmt.Errorf("Merge leaves out %s, which is not a field of %s%s", name, p.typ, p.similar(name))
		}
		q.Exclude = append(q.Exclude, artifact)
	}
	params, conflicts, err := in.changedParams(slices.Concat(q.Exclude, q.Own))
	if err != nil {
		return err
	}
	alike, conflicts, err := in.askMerge(q, conflicts)
	if err != nil {
		return err
	}
	if len(conflicts) > 0 {
		return in.conflict(conflicts)
	}
	if err := in.reload(q.Own); err != nil {
		return err
	}
	for _, f := range append(params, alike...) {
		if err := in.takeOver(f); err != nil {
			return err
		}
	}
	return nil
}

// own returns the artifacts that the step has set before the merge.
func (in *inputs) own() []string {
	a, names := in.a, []string{}
	for i, f := range a.m.plan.fields {
		v := a.state.FieldByIndex(f.index)
		if a.loaded[i].found { // a parameter, or what was merged before
			if e, err := f.encode(v); err != nil || !f.stays(v, &a.loaded[i], e) {
				names = append(names, f.name)
			}
			continue
		}
		if !zero(v) && !(f.kind == asFile && v.Interface().(File).fileState == a.loaded[i].file) {
			names = append(names, f.name)
		}
	}
	return names
}

// askMerge has the host merge, which it does if it finds no conflict, and adds the conflicts to those that are known.
// What is alike though its bytes differ is none; the host then merges the rest.
func (in *inputs) askMerge(q *protocol.Request, known []string) (alike []*field, conflicts []string, err error) {
	reply, _, err := in.a.t.host.ask(q)
	if err != nil {
		return nil, nil, err
	}
	conflicts = known
	for _, name := range reply.Conflicts {
		f := in.a.m.plan.byName[name]
		same, err := in.alike(f)
		switch {
		case err != nil:
			return nil, nil, err
		case same:
			alike, q.Exclude = append(alike, f), append(q.Exclude, name)
		default:
			conflicts = append(conflicts, name)
		}
	}
	if len(conflicts) > 0 || len(alike) == 0 {
		return alike, conflicts, nil
	}
	if reply, _, err = in.a.t.host.ask(q); err != nil {
		return nil, nil, err
	}
	return alike, reply.Conflicts, nil
}

// conflict is the error of artifacts of which the inputs have different values.
func (in *inputs) conflict(artifacts []string) error {
	names := make([]string, len(artifacts)) // as Merge takes them
	for i, name := range artifacts {
		if f := in.a.m.plan.byName[name]; f != nil {
			name = f.goName
		}
		names[i] = strconv.Quote(name)
	}
	slices.Sort(names)
	list := strings.Join(names, ", ")
	return fmt.Errorf("step %s cannot merge %s: its inputs have different values; set these fields before Merge, or leave them out with Merge(%s)",
		in.a.t.Step, list, list)
}

// reload reads what the host has merged. The step's own stays as it is.
func (in *inputs) reload(own []string) error {
	a := in.a
	have, err := fetch(a.t, a.m.plan, nil)
	if err != nil {
		return err
	}
	mine := reflect.New(a.m.plan.typ).Elem()
	mine.Set(a.state)
	before := a.loaded
	a.loaded = make([]loaded, len(before))
	if err := a.load(have); err != nil {
		return err
	}
	for i, f := range a.m.plan.fields {
		if slices.Contains(own, f.name) {
			a.state.FieldByIndex(f.index).Set(mine.FieldByIndex(f.index))
			a.loaded[i] = before[i]
		}
	}
	return nil
}

// takeOver gives a field the value of the first input that has one.
func (in *inputs) takeOver(f *field) error {
	value, data, err := in.value(0, f)
	for i := 1; err == nil && !value.Found && i < in.count(); i++ {
		value, data, err = in.value(i, f)
	}
	if err != nil {
		return err
	}
	v := in.a.state.FieldByIndex(f.index)
	v.SetZero()
	return in.fill(v, f, 0, value, data)
}

// alike reports whether all values of an artifact are the same, though written otherwise:
// gobs have the keys of a map in any order.
func (in *inputs) alike(f *field) (bool, error) {
	if f == nil {
		return false, nil
	}
	var first reflect.Value
	hashes := map[string]bool{}
	for i := range in.count() {
		value, data, err := in.value(i, f)
		switch {
		case err != nil:
			return false, err
		case !value.Found && f.param == nil || value.Hash != "" && hashes[value.Hash]:
			continue
		case value.Codec != protocol.CodecGob || !ownValue(value) || value.Hash == in.known(f):
			return false, nil
		}
		hashes[value.Hash] = true
		v := reflect.New(f.typ).Elem()
		if err := f.decode(v, in.a.m.plan, value, data); err != nil {
			return false, fmt.Errorf("input %d: %w", i, err)
		}
		if !first.IsValid() {
			first = v
		} else if (comparison{gob: true}).differ(first, v) != nil {
			return false, nil
		}
	}
	return true, nil
}

// changedParams returns the parameters that all inputs have changed alike, and the names of those that not all have
// with the same value. The host does not look at them: for it a join has all parameters already.
func (in *inputs) changedParams(skip []string) (changed []*field, conflicts []string, err error) {
	for _, f := range in.a.m.plan.fields {
		if f.param == nil || slices.Contains(skip, f.name) {
			continue
		}
		first, _, err := in.value(0, f)
		if err != nil {
			return nil, nil, err
		}
		same := true
		for i := 1; i < in.count() && same; i++ {
			value, _, err := in.value(i, f)
			if err != nil {
				return nil, nil, err
			}
			same = value.Hash == first.Hash
		}
		if !same {
			if same, err = in.alike(f); err != nil {
				return nil, nil, err
			}
		}
		switch {
		case !same:
			conflicts = append(conflicts, f.name)
		case first.Found && first.Hash != in.known(f):
			changed = append(changed, f)
		}
	}
	return changed, conflicts, nil
}
