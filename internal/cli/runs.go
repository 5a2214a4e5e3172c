package cli

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/levadahq/levada/internal/metastore"
	"github.com/levadahq/levada/internal/service"
)

// runsCommand is `runs`.
type runsCommand struct {
	bare
	flow         string
	status       string
	user         string
	namespace    string
	mine         bool
	since, until string
	tags         []string
	parameters   map[string]string
	limit        int
}

// noRuns says that a flow has no runs, and which other was probably meant.
func (s *session) noRuns(ctx context.Context, flow string) error {
	flows, err := s.store.Service.FlowSummaries(ctx, "")
	if err != nil {
		return err
	}
	var names []string
	for _, f := range flows {
		if f.Name != flow {
			names = append(names, f.Name)
		}
	}
	if near := nearest(flow, names); near != "" {
		s.inform("No runs of %s. There are runs of %s.", flow, near)
		return nil
	}
	s.inform("No runs of %s.", flow)
	return nil
}

func (c *runsCommand) options() table {
	return table{
		{name: "flow", metavar: "NAME", set: text(&c.flow), help: "Only runs of this flow. In the form `python flow.py runs`, that flow is meant."},
		{name: "status", metavar: "TEXT", choices: statusNames(), set: choice(&c.status, statusNames()...),
			help: "Only runs with this status: " + strings.Join(statusNames(), ", ") + ". A run has died if the process that ran it is gone and did not record how it ended."},
		{name: "tag", metavar: "TEXT", many: true, set: texts(&c.tags), help: "Only runs with this tag, a system tag included. Repeatable."},
		{name: "user", metavar: "NAME", set: text(&c.user), help: "Only runs of this user."},
		{name: "namespace", metavar: "TEXT", set: text(&c.namespace), help: "Only runs in this namespace: user:NAME, or production:TOKEN."},
		{name: "my-runs", set: flag(&c.mine), help: "Only runs in your own namespace."},
		{name: "since", metavar: "TIME", set: text(&c.since),
			help: "Only runs that started then or later: a time such as 2026-11-23 or '2026-11-23 14:30', or how long ago: 90s, 30m, 12h, 7d, 2w."},
		{name: "until", metavar: "TIME", set: text(&c.until), help: "Only runs that started before that time."},
		{name: "parameter", metavar: "NAME=VALUE", many: true, set: c.setParameter, help: "Only runs that had this value of a parameter, as it was typed or as it is shown. Repeatable."},
		{name: "limit", metavar: "INTEGER", set: number(&c.limit, 0), def: "20", help: "How many runs; 0 for all."},
	}
}

func (c *runsCommand) setParameter(v []string) error {
	name, value, ok := strings.Cut(v[0], "=")
	if !ok || name == "" {
		return badValue(v[0] + " is not NAME=VALUE")
	}
	if c.parameters == nil {
		c.parameters = map[string]string{}
	}
	if other, twice := c.parameters[name]; twice && other != value {
		return badValue(name + " cannot have two values in one run: " + other + " and " + value)
	}
	c.parameters[name] = value
	return nil
}

func statusNames() []string {
	return []string{string(metastore.RunRunning), string(metastore.RunSucceeded), string(metastore.RunFailed),
		string(metastore.RunInterrupted), string(metastore.RunDied)}
}

// filter is what of the store's runs is asked for.
func (c *runsCommand) filter(s *session) (metastore.RunFilter, error) {
	f := metastore.RunFilter{
		Flows: metastore.Only(c.flow), Users: metastore.Only(c.user), Statuses: metastore.Only(metastore.RunStatus(c.status)),
		Tags: c.tags, Parameters: c.parameters, Limit: c.limit,
	}
	if f.Flows == nil && s.flow != nil {
		f.Flows = []string{s.flow.Definition().Name}
	}
	if c.namespace != "" {
		f.Tags = append(f.Tags, c.namespace)
	}
	if c.mine {
		f.Tags = append(f.Tags, s.env.namespace(s.user))
	}
	for _, bound := range []struct {
		name, text string
		to         *time.Time
	}{{"since", c.since, &f.CreatedAfter}, {"until", c.until, &f.CreatedBefore}} {
		if bound.text == "" {
			continue
		}
		var ok bool
		if *bound.to, ok = moment(bound.text, s.env.Now()); !ok {
			return f, usagef("Invalid value for '--%s': %s is neither a time nor an age: write 2026-11-23, '2026-11-23 14:30', 12h, 7d", bound.name, bound.text)
		}
	}
	return f, nil
}

// moment reads a time, or how long before now it was: "90s", "12h", "7d", "1d12h".
func moment(text string, now time.Time) (time.Time, bool) {
	var ago time.Duration
	if age(&ago)([]string{text}) == nil {
		return now.Add(-ago), true
	}
	for _, layout := range []string{"2006-01-02", "2006-01-02 15:04", "2006-01-02T15:04", "2006-01-02 15:04:05", "2006-01-02T15:04:05", time.RFC3339} {
		if t, err := time.ParseInLocation(layout, text, now.Location()); err == nil {
			return t, true
		}
	}
	return time.Time{}, false
}

