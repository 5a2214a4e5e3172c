package runner

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/levadahq/levada/internal/convert"
	"github.com/levadahq/levada/internal/datastore"
	"github.com/levadahq/levada/internal/engine"
	"github.com/levadahq/levada/internal/fault"
	"github.com/levadahq/levada/internal/graph"
	"github.com/levadahq/levada/internal/metastore"
	"github.com/levadahq/levada/internal/protocol"
	"github.com/levadahq/levada/internal/worker"
)

// Program is a program that runs a step, found.
type Program struct {
	Path string   // absolute
	Args []string // without the program's name
}

// launchProgram starts an attempt of a step that another program runs: one that speaks the
// protocol, or one that knows nothing of Levada.
func (r *Runner) launchProgram(l engine.Launch) {
	a := r.newAttempt(l)
	a.showElement()
	start := r.startBare
	if l.Step.Exec.Protocol {
		start = r.startGuest
	}
	go start(a) // it reads what the program needs, and starting a program takes a moment
}

// startGuest starts a program that speaks the protocol. It is talked with as with any task.
func (r *Runner) startGuest(a *attempt) {
	first, err := r.firstFrame(a)
	if err != nil {
		r.post(func() { r.stillborn(a, err) })
		return
	}
	if t := first.Header.(*protocol.Task); t.Item != nil { // it says when it asks which codecs it knows
		t.Item = &protocol.Item{Codec: t.Item.Codec}
		first.Body = nil
	}
	vars := a.environment()
	maps.Copy(vars, a.launch.Step.Environment)
	program := r.program(a, vars)
	program.Socket = protocol.TaskSocket
	proc, err := r.Pool.Exec(program, &first, worker.Watch{
		Started: func(pid int) { r.post(func() { a.started(pid) }) },
		Exited:  func(e worker.Exit) { r.post(func() { a.exited(e) }) },
	})
	r.post(func() {
		a.attach(proc, err)
		if err == nil {
			a.timeoutState(protocol.TimeoutBegun) // until it says so itself, as not every SDK may
		}
	})
}

// startBare starts a program that knows nothing of Levada. It finds its inputs as files, and leaves files: the engine
// then says in its place what a task says at its end.
func (r *Runner) startBare(a *attempt) {
	c := &conversation{a: a, r: r}
	dir := c.programFolder()
	if err := c.writeInputs(dir); err != nil {
		os.RemoveAll(dir)
		res := c.refused(err)
		r.post(func() { r.refuse(a, res) })
		return
	}
	exited := make(chan programExit, 1)
	a.talk = func() {
		res := c.collect(dir, <-exited)
		os.RemoveAll(dir)
		r.post(func() {
			a.result = res
			a.giveUpPlace()
			a.ended(partTalk)
		})
	}
	proc, err := r.Pool.Exec(r.program(a, c.programEnvironment(dir)), nil, worker.Watch{
		Started: func(pid int) { r.post(func() { a.started(pid) }) },
		Exited: func(e worker.Exit) {
			r.post(func() {
				a.exited(e)
				exited <- programExit{e, a.late, a.killed}
			})
		},
	})
	if err != nil {
		os.RemoveAll(dir)
	}
	r.post(func() {
		a.attach(proc, err)
		if t := a.launch.Step.Timeout; t > 0 && err == nil {
			a.later(t, func() {
				a.late = true
				a.terminate()
			})
		}
	})
}

// program is what an attempt starts, with variables of its own.
func (r *Runner) program(a *attempt, vars map[string]string) worker.Program {
	found := r.Programs[a.launch.Step.Name]
	return worker.Program{Path: found.Path, Args: found.Args, Env: r.Pool.Environment(vars)}
}

// programExit is how a program ended, and whether the engine had a part in that.
type programExit struct {
	worker.Exit
	late, killed bool
}

// refused is what an attempt comes to that cannot be started because what it needs cannot be given to it. If
// that is for what it is, and not because it cannot be read or written just now, trying it again would
// change nothing, and @catch takes it at once.
func (c *conversation) refused(err error) *result {
	text := err.Error()
	if hint := fault.HintOf(err); hint != "" {
		text += ". " + strings.ToUpper(hint[:1]) + hint[1:] + "."
	}
	m := failure("ConversionError", text)
	if c.a.launch.Step.Catch && fault.Is(err, fault.Invalid) {
		return c.caught(m)
	}
	m.NoRetry = true
	return c.failed(m)
}

// refuse records such an attempt.
func (r *Runner) refuse(a *attempt, res *result) {
	a.live, a.gone = 0, true
	a.exit = worker.Exit{Code: 1}
	a.result = res
	a.giveUpPlace()
	a.complete()
}

// programFolder is where a program finds and leaves its files.
func (c *conversation) programFolder() string {
	return c.staged("program")
}

