package metaflowapi

import (
	"encoding/json"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/levadahq/levada/internal/api"
	"github.com/levadahq/levada/internal/fault"
	"github.com/levadahq/levada/internal/metastore"
)

// parametersStep is the step of the task that holds the parameters.
const parametersStep = "_parameters"

// objectJSON is a flow, run, step or task, as Metaflow sends and reads it.
type objectJSON struct {
	Flow       string   `json:"flow_id"`
	Run        any      `json:"run_number,omitempty"` // a number, or the name
	Step       string   `json:"step_name,omitempty"`
	Task       any      `json:"task_id,omitempty"` // a number, or the name
	User       string   `json:"user_name"`
	Created    int64    `json:"ts_epoch"`
	Tags       []string `json:"tags"`
	SystemTags []string `json:"system_tags"`
	Beat       *int64   `json:"last_heartbeat_ts,omitempty"`
}

// newObject is what Metaflow says when it creates one.
type newObject struct {
	Run        json.RawMessage `json:"run_number"`
	Task       json.RawMessage `json:"task_id"`
	User       string          `json:"user_name"`
	Created    int64           `json:"ts_epoch"`
	Tags       []string        `json:"tags"`
	SystemTags []string        `json:"system_tags"`
}

func (h *Handler) version(*request) (any, error) { return Version, nil }

// place is what a path names.
type place struct {
	run  metastore.Run
	task metastore.Task
	name string // of the task, empty if it has none
}

// findRun finds the run of a path.
func (h *Handler) findRun(q *request) (place, error) {
	flow, name := q.PathValue("flow"), q.PathValue("run")
	id, err := strconv.ParseInt(name, 10, 64)
	if err != nil {
		if id, err = h.c.Store.NamedRun(q.ctx, flow, name); err != nil {
			return place{}, notThere(err, "flow %s has no run %s", flow, name)
		}
	}
	run, err := h.c.Store.Run(q.ctx, id)
	if err == nil && run.Flow != flow {
		err = fault.New(fault.NotFound, "run %d is one of %s", id, run.Flow)
	}
	return place{run: run}, notThere(err, "flow %s has no run %s", flow, name)
}

func notThere(err error, format string, args ...any) error {
	if fault.Is(err, fault.NotFound) {
		return fault.New(fault.NotFound, format, args...)
	}
	return err
}

// findTask finds the task of a path.
func (h *Handler) findTask(q *request) (place, error) {
	p, err := h.findRun(q)
	if err != nil {
		return p, err
	}
	step, name := q.PathValue("step"), q.PathValue("task")
	id, err := strconv.ParseInt(name, 10, 64)
	if err != nil {
		p.name = name
		if id, err = h.c.Store.NamedTask(q.ctx, p.run.ID, name); err != nil {
			return p, notThere(err, "step %s of run %s has no task %s", step, q.PathValue("run"), name)
		}
	}
	p.task, err = h.c.Store.Task(q.ctx, p.run.ID, id)
	if err == nil && p.task.Step != step {
		err = fault.New(fault.NotFound, "task %d is one of step %s", id, p.task.Step)
	}
	return p, notThere(err, "step %s of run %s has no task %s", step, q.PathValue("run"), name)
}

// runNumber is a run as Metaflow names it.
func runNumber(r metastore.Run) any {
	if r.Info.Name != "" {
		return r.Info.Name
	}
	return r.ID
}

func taskNumber(id int64, name string) any {
	if name != "" {
		return name
	}
	return id
}