func (c *runsCommand) run(ctx context.Context, s *session) error {
	filter, err := c.filter(s)
	if err != nil {
		return err
	}
	now := s.env.Now()
	out := writer{w: s.env.Stdout}
	var rows []runRow
	for run, err := range s.summaries(ctx, filter) {
		if err != nil {
			return err
		}
		row := runRow{run}
		if s.global.json {
			if err := out.json(row.json(now)); err != nil {
				return err
			}
			continue
		}
		rows = append(rows, row)
	}
	switch {
	case s.global.json:
		return out.flush()
	case len(rows) == 0:
		if filter := *c; c.flow != "" {
			filter.flow, filter.limit = "", 0
			if reflect.DeepEqual(filter, runsCommand{}) {
				return s.noRuns(ctx, c.flow)
			}
		}
		s.inform("No runs.")
		return nil
	}
	return s.printGrid(runTable(rows, now))
}

// summaries returns the runs of a filter, the newest first, whose parameters are recorded as
// they were typed or in another spelling.
func (s *session) summaries(ctx context.Context, f metastore.RunFilter) iter.Seq2[service.RunSummary, error] {
	spellings := spelled(f.Parameters)
	if len(spellings) == 1 {
		return s.store.Service.Summaries(ctx, f)
	}
	return func(yield func(service.RunSummary, error) bool) {
		found := map[int64]service.RunSummary{}
		for _, f.Parameters = range spellings {
			for run, err := range s.store.Service.Summaries(ctx, f) {
				if err != nil {
					yield(run, err)
					return
				}
				found[run.ID] = run
			}
		}
		newest := slices.SortedFunc(maps.Values(found), func(a, b service.RunSummary) int { return cmp.Compare(b.ID, a.ID) })
		for i, run := range newest {
			if f.Limit > 0 && i == f.Limit || !yield(run, nil) {
				return
			}
		}
	}
}

// tableWidth is the width that a table on stdout may take: no limit where nobody looks.
func (s *session) tableWidth() int {
	if !s.env.Terminal.Stdout {
		return 1 << 20
	}
	return s.env.width()
}

// runRow is a run with the counts of its tasks.
type runRow struct{ service.RunSummary }

// end is when the run ended or, if it could not say so, when it was last heard of; zero
// while it runs, or if that is not known.
func (r *runRow) end() time.Time {
	if r.Status == metastore.RunRunning {
		return time.Time{}
	}
	return r.LastSign(r.Tasks)
}

// duration is how long the run took or has taken so far.
func (r *runRow) duration(now time.Time) (time.Duration, bool) {
	switch end := r.end(); {
	case !end.IsZero():
		return end.Sub(r.Created), true
	case r.Status == metastore.RunRunning:
		return now.Sub(r.Created), true
	}
	return 0, false
}

// taskText is "12", or "8/12" where not all are done.
func (r *runRow) taskText() string {
	if total := r.Tasks.Total(); r.Tasks.Succeeded != total {
		return fmt.Sprintf("%d/%d", r.Tasks.Succeeded, total)
	}
	return strconv.Itoa(r.Tasks.Succeeded)
}

// problem is why the run did not succeed, where that is known. Nobody was left to record it of one that died.
func (r *runRow) problem() string {
	switch {
	case r.Problem != "" || r.Status != metastore.RunDied:
		return r.Problem
	case r.Info.Engine == metastore.EngineMetaflow:
		return "Metaflow is no longer heard from"
	}
	return "its process is gone"
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
	Died      int `json:"died"` // were running when the run's engine went
}

func (r *runRow) taskCounts() jsonTasks {
	n := jsonTasks{Total: r.Tasks.Total(), Succeeded: r.Tasks.Succeeded, Failed: r.Tasks.Failed, Running: r.Tasks.Running}
	if r.Status != metastore.RunRunning { // nothing of a run that is over goes on
		n.Running, n.Died = 0, n.Running
	}
	return n
}

func (r *runRow) json(now time.Time) jsonRun {
	j := jsonRun{
		Run: r.ID, Flow: r.Flow, Status: r.Status, Created: r.Created, User: r.User,
		Tags: append([]string{}, r.Tags...), SystemTags: append([]string{}, r.SystemTags...),
		Origin: r.Origin, Problem: r.problem(), Parameters: r.Info.Parameters, Info: r.Info,
		Tasks: r.taskCounts(),
	}
	j.Info.Parameters = nil
	if end := r.end(); !end.IsZero() {
		j.Ended = &end
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
func runTable(rows []runRow, now time.Time) ([]column, [][]string) {
	columns := []column{{title: "RUN"}, {title: "STATUS"}, {title: "FLOW", least: 8}, {title: "STARTED"}, {title: "DURATION", spare: 2}, {title: "TASKS"}, {title: "USER", spare: 3}, {title: "TAGS", least: 8, spare: 1}}
	cells := make([][]string, 0, len(rows))
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
	return columns, cells
}

// ago is a time in the past for people.
func ago(d time.Duration) string {
	unit := func(n int, name string) string { return counted(n, name) + " ago" }
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

// counted is a number of things: "1 task", "3 tasks".
func counted(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return strconv.Itoa(n) + " " + thing + "s"
}
