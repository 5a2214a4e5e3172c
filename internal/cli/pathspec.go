package cli

import (
	"context"
	"fmt"
	"io"
	"iter"

	"github.com/levadahq/levada/internal/fault"
	"github.com/levadahq/levada/internal/service"
)

// pathspecArgument is the argument of the commands that read tasks.
func pathspecArgument(to *string) []argument {
	return []argument{{name: "PATHSPEC", required: true, help: "The run, step or task: RUN, RUN/STEP or RUN/STEP/TASK.",
		set: func(word string) error { *to = word; return nil }}}
}

// tasks yields the tasks that a pathspec names. In Metaflow's form it means runs of the flow at hand.
func (s *session) tasks(ctx context.Context, pathspec string) (iter.Seq2[service.TaskInfo, error], error) {
	p, err := s.pathspec(pathspec)
	if err != nil {
		return nil, err
	}
	return s.store.Service.Tasks(ctx, p), nil
}

// pathspec reads a pathspec. In Metaflow's form it means a run of the flow at hand.
func (s *session) pathspec(text string) (service.Pathspec, error) {
	p, err := service.ParsePathspec(text)
	if err != nil || s.flow == nil {
		return p, err
	}
	name := s.flow.Definition().Name
	if p.Flow != "" && p.Flow != name {
		return p, fault.New(fault.Usage, "%s is not a path of the flow %s", text, name)
	}
	p.Flow = name
	return p, nil
}

// taskPath is the path of a task without its flow: "12/train/3".
func taskPath(t service.TaskInfo) string {
	return fmt.Sprintf("%d/%s/%d", t.Task.Run, t.Task.Step, t.Task.ID)
}

// writer is a buffered stdout that also keeps its first error.
type writer struct {
	w   io.Writer
	buf []byte
	err error
}

func (w *writer) flush() error {
	if len(w.buf) > 0 && w.err == nil {
		_, w.err = w.w.Write(w.buf)
	}
	w.buf = w.buf[:0]
	return w.err
}

// spill writes the buffer if there is much in it.
func (w *writer) spill() error {
	if len(w.buf) < outletSize {
		return w.err
	}
	return w.flush()
}

// json writes one value as a line, for programs.
func (w *writer) json(v any) error {
	line, err := marshal(v)
	if err != nil {
		return err
	}
	w.buf = append(w.buf, line...)
	return w.spill()
}
