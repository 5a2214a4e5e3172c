package cli

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/levadahq/levada/internal/metastore"
)

// runsCommand is `runs`.
type runsCommand struct {
	bare
	flow   string
	status string
	tags   []string
	limit  int
}

func (c *runsCommand) options() table {
	return table{
		{name: "flow", metavar: "NAME", set: text(&c.flow), help: "Only runs of this flow. In the form `python flow.py runs`, that flow is meant."},
		{name: "status", metavar: "TEXT", set: choice(&c.status, statusNames()...),
			help: "Only runs with this status: " + strings.Join(statusNames(), ", ") + ". A run has died if the process that ran it is gone and could not say how it ended."},
		{name: "tag", metavar: "TEXT", many: true, set: texts(&c.tags), help: "Only runs with this tag. Repeatable."},
		{name: "limit", metavar: "INTEGER", set: number(&c.limit, 0), def: "20", help: "How many runs; 0 for all."},
	}
}

func statusNames() []string {
	return []string{string(metastore.RunRunning), string(metastore.RunSucceeded), string(metastore.RunFailed),
		string(metastore.RunInterrupted), string(metastore.RunDied)}
}

func (c *runsCommand) run(ctx context.Context, s *session) error {
	filter := metastore.RunFilter{Flow: c.flow, Status: metastore.RunStatus(c.status), Tags: c.tags, Limit: c.limit}
	if filter.Flow == "" && s.flow != nil {
		filter.Flow = s.flow.Definition().Name
	}
	now := s.env.Now()
	var rows []runRow
	for run, err := range s.store.Service.Runs(ctx, filter) {
		if err != nil {
			return err
		}
		row := runRow{Run: run}
		steps, err := s.store.Service.Steps(ctx, run.ID)
		if err != nil {
			return err
		}
		row.count(steps)
		if s.global.json {
			if err := s.printJSON(row.json(now)); err != nil {
				return err
			}
			continue
		}
		rows = append(rows, row)
	}
	switch {
	case s.global.json:
		return nil
	case len(rows) == 0:
		s.inform("No runs.")
		return nil
	}
	return s.print(runTable(rows, now, s.tableWidth()))
}

// tableWidth is the width that a table on stdout may take: no limit where nobody looks.
func (s *session) tableWidth() int {
	if !s.env.Terminal.Stdout {
		return 1 << 20
	}
	return s.env.width()
}

// runRow is a run with the counts of its tasks.
type runRow struct {
	metastore.Run
	done, failed, running, tasks int
}

// count adds up the tasks, the parameters task aside.
func (r *runRow) count(steps []metastore.StepCount) {
	for _, st := range steps {
		if st.Step == "_parameters" {
			continue
		}
		r.done += st.Succeeded
		r.failed += st.Failed
		r.running += st.Running
		r.tasks += st.Succeeded + st.Failed + st.Running + st.Killed
	}
}

// duration is how long the run took or has taken so far; unknown for one that died.
func (r *runRow) duration(now time.Time) (time.Duration, bool) {
	switch {
	case !r.Ended.IsZero():
		return r.Ended.Sub(r.Created), true
	case r.Status == metastore.RunRunning:
		return now.Sub(r.Created), true
	}
	return 0, false
}

// taskText is "12", or "8/12" where not all are done.
func (r *runRow) taskText() string {
	if r.done == r.tasks {
		return strconv.Itoa(r.tasks)
	}
	return fmt.Sprintf("%d/%d", r.done, r.tasks)
}

// jsonRun is the JSON form of a run.
type jsonRun struct {
	Run        int64               `json:"run"`
	Flow       string              `json:"flow"`
	Status     metastore.RunStatus `json:"status"`
	Created    time.Time           `json:"created"`
	Ended      *time.Time          `json:"ended"`
	Seconds    *float64            `json:"seconds"`
	User       string              `json:"user"`
	Tags       []string            `json:"tags"`
	SystemTags []string            `json:"system_tags"`
	Origin     int64               `json:"origin,omitempty"`
	Problem    string              `json:"problem,omitempty"`
	FailedTask *int64              `json:"failed_task,omitempty"`
	Tasks      jsonTasks           `json:"tasks"`
	Parameters map[string]string   `json:"parameters,omitempty"`
	Info       metastore.RunInfo   `json:"info"`
}

