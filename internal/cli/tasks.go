package cli

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/levadahq/levada/internal/metastore"
	"github.com/levadahq/levada/internal/service"
)

// tasksCommand is `tasks`.
type tasksCommand struct {
	pathspec string
	status   string
}

func (c *tasksCommand) options() table {
	names := []string{string(metastore.AttemptRunning), string(metastore.AttemptSucceeded), string(metastore.AttemptCaught),
		string(metastore.AttemptFailed), string(metastore.AttemptKilled), attemptDied}
	return table{
		{name: "status", metavar: "TEXT", choices: names, set: choice(&c.status, names...),
			help: "Only tasks whose last attempt has this status: " + strings.Join(names, ", ") + ". Caught means that @catch took the step's exception; died means that the task was running when its engine died."},
	}
}

func (c *tasksCommand) arguments() []argument { return pathspecArgument(&c.pathspec) }

func (c *tasksCommand) run(ctx context.Context, s *session) error {
	tasks, err := s.tasks(ctx, c.pathspec)
	if err != nil {
		return err
	}
	now := s.env.Now()
	out := writer{w: s.env.Stdout}
	var loops *service.Loops
	var rows [][]string
	for t, err := range tasks {
		if err != nil {
			return err
		}
		if loops == nil {
			if loops, err = s.store.Service.Loops(ctx, t.Task.Run); err != nil {
				return err
			}
			defer loops.Close()
		}
		row := taskRow{TaskInfo: t, index: loops.Indexes(t.Task), value: loops.Value(ctx, t)}
		switch {
		case c.status != "" && c.status != row.status():
		case s.global.json:
			if err := out.json(row.json(now)); err != nil {
				return err
			}
		default:
			rows = append(rows, row.cells(now))
		}
	}
	switch {
	case s.global.json:
		return out.flush()
	case len(rows) == 0:
		s.inform("No tasks.")
		return nil
	}
	return s.printGrid(taskColumns, rows)
}

// taskColumns are the columns of a table of tasks.
var taskColumns = []column{
	{title: "TASK"}, {title: "STEP", least: 6}, {title: "STATUS"}, {title: "INDEX", spare: 1}, {title: "VALUE", least: 6, spare: 2},
	{title: "STARTED", spare: 3}, {title: "DURATION", spare: 5}, {title: "CPU", spare: 7}, {title: "MEMORY", spare: 6}, {title: "ATTEMPTS", spare: 4},
	{title: "PROBLEM", least: 24, spare: -1}, // what one looks for after a failure
}

// taskRow is a task with its place in the loops.
type taskRow struct {
	service.TaskInfo
	index []int
	value string // the element it works on
}

// last is the last attempt; the zero attempt if the task has none.
func (r *taskRow) last() metastore.Attempt {
	if len(r.Attempts) == 0 {
		return metastore.Attempt{}
	}
	return r.Attempts[r.Latest()]
}

// attemptDied is the status of an attempt that was running when its engine went
// without a word. Nobody was left to record it.
const attemptDied = "died"

// status is the honest status of the last attempt.
func (r *taskRow) status() string {
	if a := r.last(); a.Status != metastore.AttemptRunning || !r.Over {
		return string(a.Status)
	}
	return attemptDied
}

// took is how long the last attempt took or has taken so far.
func (r *taskRow) took(now time.Time) (time.Duration, bool) {
	a := r.last()
	switch {
	case a.Started.IsZero():
		return 0, false
	case a.Ended.IsZero():
		return now.Sub(a.Started), a.Status == metastore.AttemptRunning && !r.Over
	}
	return a.Ended.Sub(a.Started), true
}

// problem says in one line why the last attempt is not well.
func (r *taskRow) problem() string {
	last := r.last()
	return last.Problem()
}

func (r *taskRow) indexText() string {
	parts := make([]string, len(r.index))
	for i, n := range r.index {
		parts[i] = strconv.Itoa(n)
	}
	return strings.Join(parts, "/")
}

func (r *taskRow) cells(now time.Time) []string {
	a := r.last()
	started, took, cpu, memory := "-", "-", "-", "-"
	if !a.Started.IsZero() {
		started = ago(now.Sub(a.Started))
	}
	if d, ok := r.took(now); ok {
		took = durationText(d)
	}
	if !a.Ended.IsZero() {
		cpu = durationText(a.UserCPU + a.SystemCPU)
	}
	if a.PeakMemory > 0 {
		memory = sizeText(a.PeakMemory)
		if a.MemorySource != "" {
			memory += " " + a.MemorySource // figures of different sources do not compare
		}
	}
	status := r.status()
	if r.Task.Origin != 0 {
		status += " in " + strconv.FormatInt(r.Task.Origin, 10)
	}
	return []string{strconv.FormatInt(r.Task.ID, 10), r.Task.Step, status, r.indexText(), r.value, started, took, cpu, memory,
		strconv.Itoa(len(r.Attempts)), r.problem()}
}

// jsonTask is the JSON form of a task.
type jsonTask struct {
	Task       string               `json:"task"`
	Flow       string               `json:"flow"`
	Step       string               `json:"step"`
	Status     string               `json:"status"`
	Index      []int                `json:"index,omitempty"`
	Value      string               `json:"value,omitempty"`
	Created    time.Time            `json:"created"`
	Started    *time.Time           `json:"started"`
	Ended      *time.Time           `json:"ended"`
	Seconds    *float64             `json:"seconds"`
	CPUSeconds float64              `json:"cpu_seconds"`
	PeakMemory int64                `json:"peak_memory"`
	Source     string               `json:"memory_source,omitempty"`
	GPUs       []string             `json:"gpus,omitempty"`
	Attempts   int                  `json:"attempts"`
	ExitCode   int                  `json:"exit_code"`
	Signal     int                  `json:"signal,omitempty"`
	Origin     int64                `json:"origin,omitempty"`
	Exception  *metastore.Exception `json:"exception,omitempty"`
}

func (r *taskRow) json(now time.Time) jsonTask {
	a := r.last()
	j := jsonTask{
		Task: taskPath(r.TaskInfo), Flow: r.Flow, Step: r.Task.Step, Status: r.status(), Index: r.index, Value: r.value,
		Created: r.Task.Created, CPUSeconds: (a.UserCPU + a.SystemCPU).Seconds(), PeakMemory: a.PeakMemory, Source: a.MemorySource, GPUs: a.GPUs,
		Attempts: len(r.Attempts), ExitCode: a.ExitCode, Signal: a.Signal, Origin: r.Task.Origin, Exception: a.Exception,
	}
	if !a.Started.IsZero() {
		j.Started = &a.Started
	}
	if !a.Ended.IsZero() {
		j.Ended = &a.Ended
	}
	if d, ok := r.took(now); ok {
		seconds := d.Seconds()
		j.Seconds = &seconds
	}
	return j
}

// sizeText is a number of bytes for people: "512 B", "1.5 KiB", "120 MiB".
func sizeText(n int64) string {
	if n < 1024 {
		return strconv.FormatInt(n, 10) + " B"
	}
	f := float64(n)
	for _, unit := range []string{"KiB", "MiB", "GiB"} {
		if f /= 1024; f < 1024 {
			return decimals(f) + " " + unit
		}
	}
	return decimals(f/1024) + " TiB"
}

// decimals shows a number with about three digits.
func decimals(f float64) string {
	if f < 10 {
		return strconv.FormatFloat(f, 'f', 1, 64)
	}
	return strconv.FormatFloat(f, 'f', 0, 64)
}
