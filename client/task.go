package client

import (
	"context"
	"io"
	"iter"
	"strings"
	"time"

	"github.com/levadahq/levada/internal/api"
	"github.com/levadahq/levada/internal/fault"
)

// Task is one task of a run.
type Task struct {
	ID        int64
	Step      string
	Created   time.Time
	Origin    int64     // run in which it really ran, if a resumed run took it over; 0 if it ran here
	Iteration int       // of a step that chose itself
	Stack     []Frame   // the foreaches and gangs around it, the outermost first
	Attempts  []Attempt // in order; none if none has started
	Finished  bool      // it ended, well or not, and will not be tried again

	run *Run
}

// Frame is one foreach or gang around a task.
type Frame struct {
	Step  string // that opened it
	Task  int64  // that opened it
	Var   string // the attribute that is iterated, "" for a gang
	Index int
	Count int
	Gang  bool
}

// Attempt is one try at a task.
type Attempt struct {
	N            int // counted from 0
	Status       Status
	PID          int
	Started      time.Time
	Ended        time.Time // zero while it runs
	ExitCode     int       // -1 if a signal ended it
	Signal       int
	UserCPU      time.Duration
	SystemCPU    time.Duration
	PeakMemory   int64    // bytes
	MemorySource string   // how that was measured: "cgroup", "pss", "rss" or "maxrss"
	GPUs         []string // that it was given, as CUDA_VISIBLE_DEVICES names them
	Value        string   // short form of the foreach element that it worked on
	Exception    *Exception
}

// Exception is what the user's code raised.
type Exception struct {
	Type      string // "ValueError", "mymodule.MyError"
	Message   string
	Traceback string
}

// Error makes an exception usable as an error: "ValueError: no such station".
func (e *Exception) Error() string { return strings.TrimSuffix(e.Type+": "+e.Message, ": ") }

func (r *Run) task(t *api.Task) *Task {
	task := &Task{ID: t.ID, Step: t.Step, Created: t.Created.Time(), Origin: t.Origin, Iteration: t.Iteration, Finished: t.Finished, run: r}
	for _, f := range t.Stack {
		task.Stack = append(task.Stack, Frame(f))
	}
	seconds := func(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }
	for _, a := range t.Attempts {
		at := Attempt{
			N: a.N, Status: Status(a.Status), PID: a.PID, Started: a.Started.Time(), Ended: a.Ended.Time(), ExitCode: a.ExitCode, Signal: a.Signal,
			UserCPU: seconds(a.UserCPU), SystemCPU: seconds(a.SystemCPU), PeakMemory: a.PeakMemory, MemorySource: a.MemorySource, GPUs: a.GPUs, Value: a.Value,
		}
		if a.Exception != nil {
			e := Exception(*a.Exception)
			at.Exception = &e
		}
		task.Attempts = append(task.Attempts, at)
	}
	return task
}

// Path is the task's path: "MyFlow/12/train/3".
func (t *Task) Path() string { return t.run.Path() + "/" + t.Step + "/" + itoa(t.ID) }

// Run is the run that the task belongs to.
func (t *Task) Run() *Run { return t.run }

// Latest is the last attempt, nil if none has started.
func (t *Task) Latest() *Attempt {
	if len(t.Attempts) == 0 {
		return nil
	}
	return &t.Attempts[len(t.Attempts)-1]
}

// Succeeded reports whether the last attempt ended well. One whose exception @catch took did.
func (t *Task) Succeeded() bool { return t.Latest() != nil && t.Latest().Status.Good() }

// Index is the index in the innermost foreach or gang, -1 outside of all.
func (t *Task) Index() int {
	if len(t.Stack) == 0 {
		return -1
	}
	return t.Stack[len(t.Stack)-1].Index
}

// Reload reads the task again.
func (t *Task) Reload(ctx context.Context) (*Task, error) { return t.run.Task(ctx, t.ID) }

// Artifacts returns the artifacts of the last attempt, inherited ones and those whose names begin with an underscore
// included, by name. A task that still runs has none.
func (t *Task) Artifacts(ctx context.Context) ([]*Artifact, error) { return t.artifacts(ctx, nil, nil) }

// ArtifactsOf returns the artifacts of one attempt, none if it does not exist.
func (t *Task) ArtifactsOf(ctx context.Context, attempt int) ([]*Artifact, error) {
	return t.artifacts(ctx, &attempt, nil)
}

// Artifact returns an artifact of the last attempt. ErrNotFound.
func (t *Task) Artifact(ctx context.Context, name string) (*Artifact, error) {
	list, err := t.artifacts(ctx, nil, []string{name})
	if err != nil {
		return nil, err
	}
	if len(list) == 0 {
		return nil, wrap(fault.New(fault.NotFound, "%s has no artifact %s", t.Path(), name))
	}
	return list[0], nil
}

func (t *Task) artifacts(ctx context.Context, attempt *int, names []string) ([]*Artifact, error) {
	res, err := api.Ask[api.ArtifactsResult](ctx, t.run.c.caller(), "artifacts", api.ArtifactsRequest{Run: t.run.ID, Tasks: []int64{t.ID}, Attempt: attempt, Names: names})
	if err != nil {
		return nil, wrap(err)
	}
	found := res.Tasks[0]
	list := make([]*Artifact, len(found.Artifacts))
	for i, a := range found.Artifacts {
		list[i] = &Artifact{Name: a.Name, Type: a.Type, Codec: a.Codec, Size: a.Size, SHA256: a.Hash, Created: found.Ended.Time(), task: t, attempt: found.Attempt}
	}
	return list, nil
}