// programEnvironment tells a program what it is and where its files are.
func (c *conversation) programEnvironment(dir string) map[string]string {
	l, run := &c.a.launch, &c.r.Config.Run
	task, id := strconv.FormatInt(int64(l.Task), 10), strconv.FormatInt(run.ID, 10)
	vars := map[string]string{
		"LEVADA_INPUTS": filepath.Join(dir, "inputs"), "LEVADA_OUTPUTS": filepath.Join(dir, "outputs"),
		"LEVADA_FLOW": run.Flow, "LEVADA_RUN": id, "LEVADA_STEP": l.Step.Name, "LEVADA_TASK": task,
		"LEVADA_ATTEMPT": strconv.Itoa(l.Attempt), "LEVADA_PATHSPEC": run.Flow + "/" + id + "/" + l.Step.Name + "/" + task,
	}
	maps.Copy(vars, c.a.environment())
	if n := len(l.Stack); n > 0 {
		vars["LEVADA_INDEX"] = strconv.Itoa(l.Stack[n-1].Index)
		if _, ok := l.Element(); ok && l.Inputs == nil {
			vars["LEVADA_ITEM"] = filepath.Join(dir, "item.json")
		}
	}
	maps.Copy(vars, l.Step.Environment)
	return vars
}

// writeInputs writes what a program reads into its folder.
func (c *conversation) writeInputs(dir string) error {
	l := &c.a.launch
	in := filepath.Join(dir, "inputs")
	for _, folder := range []string{in, filepath.Join(dir, "outputs")} {
		if err := os.MkdirAll(folder, 0o700); err != nil {
			return fault.Wrap(fault.Internal, "make the program's folder", err)
		}
	}
	if f, ok := l.Element(); ok && l.Inputs == nil {
		items, err := c.r.openItems(f.Split)
		if err != nil {
			return err
		}
		data, err := items.Read(f.Index)
		if err != nil {
			return err
		}
		v, err := acceptable(c.a.language(), fmt.Sprintf("element %d of %s", f.Index, f.Var), convert.Value{Codec: items.codec, Data: data}, []string{protocol.CodecJSON})
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, "item.json"), v.Data, 0o600); err != nil {
			return fault.Wrap(fault.Internal, "write the program's item", err)
		}
	}
	if l.Inputs == nil {
		return c.writeValues(in, int64(l.Base))
	}
	steps, err := c.r.joinNames(l)
	if err != nil {
		return err
	}
	for i, id := range l.Inputs {
		folder := filepath.Join(in, steps[i])
		if err := os.MkdirAll(folder, 0o700); err != nil {
			return fault.Wrap(fault.Internal, "make the program's folder", err)
		}
		if err := c.writeValues(folder, int64(id)); err != nil {
			return err
		}
	}
	return nil
}

// joinNames names the folders of what a join joins: by step for branches of a
// split, by index for the tasks of a foreach.
func (r *Runner) joinNames(l *engine.Launch) ([]string, error) {
	names := make([]string, len(l.Inputs))
	for i := range names {
		names[i] = strconv.Itoa(i)
	}
	if split := l.Step.Split; split == nil || split.Kind != graph.Split {
		return names, nil
	}
	steps, err := r.joinSteps(l.Inputs)
	for step, at := range steps {
		for _, i := range at {
			names[i] = step
		}
	}
	return names, err
}

// writeValues writes the inputs of a program as one task has them.
func (c *conversation) writeValues(folder string, task int64) error {
	for _, name := range c.a.launch.Step.Exec.Inputs {
		art, found, err := c.r.layers.Find(c.r.ctx, c.r.Config.Run.ID, task, name)
		if err != nil {
			return err
		}
		if !found {
			return fault.New(fault.Invalid, "%s reads the artifact %s, which no step before it has set", c.a.language(), name).
				Do("set it, or take it out of the inputs of step %s", c.a.launch.Step.Name)
		}
		if err := c.writeValue(folder, art); err != nil {
			return err
		}
	}
	return nil
}

func (c *conversation) writeValue(folder string, art metastore.Artifact) error {
	v := convert.Value{Codec: art.Codec, Type: art.Type}
	var src io.Reader
	for _, codec := range protocol.Plain {
		if codec == art.Codec && art.Size > datastore.SmallLimit { // of any size, so it is copied and not read
			r, err := c.r.Data.Reader(c.r.ctx, art.Hash)
			if err != nil {
				return err
			}
			defer r.Close()
			src = r
		}
	}
	if src == nil {
		var err error
		if v, err = c.r.converted(c.a.language(), art, protocol.Plain); err != nil {
			return err
		}
		src = bytes.NewReader(v.Data)
	}
	f, err := os.OpenFile(filepath.Join(folder, art.Name+convert.Extension(v)), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fault.Wrap(fault.Internal, "write the program's input", err)
	}
	_, err = io.Copy(f, src)
	return fault.Wrap(fault.Internal, "write the program's input", errors.Join(err, f.Close()))
}