// jsonTasks counts the tasks of a run.
type jsonTasks struct {
	Total     int `json:"total"`
	Succeeded int `json:"succeeded"`
	Failed    int `json:"failed"`
	Running   int `json:"running"`
}

func (r *runRow) json(now time.Time) jsonRun {
	j := jsonRun{
		Run: r.ID, Flow: r.Flow, Status: r.Status, Created: r.Created, User: r.User,
		Tags: append([]string{}, r.Tags...), SystemTags: append([]string{}, r.SystemTags...),
		Origin: r.Origin, Problem: r.Problem, Parameters: r.Info.Parameters, Info: r.Info,
		Tasks: jsonTasks{Total: r.tasks, Succeeded: r.done, Failed: r.failed, Running: r.running},
	}
	j.Info.Parameters = nil
	if !r.Ended.IsZero() {
		j.Ended = &r.Ended
	}
	if d, ok := r.duration(now); ok {
		seconds := d.Seconds()
		j.Seconds = &seconds
	}
	if r.FailedTask >= 0 && r.Status == metastore.RunFailed {
		j.FailedTask = &r.FailedTask
	}
	return j
}

// runTable lays runs out in columns.
func runTable(rows []runRow, now time.Time, width int) string {
	cells := [][]string{{"RUN", "STATUS", "FLOW", "STARTED", "DURATION", "TASKS", "USER", "TAGS"}}
	for _, r := range rows {
		took := "-"
		if d, ok := r.duration(now); ok {
			took = durationText(d)
		}
		cells = append(cells, []string{
			strconv.FormatInt(r.ID, 10), string(r.Status), r.Flow, ago(now.Sub(r.Created)), took,
			r.taskText(), r.User, strings.Join(r.Tags, ","),
		})
	}
	return layTable(cells, width, shrinking{7, 8}, shrinking{2, 8})
}

// shrinking is a column that may be cut down to some width where there is no room.
type shrinking struct{ column, least int }

// layTable lays cells out in columns. Where there is no room it cuts the columns that may be, in that order, then leaves
// columns out from the right.
func layTable(cells [][]string, width int, shrink ...shrinking) string {
	const gap = 2
	columns := len(cells[0])
	widths := make([]int, columns)
	for _, row := range cells {
		for i, cell := range row {
			widths[i] = max(widths[i], textWidth(cell))
		}
	}
	excess := func() int {
		sum := -gap
		for _, w := range widths[:columns] {
			sum += w + gap
		}
		return sum - width
	}
	for _, s := range shrink {
		if over := excess(); over > 0 {
			widths[s.column] = max(min(s.least, widths[s.column]), widths[s.column]-over)
		}
	}
	for columns > 2 && excess() > 0 {
		columns--
	}
	var b strings.Builder
	for _, row := range cells {
		line := ""
		for i, cell := range row[:columns] {
			line += pad(cut(cell, widths[i]), widths[i]+gap)
		}
		b.WriteString(strings.TrimRight(cut(strings.TrimRight(line, " "), width), " ") + "\n")
	}
	return b.String()
}

// ago is a time in the past for people.
func ago(d time.Duration) string {
	unit := func(n int, name string) string {
		if n == 1 {
			return "1 " + name + " ago"
		}
		return fmt.Sprintf("%d %ss ago", n, name)
	}
	switch {
	case d < 5*time.Second:
		return "just now"
	case d < time.Minute:
		return unit(int(d.Seconds()), "second")
	case d < time.Hour:
		return unit(int(d.Minutes()), "minute")
	case d < 48*time.Hour:
		return unit(int(d.Hours()), "hour")
	}
	return unit(int(d.Hours()/24), "day")
}