// Parents returns the tasks right before this one: all that it joins, for a join.
func (t *Task) Parents(ctx context.Context) ([]*Task, error) {
	res, err := api.Ask[api.RelatedResult](ctx, t.run.c.caller(), "related", api.RelatedRequest{Run: t.run.ID, Task: t.ID})
	if err != nil {
		return nil, wrap(err)
	}
	return t.related(ctx, res.Parents)
}

// Children returns the tasks right after this one, in the order of branches.
func (t *Task) Children(ctx context.Context) ([]*Task, error) {
	res, err := api.Ask[api.RelatedResult](ctx, t.run.c.caller(), "related", api.RelatedRequest{Run: t.run.ID, Task: t.ID})
	if err != nil {
		return nil, wrap(err)
	}
	return t.related(ctx, res.Children)
}

// related reads tasks of the run, in the order of refs.
func (t *Task) related(ctx context.Context, refs []api.TaskRef) ([]*Task, error) {
	if len(refs) == 0 {
		return nil, nil
	}
	ids := make([]int64, len(refs))
	place := make(map[int64]int, len(refs))
	for i, ref := range refs {
		ids[i], place[ref.ID] = ref.ID, i
	}
	list := make([]*Task, len(refs))
	for task, err := range t.run.tasks(ctx, api.TasksRequest{IDs: ids}) {
		if err != nil {
			return nil, err
		}
		list[place[task.ID]] = task
	}
	return list, nil
}

// Metadata returns what is known of the task by name, with Metaflow's names where they make sense; of a name that
// several attempts have, the latest value.
func (t *Task) Metadata(ctx context.Context) (map[string]string, error) {
	res, err := api.Ask[api.MetadataResult](ctx, t.run.c.caller(), "metadata", api.MetadataRequest{Run: t.run.ID, Task: t.ID})
	if err != nil {
		return nil, wrap(err)
	}
	known := make(map[string]string, len(res.Metadata))
	for _, m := range res.Metadata {
		known[m.Name] = m.Value
	}
	return known, nil
}

// Stream is one of a task's two output streams.
type Stream string

// The streams; Both is the two as they were written.
const (
	Stdout Stream = "stdout"
	Stderr Stream = "stderr"
	Both   Stream = ""
)

// LogLine is a line that a task printed.
type LogLine struct {
	Time   time.Time // when it was printed, to the millisecond
	Stderr bool      // it was printed on stderr
	Text   []byte    // without the newline
	// Newline is false for a line that had not ended: the last one, or a part of a very long one.
	Newline bool
}

// Log yields what the last attempt printed on a stream. It works while the task runs: then it
// ends with what has been printed so far.
func (t *Task) Log(ctx context.Context, stream Stream) iter.Seq2[LogLine, error] {
	return t.LogOf(ctx, stream, -1)
}

// LogOf yields what one attempt printed on a stream, nothing if there is no such attempt.
func (t *Task) LogOf(ctx context.Context, stream Stream, attempt int) iter.Seq2[LogLine, error] {
	q := api.LogRequest{Run: t.run.ID, Task: t.ID, Attempt: attempt, Stream: string(stream)}
	var data []byte
	return pages(func() ([]api.LogLine, bool, error) {
		res, err := api.Ask[api.LogResult](ctx, t.run.c.caller(), "log", q)
		q.Cursor, data = res.Next, res.Data
		return res.Lines, res.Next != "", err
	}, func(l *api.LogLine) LogLine {
		text := data[:l.Length:l.Length]
		data = data[l.Length:]
		return LogLine{Time: l.Time.Time(), Stderr: l.Stderr, Text: text, Newline: l.Newline}
	})
}

// Output returns all that the last attempt printed on a stream, as it was printed.
func (t *Task) Output(ctx context.Context, stream Stream) (string, error) {
	var b strings.Builder
	for l, err := range t.Log(ctx, stream) {
		if err != nil {
			return "", err
		}
		b.Write(l.Text)
		if l.Newline {
			b.WriteByte('\n')
		}
	}
	return b.String(), nil
}

// Artifact is a value that a task has.
type Artifact struct {
	Name string
	Type string // as its language names it: "int", "numpy.ndarray"
	// Codec is how it is encoded: "pickle", "json", "npy", "csv", "gob",
	// "binary", or "file", whose bytes are the value.
	Codec   string
	Size    int64  // of the encoded bytes
	SHA256  string // of the encoded bytes, hexadecimal: equal values have equal ones, as far as their encoding is
	Created time.Time

	task    *Task
	attempt int
}

// Path is the artifact's path: "MyFlow/12/train/3/loss".
func (a *Artifact) Path() string { return a.task.Path() + "/" + a.Name }

// Task is the task that has the artifact.
func (a *Artifact) Task() *Task { return a.task }

// Open returns the encoded bytes as a stream. They are verified as they are read: in place of [io.EOF] there is
// ErrCorrupt if they are not what was stored.
func (a *Artifact) Open(ctx context.Context) (io.ReadCloser, error) {
	r, err := api.Open(ctx, a.task.run.c.caller(), "open_value", api.OpenValueRequest{
		Run: a.task.run.ID, ValueRef: api.ValueRef{Task: a.task.ID, Attempt: a.attempt, Name: a.Name},
	})
	if err != nil {
		return nil, wrap(err)
	}
	return &stream{r}, nil
}

// stream gives errors of reading what they match.
type stream struct{ io.ReadCloser }

func (s *stream) Read(p []byte) (int, error) {
	n, err := s.ReadCloser.Read(p)
	if err != nil && err != io.EOF {
		err = wrap(err)
	}
	return n, err
}

// Bytes returns the encoded bytes. ErrCorrupt if they are not what was stored.
func (a *Artifact) Bytes(ctx context.Context) ([]byte, error) {
	r, err := a.Open(ctx)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return io.ReadAll(r)
}