func notNil[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

func runJSON(r metastore.Run) objectJSON {
	beat := r.Lease.Heartbeat.Unix()
	return objectJSON{
		Flow: r.Flow, Run: runNumber(r), User: r.User, Created: millis(r.Created), Tags: notNil(r.Tags), SystemTags: notNil(r.SystemTags), Beat: &beat,
	}
}

func stepJSON(r metastore.Run, s metastore.StepSpan) objectJSON {
	o := runJSON(r)
	o.Step, o.Created, o.Beat = s.Step, millis(s.Created), nil
	return o
}

func taskJSON(r metastore.Run, t metastore.Task, name string) objectJSON {
	o := runJSON(r)
	o.Step, o.Task, o.Created = t.Step, taskNumber(t.ID, name), millis(t.Created)
	return o
}

func flowJSON(f metastore.FlowSummary) objectJSON {
	return objectJSON{Flow: f.Name, Created: millis(f.Created), Tags: []string{}, SystemTags: []string{}}
}

func (h *Handler) flows(q *request) (any, error) {
	all, err := h.c.Store.Flows(q.ctx, "")
	list := make([]objectJSON, len(all))
	for i, f := range all {
		list[i] = flowJSON(f)
	}
	return paged(q, list, err)
}

// paged cuts a list to the page that is asked for, if one is. How long the list is stands in a header.
func paged[T any](q *request, list []T, err error) (any, error) {
	if err != nil {
		return nil, err
	}
	v := q.URL.Query()
	if !v.Has("_limit") && !v.Has("_page") {
		return notNil(list), nil
	}
	limit, page := 10, 1
	for name, to := range map[string]*int{"_limit": &limit, "_page": &page} {
		if !v.Has(name) {
			continue
		}
		n, err := strconv.Atoi(v.Get(name))
		if err != nil || n < 1 {
			return nil, refused("%s is a number from 1 on, not %q", name, v.Get(name))
		}
		*to = n
	}
	limit = min(limit, maxPage)
	q.header.Set("X-Total-Count", strconv.Itoa(len(list)))
	q.header.Set("X-Pagination-Limit", strconv.Itoa(limit))
	if page-1 > len(list)/limit {
		return []T{}, nil
	}
	list = list[min((page-1)*limit, len(list)):]
	return notNil(list[:min(limit, len(list))]), nil
}

// maxPage is the length of the longest page.
const maxPage = 10_000

func (h *Handler) flow(q *request) (any, error) {
	f, err := h.findFlow(q)
	if err != nil {
		return nil, err
	}
	return flowJSON(f), nil
}

// findFlow finds the flow of a path.
func (h *Handler) findFlow(q *request) (metastore.FlowSummary, error) {
	name := q.PathValue("flow")
	flows, err := h.c.Store.Flows(q.ctx, "")
	if err != nil {
		return metastore.FlowSummary{}, err
	}
	at := slices.IndexFunc(flows, func(f metastore.FlowSummary) bool { return f.Name == name })
	if at < 0 {
		return metastore.FlowSummary{}, fault.New(fault.NotFound, "there is no flow %s", name)
	}
	return flows[at], nil
}

// createFlow keeps nothing: a flow is there as soon as it has a run, which is what Metaflow makes next.
func (h *Handler) createFlow(q *request) (any, error) {
	var o newObject
	if err := q.object(&o); err != nil {
		return nil, err
	}
	name := q.PathValue("flow")
	if err := checkName("flow", name); err != nil {
		return nil, err
	}
	if _, err := h.findFlow(q); !fault.Is(err, fault.NotFound) {
		if err == nil {
			err = fault.New(fault.Conflict, "the flow %s exists", name)
		}
		return nil, err
	}
	return objectJSON{
		Flow: name, User: o.User, Created: millis(h.moment(o.Created)), Tags: notNil(o.Tags), SystemTags: notNil(o.SystemTags),
	}, nil
}

// object reads what is to be made from the body.
func (q *request) object(o *newObject) error {
	if err := q.body(o); err != nil {
		return err
	}
	return checkTags(o.Tags, o.SystemTags)
}

// maxName is the length in bytes of the longest name of a flow, run, step or task.
const maxName = 255

func checkName(what, name string) error {
	switch {
	case name == "" || len(name) > maxName || strings.Contains(name, "/"):
		return refused("the name of a %s has 1 to %d bytes and no slash", what, maxName)
	case !utf8.ValidString(name) || strings.ContainsFunc(name, unicode.IsControl) || strings.TrimSpace(name) != name:
		return refused("the name of a %s is text, without control characters and without space around it, unlike %q", what, name)
	case (what == "flow" || what == "step") && !isIdentifier(name):
		return refused("the name of a %s is that of a class or function in Python: letters, digits and _, unlike %q", what, name)
	}
	return nil
}

// isIdentifier reports whether a name can be one in Python.
func isIdentifier(name string) bool {
	for i, r := range name {
		if r != '_' && !unicode.IsLetter(r) && (i == 0 || !unicode.IsDigit(r) && !unicode.IsMark(r)) {
			return false
		}
	}
	return true
}

// checkTags makes sure that tags are text that can be shown and found again. What
// else Metaflow allows is its own business.
func checkTags(lists ...[]string) error {
	for _, tags := range lists {
		for _, tag := range tags {
			if strings.TrimSpace(tag) == "" || !utf8.ValidString(tag) || strings.ContainsFunc(tag, unicode.IsControl) {
				return refused("a tag is text, and has no control characters, unlike %q", tag)
			}
		}
	}
	return nil
}

// nameOf reads the name that Metaflow gives to a run or a task, "" if it gives none.
func nameOf(what string, raw json.RawMessage) (string, error) {
	if len(raw) == 0 || string(raw) == "null" {
		return "", nil
	}
	var name string
	if err := json.Unmarshal(raw, &name); err != nil {
		return "", refused("the name of a %s is text", what)
	}
	if _, err := strconv.ParseInt(name, 10, 64); err == nil {
		return "", refused("a %s cannot be named %s: numbers are given here", what, name)
	}
	return name, checkName(what, name)
}

func (h *Handler) runs(q *request) (any, error) {
	flow := q.PathValue("flow")
	if q.URL.Query().Has("_limit") {
		return h.runsPage(q, flow)
	}
	var list []objectJSON
	for r, err := range h.c.Store.Runs(q.ctx, metastore.RunFilter{Flows: metastore.Only(flow)}) {
		if err != nil {
			return nil, err
		}
		list = append(list, runJSON(r))
	}
	return paged(q, list, nil)
}

// runsPage reads no more runs than the page needs.
func (h *Handler) runsPage(q *request, flow string) (any, error) {
	limit, err := strconv.Atoi(q.URL.Query().Get("_limit"))
	page := 1
	if p := q.URL.Query().Get("_page"); err == nil && p != "" {
		page, err = strconv.Atoi(p)
	}
	if err != nil || limit < 1 || page < 1 {
		return nil, refused("_limit and _page are numbers from 1 on")
	}
	limit = min(limit, maxPage)
	f, err := h.findFlow(q)
	if err != nil && !fault.Is(err, fault.NotFound) {
		return nil, err
	}
	total, list := f.Runs, []objectJSON{}
	if page-1 <= total/limit {
		at := 0
		for r, err := range h.c.Store.Runs(q.ctx, metastore.RunFilter{Flows: metastore.Only(flow), Limit: page * limit}) {
			if err != nil {
				return nil, err
			}
			if at++; at > (page-1)*limit {
				list = append(list, runJSON(r))
			}
		}
	}
	q.header.Set("X-Total-Count", strconv.Itoa(total))
	q.header.Set("X-Pagination-Limit", strconv.Itoa(limit))
	return list, nil
}

func (h *Handler) run(q *request) (any, error) {
	p, err := h.findRun(q)
	if err != nil {
		return nil, err
	}
	return runJSON(p.run), nil
}

func (h *Handler) createRun(q *request) (any, error) {
	var o newObject
	if err := q.object(&o); err != nil {
		return nil, err
	}
	flow := q.PathValue("flow")
	name, err := nameOf("run", o.Run)
	if err == nil {
		err = checkName("flow", flow)
	}
	if err != nil {
		return nil, err
	}
	now := h.c.Now()
	run := metastore.Run{
		Flow: flow, Status: metastore.RunRunning, User: o.User, Created: h.moment(o.Created), FailedTask: -1,
		Tags: tagSet(o.Tags), SystemTags: tagSet(o.SystemTags), Lease: metastore.Lease{Heartbeat: now},
		Info: metastore.RunInfo{Engine: metastore.EngineMetaflow, Name: name, Language: "python", Parameters: map[string]string{}},
	}
	for _, tag := range run.SystemTags {
		key, value, _ := strings.Cut(tag, ":")
		describe(&run.Info, key, value)
	}
	if run.ID, err = h.c.Store.CreateRun(q.ctx, run, metastore.Beginning{}); err != nil {
		return nil, conflict(err, "flow %s has a run %s", flow, name)
	}
	return runJSON(run), nil
}

func conflict(err error, format string, args ...any) error {
	if fault.Is(err, fault.Conflict) {
		return fault.New(fault.Conflict, format, args...)
	}
	return err
}

func tagSet(tags []string) []string {
	tags = slices.Clone(tags)
	slices.Sort(tags)
	return slices.Compact(tags)
}

// beatAnswer is JSON in a JSON text, as Metaflow expects it.
var beatAnswer = fmt.Sprintf(`{"wait_time_in_seconds": %d}`, int(beatEvery.Seconds()))

func (h *Handler) beatRun(q *request) (any, error) {
	p, err := h.findRun(q)
	if err == nil {
		err = h.beat(q.ctx, p.run)
	}
	return beatAnswer, err
}

func (h *Handler) beatTask(q *request) (any, error) {
	p, err := h.findTask(q)
	if err == nil {
		err = h.beat(q.ctx, p.run)
	}
	return beatAnswer, err
}

// mutateTags adds tags and then removes others.
func (h *Handler) mutateTags(q *request) (any, error) {
	var o struct {
		Add    []string `json:"tags_to_add"`
		Remove []string `json:"tags_to_remove"`
	}
	if err := q.body(&o); err != nil {
		return nil, err
	}
	p, err := h.findRun(q)
	if err != nil {
		return nil, err
	}
	add := slices.DeleteFunc(tagSet(o.Add), func(tag string) bool { return slices.Contains(o.Remove, tag) })
	res, err := h.c.API.ChangeTags(q.ctx, api.TagsRequest{Run: p.run.ID, Remove: o.Remove, Add: add})
	return map[string]any{"tags": res.Tags}, err
}

func (h *Handler) steps(q *request) (any, error) {
	p, err := h.findRun(q)
	if err != nil {
		return nil, err
	}
	spans, err := h.c.Store.Steps(q.ctx, p.run.ID)
	list := make([]objectJSON, len(spans))
	for i, s := range spans {
		list[i] = stepJSON(p.run, s)
	}
	return paged(q, list, err)
}

// findStep finds the step of a path by its first task.
func (h *Handler) findStep(q *request) (place, error) {
	p, err := h.findRun(q)
	if err != nil {
		return p, err
	}
	for t, err := range h.c.Store.Tasks(q.ctx, metastore.TaskFilter{Run: p.run.ID, Step: q.PathValue("step"), After: -1, Limit: 1}) {
		p.task = t
		return p, err
	}
	return p, fault.New(fault.NotFound, "run %s has no step %s", q.PathValue("run"), q.PathValue("step"))
}

func (h *Handler) step(q *request) (any, error) {
	p, err := h.findStep(q)
	if err != nil {
		return nil, err
	}
	return stepJSON(p.run, metastore.StepSpan{Step: p.task.Step, Created: p.task.Created}), nil
}

// createStep keeps nothing: a step is there as soon as it has a task, which is what Metaflow makes next.
func (h *Handler) createStep(q *request) (any, error) {
	var o newObject
	if err := q.object(&o); err != nil {
		return nil, err
	}
	step := q.PathValue("step")
	if err := checkName("step", step); err != nil {
		return nil, err
	}
	p, err := h.findStep(q)
	if err == nil {
		return nil, fault.New(fault.Conflict, "run %s has a step %s", q.PathValue("run"), step)
	}
	if p.run.ID == 0 || !fault.Is(err, fault.NotFound) {
		return nil, err
	}
	return stepJSON(p.run, metastore.StepSpan{Step: step, Created: h.moment(o.Created)}), nil
}

func (h *Handler) tasks(q *request) (any, error) {
	p, err := h.findRun(q)
	if err != nil {
		return nil, err
	}
	names, err := h.c.Store.TaskNames(q.ctx, p.run.ID, nil)
	if err != nil {
		return nil, err
	}
	var list []objectJSON
	for t, err := range h.c.Store.Tasks(q.ctx, metastore.TaskFilter{Run: p.run.ID, Step: q.PathValue("step"), After: -1}) {
		if err != nil {
			return nil, err
		}
		list = append(list, taskJSON(p.run, t, names[t.ID]))
	}
	return paged(q, list, nil)
}

func (h *Handler) task(q *request) (any, error) {
	p, err := h.findTask(q)
	if err != nil {
		return nil, err
	}
	if p.name == "" {
		names, err := h.c.Store.TaskNames(q.ctx, p.run.ID, []int64{p.task.ID})
		if err != nil {
			return nil, err
		}
		p.name = names[p.task.ID]
	}
	return taskJSON(p.run, p.task, p.name), nil
}

func (h *Handler) createTask(q *request) (any, error) {
	var o newObject
	if err := q.object(&o); err != nil {
		return nil, err
	}
	step := q.PathValue("step")
	name, err := nameOf("task", o.Task)
	if err == nil {
		err = checkName("step", step)
	}
	if err != nil {
		return nil, err
	}
	p, err := h.findRun(q)
	if err == nil {
		err = guestsOnly(p.run)
	}
	if err != nil {
		return nil, err
	}
	t := metastore.Task{Run: p.run.ID, Step: step, Scope: -1, Base: -1, Created: h.moment(o.Created)}
	if step != parametersStep {
		t.ID = 1
	}
	if t.ID, err = h.c.Store.AddTask(q.ctx, t, name); err != nil {
		return nil, conflict(err, "run %s has a task %s of step %s", q.PathValue("run"), name, step)
	}
	return taskJSON(p.run, t, name), h.beat(q.ctx, p.run)
}

// guestsOnly refuses to write to runs that Levada's own engine writes.
func guestsOnly(r metastore.Run) error {
	if r.Info.Engine != metastore.EngineMetaflow {
		return refused("run %d was not started by Metaflow: nothing can be recorded in it from there", r.ID)
	}
	return nil
}

// filteredTasks returns the tasks of a step with metadata whose value matches.
func (h *Handler) filteredTasks(q *request) (any, error) {
	v, err := url.ParseQuery(q.URL.RawQuery)
	if err != nil {
		return nil, refused("the query cannot be read: %v", err)
	}
	field, pattern := v.Get("metadata_field_name"), v.Get("pattern")
	p, err := h.findRun(q)
	if err != nil {
		return nil, err
	}
	match, err := regexp.Compile(pattern)
	if err != nil {
		return nil, refused("the pattern is not a regular expression: %v", err)
	}
	names, err := h.c.Store.TaskNames(q.ctx, p.run.ID, nil)
	if err != nil {
		return nil, err
	}
	var tasks []metastore.Task
	for t, err := range h.c.Store.Tasks(q.ctx, metastore.TaskFilter{Run: p.run.ID, Step: q.PathValue("step"), After: -1}) {
		if err != nil {
			return nil, err
		}
		tasks = append(tasks, t)
	}
	matches := make(map[int64]bool, len(tasks))
	if field != "" || pattern != "" {
		err = h.eachMetadatum(q, p.run, tasks, func(t metastore.Task, m metadatum) {
			if (field == "" || m.Name == field) && match.MatchString(m.text()) {
				matches[t.ID] = true
			}
		})
		if err != nil {
			return nil, err
		}
	}
	list := []string{}
	for _, t := range tasks {
		if field == "" && pattern == "" || matches[t.ID] {
			list = append(list, fmt.Sprintf("%s/%v/%s/%v", p.run.Flow, runNumber(p.run), t.Step, taskNumber(t.ID, names[t.ID])))
		}
	}
	return paged(q, list, nil)
}