// collect says in the program's place how the attempt ended.
func (c *conversation) collect(dir string, e programExit) *result {
	what := c.a.language()
	fail := func(typ, format string, args ...any) *result {
		return c.failed(failure(typ, fmt.Sprintf(format, args...)))
	}
	switch {
	case e.Lost != "":
		return fail("Lost", "%s", strings.TrimSuffix(e.Lost+"\n"+e.Hint, "\n"))
	case e.late:
		return fail("timeout", "%s did not end within its timeout of %s", what, c.a.launch.Step.Timeout)
	case e.killed:
		return &result{exception: &metastore.Exception{Type: typeInterrupted, Message: "interrupted"}}
	case e.Signal != 0:
		return fail("Signal", "%s was ended by signal %d (%s)", what, e.Signal, syscall.Signal(e.Signal))
	case e.Code == exitNoRetry: // which @catch does not take either, as in Metaflow
		m := failure("ExitCode", fmt.Sprintf("%s exited with code %d", what, e.Code))
		m.NoRetry = true
		return c.failed(m)
	case e.Code != 0:
		return fail("ExitCode", "%s exited with code %d", what, e.Code)
	}
	m, body, err := c.outputs(filepath.Join(dir, "outputs"))
	if err == nil {
		body = c.nothingCaught(m, body)
		var items []byte
		if m.Foreach, items, err = c.follow(m, body); err == nil {
			body = append(body, items...)
		}
	}
	if err != nil {
		return fail("OutputError", "%s", err.Error())
	}
	return c.store(m, body)
}

// failure is what a program would say of its failure if it had an SDK.
func failure(typ, text string) *protocol.FromTask {
	return &protocol.FromTask{Type: "done", Exception: &protocol.Exception{Type: typ, Message: text, Traceback: text + "\n"}}
}

// failed is what an attempt comes to by a failure.
func (c *conversation) failed(m *protocol.FromTask) *result {
	if c.catches(m) {
		return c.caught(m)
	}
	return &result{nonsense: m.Exception.Message, exception: exceptionOf(m), noRetry: m.NoRetry}
}

// caught is what it comes to if @catch takes that.
func (c *conversation) caught(m *protocol.FromTask) *result {
	return c.catch(m, nil, m.Exception.Message+"; @catch takes it")
}

// outputs takes over the files that a program left, as a task would send them.
func (c *conversation) outputs(dir string) (*protocol.FromTask, []byte, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, nil, fault.Wrap(fault.Invalid, "look for the program's outputs", err)
	}
	files := map[string][]fs.DirEntry{}
	for _, e := range entries {
		ext := filepath.Ext(e.Name())
		if _, _, ok := convert.FromFile(ext); ok {
			name := strings.TrimSuffix(e.Name(), ext)
			files[name] = append(files[name], e)
		}
	}
	m := &protocol.FromTask{Type: "done", OK: true}
	var body []byte
	for _, name := range c.a.launch.Step.Exec.Outputs {
		found := files[name]
		if len(found) != 1 || !found[0].Type().IsRegular() {
			how := "left no file"
			if len(found) > 1 {
				how = "left several files"
			} else if len(found) == 1 {
				how = "left no regular file"
			}
			return nil, nil, fmt.Errorf("%s %s for its output %s: it must write one of %s.json, .txt, .bin, .npy, .csv into the folder LEVADA_OUTPUTS", c.a.language(), how, name, name)
		}
		v, data, err := c.output(dir, name, found[0].Name(), len(m.Artifacts))
		if err != nil {
			return nil, nil, err
		}
		m.Artifacts, body = append(m.Artifacts, v), append(body, data...)
	}
	return m, body, nil
}

// output takes over one file: small ones are read, large ones renamed.
func (c *conversation) output(dir, name, file string, n int) (protocol.SentValue, []byte, error) {
	path := filepath.Join(dir, file)
	codec, typ, _ := convert.FromFile(filepath.Ext(file))
	v := protocol.SentValue{Name: name, Codec: codec, Type: typ}
	st, err := os.Stat(path)
	if err != nil {
		return v, nil, err
	}
	v.Size = st.Size()
	if st.Size() > datastore.SmallLimit && codec != protocol.CodecJSON {
		v.Path = c.staged(strconv.Itoa(n))
		return v, nil, os.Rename(path, v.Path)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return v, nil, err
	}
	switch {
	case codec == protocol.CodecJSON:
		var tidy bytes.Buffer
		if json.Compact(&tidy, data) != nil {
			return v, nil, fmt.Errorf("%s left %s, which is not JSON: %w", c.a.language(), file, convert.NotJSON(data))
		}
		data = tidy.Bytes()
	case typ == "str" && !convert.Text(data):
		return v, nil, fmt.Errorf("%s left %s, which is not text in UTF-8; name it %s.bin", c.a.language(), file, name)
	case codec == protocol.CodecNPY && !bytes.HasPrefix(data, []byte("\x93NUMPY")):
		return v, nil, fmt.Errorf("%s left %s, which is not in the format of numpy.save", c.a.language(), file)
	}
	v.Length, v.Size = len(data), int64(len(data))
	return v, data, nil
}
