package flow

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"reflect"
	"strconv"
	"sync/atomic"

	"github.com/levadahq/levada/internal/graph"
	"github.com/levadahq/levada/internal/protocol"
)

// Task is one attempt of one task, as its step sees it. It is the context of the attempt: it ends with the step's
// timeout, when the run is interrupted, and when another task has failed for good; context.Cause says which.
// One that is asked to end in its first two milliseconds ends as a program does that heeds no signal. It must
// not be used after the step has returned.
type Task struct {
	context.Context

	// Log writes to the task's log. In a process of its own, so do slog's
	// default logger and everything that is printed.
	Log *slog.Logger

	Flow, Run, Step, ID string // who it is
	Attempt             int    // counted from 0
	Retries             int    // how many more attempts than the first there can be
	Iteration           int    // of a step that loops with Switch, counted from 0

	frame  *protocol.Task
	host   host
	item   []byte // the innermost element as JSON; nil if it has to be asked for
	staged *atomic.Int64

	machine *machine
}

// splits reports whether a step of this program goes through the elements of a
// foreach, so that this SDK has written them.
func (m *machine) splits(f *protocol.Frame) bool {
	s := m.byName[f.Step]
	return s != nil && s.run != nil && s.next.kind == graph.NextForeach && m.plan.artifact(s.next.field) == f.Var
}

// host answers what a task asks for.
type host interface {
	ask(q *protocol.Request) (*protocol.Reply, []byte, error)
	// timeout tells that the time of a step that has a timeout has begun, or is over.
	timeout(state string) error
}

// Pathspec names the task among all: "Train/12/fit/3".
func (t *Task) Pathspec() string { return t.Flow + "/" + t.Run + "/" + t.Step + "/" + t.ID }

// Origin is the id of the run that this one resumes, "" if it resumes none.
func (t *Task) Origin() string {
	if t.frame.Context == nil || t.frame.Origin == nil {
		return ""
	}
	return *t.frame.Origin
}

// Index is the task's place in the innermost foreach or gang around it, -1 outside of any.
func (t *Task) Index() int {
	if n := len(t.frame.Stack); n > 0 {
		return t.frame.Stack[n-1].Index
	}
	return -1
}

// Indices are the places in all foreaches and gangs around the task, the outermost first.
func (t *Task) Indices() []int {
	all := make([]int, len(t.frame.Stack))
	for i, f := range t.frame.Stack {
		all[i] = f.Index
	}
	return all
}

// GangInfo is what a node of a gang knows of the others.
type GangInfo struct {
	Nodes  int    // how many there are
	Index  int    // which one this is; 0 is the first
	MainIP string // address of the first
}

// Gang tells of the gang that the task is a node of; ok is false if it is in none.
func (t *Task) Gang() (g GangInfo, ok bool) {
	p := t.frame.Parallel
	if p == nil {
		return GangInfo{}, false
	}
	return GangInfo{Nodes: p.NumNodes, Index: p.NodeIndex, MainIP: p.MainIP}, true
}

// Item returns the element of the innermost foreach that the task is to work on.
func Item[X any](t *Task) (X, error) { return ItemAt[X](t, len(t.frame.Stack)-1) }

// ItemAt returns the element of one of the foreaches around the task; level 0 is the outermost.
func ItemAt[X any](t *Task, level int) (X, error) {
	var x X
	data, err := t.itemData(level)
	if err != nil {
		return x, err
	}
	v, own := reflect.ValueOf(&x).Elem(), t.machine.splits(&t.frame.Stack[level])
	if err = decodeJSON(v, data, own); err == nil && own {
		err = notTaken(data, v) // its type may have changed since, and is stored nowhere
	}
	if err != nil {
		return x, fmt.Errorf("the element %d of the foreach over %s is not of type %T: %w", t.frame.Stack[level].Index, t.frame.Stack[level].Var, x, err)
	}
	return x, nil
}

func (t *Task) itemData(level int) ([]byte, error) {
	if level < 0 || level >= len(t.frame.Stack) || t.frame.Stack[level].Gang {
		return nil, fmt.Errorf("the task %s is not in a foreach of that level", t.Pathspec())
	}
	if t.item != nil && level == len(t.frame.Stack)-1 {
		return t.item, nil
	}
	reply, body, err := t.host.ask(&protocol.Request{Type: "get_item", Level: level, Codecs: []string{protocol.CodecJSON}})
	if err != nil {
		return nil, err
	}
	if !reply.Found {
		return nil, fmt.Errorf("the task %s has no element of a foreach; a join has none", t.Pathspec())
	}
	return readStored(reply.Path, reply.FIFO, reply.Size, body)
}

// stage returns the path of a new file in the folder from which the host takes values over.
func (t *Task) stage() string {
	n := t.staged.Add(1) - 1
	return filepath.Join(t.frame.Staging, t.ID+"-"+strconv.Itoa(t.Attempt)+"-"+strconv.FormatInt(n, 10))
}

// title names the task for people: <flow Train step fit[3]>.
func (t *Task) title() string {
	text := "<flow " + t.Flow + " step " + t.Step
	if len(t.frame.Stack) > 0 {
		text += "["
		for i, f := range t.frame.Stack {
			if i > 0 {
				text += ","
			}
			text += strconv.Itoa(f.Index)
		}
		text += "]"
	}
	return text + ">"
}

// iterates reports whether a foreach around the task goes through an artifact.
func (t *Task) iterates(artifact string) bool {
	for i := range t.frame.Stack {
		if t.frame.Stack[i].Var == artifact {
			return true
		}
	}
	return false
}
