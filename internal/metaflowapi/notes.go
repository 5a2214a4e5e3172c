package metaflowapi

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/levadahq/levada/internal/api"
	"github.com/levadahq/levada/internal/metastore"
)

// The kinds of notes.
const (
	kindMetadata = metastore.NoteMetadata // Value is the value as JSON
	kindArtifact = "metaflow artifact"    // Value is an artifactNote as JSON
)

// metadatum is one thing that is said of a task.
type metadatum struct {
	ID         int64           `json:"id"`
	Flow       string          `json:"flow_id"`
	Run        any             `json:"run_number"`
	Step       string          `json:"step_name"`
	Task       any             `json:"task_id"`
	Name       string          `json:"field_name"`
	Value      json.RawMessage `json:"value"`
	Type       string          `json:"type"`
	User       string          `json:"user_name"`
	At         int64           `json:"ts_epoch"`
	Tags       []string        `json:"tags"`
	SystemTags []string        `json:"system_tags"`
}

// text is the value for comparing and showing: a text as it is, anything else as JSON.
func (m *metadatum) text() string { return metastore.NoteText(string(m.Value)) }

// attempt is the attempt that it is about, 0 if it does not say.
func (m *metadatum) attempt() int { return metastore.NoteAttempt(m.Tags) }

// eachMetadatum calls f with what is known of some tasks of a run, by task.
func (h *Handler) eachMetadatum(q *request, run metastore.Run, tasks []metastore.Task, f func(metastore.Task, metadatum)) error {
	if len(tasks) == 0 {
		return nil
	}
	byID := make(map[int64]metastore.Task, len(tasks))
	ids := make([]int64, len(tasks))
	for i, t := range tasks {
		byID[t.ID], ids[i] = t, t.ID
	}
	names, err := h.c.Store.TaskNames(q.ctx, run.ID, ids)
	if err != nil {
		return err
	}
	of := func(t metastore.Task) metadatum {
		return metadatum{Flow: run.Flow, Run: runNumber(run), Step: t.Step, Task: taskNumber(t.ID, names[t.ID]), SystemTags: []string{}}
	}
	if run.Info.Engine == metastore.EngineMetaflow {
		for n, err := range h.c.Store.Notes(q.ctx, run.ID, ids, kindMetadata) {
			if err != nil {
				return err
			}
			m := of(byID[n.Task])
			m.ID, m.Name, m.Value, m.Type, m.User, m.At, m.Tags = n.ID, n.Name, json.RawMessage(n.Value), n.Type, n.User, millis(n.At), notNil(n.Tags)
			f(byID[n.Task], m)
		}
		return nil
	}
	for _, t := range tasks {
		res, err := h.c.API.Metadata(q.ctx, api.MetadataRequest{Run: run.ID, Task: t.ID})
		if err != nil {
			return err
		}
		for i, d := range res.Metadata {
			m := of(t)
			m.Value, _ = json.Marshal(d.Value)
			m.ID, m.Name, m.Type, m.User, m.At = int64(i+1), d.Name, d.Type, run.User, millis(d.Created.Time())
			m.Tags = []string{fmt.Sprintf("attempt_id:%d", d.Attempt)}
			f(t, m)
		}
	}
	return nil
}

func (h *Handler) metadataOf(q *request, run metastore.Run, tasks []metastore.Task) (any, error) {
	list := []metadatum{}
	err := h.eachMetadatum(q, run, tasks, func(_ metastore.Task, m metadatum) { list = append(list, m) })
	return paged(q, list, err)
}

func (h *Handler) taskMetadata(q *request) (any, error) {
	p, err := h.findTask(q)
	if err != nil {
		return nil, err
	}
	return h.metadataOf(q, p.run, []metastore.Task{p.task})
}

// tasksOf reads the tasks of a run, or of a step of it.
func (h *Handler) tasksOf(q *request, run int64, step string) ([]metastore.Task, error) {
	var tasks []metastore.Task
	for t, err := range h.c.Store.Tasks(q.ctx, metastore.TaskFilter{Run: run, Step: step, After: -1}) {
		if err != nil {
			return nil, err
		}
		tasks = append(tasks, t)
	}
	return tasks, nil
}

func (h *Handler) runMetadata(q *request) (any, error) {
	p, err := h.findRun(q)
	if err != nil {
		return nil, err
	}
	tasks, err := h.tasksOf(q, p.run.ID, "")
	if err != nil {
		return nil, err
	}
	return h.metadataOf(q, p.run, tasks)
}

// artifactNote is what Metaflow says of an artifact.
type artifactNote struct {
	Location    string `json:"location"`
	DSType      string `json:"ds_type"`
	SHA         string `json:"sha"`
	Type        string `json:"type"`
	ContentType string `json:"content_type"`
	Attempt     int    `json:"attempt_id"`
}

// artifactJSON is an artifact, as Metaflow sends and reads it.
type artifactJSON struct {
	Flow string `json:"flow_id"`
	Run  any    `json:"run_number"`
	Step string `json:"step_name"`
	Task any    `json:"task_id"`
	Name string `json:"name"`
	artifactNote
	User       string   `json:"user_name"`
	Created    int64    `json:"ts_epoch"`
	Tags       []string `json:"tags"`
	SystemTags []string `json:"system_tags"`
}

// lastAttempt asks for the artifacts of the last attempt that has any.
const lastAttempt = -1

// artifactsOf returns what is said of the artifacts of tasks, each of one attempt.
func (h *Handler) artifactsOf(q *request, run metastore.Run, tasks []metastore.Task, attempt int) ([]artifactJSON, error) {
	list := []artifactJSON{}
	if len(tasks) == 0 {
		return list, nil
	}
	ids := make([]int64, len(tasks))
	byID := make(map[int64]metastore.Task, len(tasks))
	for i, t := range tasks {
		ids[i], byID[t.ID] = t.ID, t
	}
	names, err := h.c.Store.TaskNames(q.ctx, run.ID, ids)
	if err != nil {
		return nil, err
	}
	of := func(t metastore.Task) artifactJSON {
		return artifactJSON{
			Flow: run.Flow, Run: runNumber(run), Step: t.Step, Task: taskNumber(t.ID, names[t.ID]), User: run.User,
			Tags: notNil(run.Tags), SystemTags: notNil(run.SystemTags),
		}
	}
	if run.Info.Engine != metastore.EngineMetaflow {
		return h.ownArtifacts(q, run, ids, attempt, func(task int64) artifactJSON { return of(byID[task]) })
	}
	var noted []artifactJSON // of one task
	last := 0
	add := func() {
		at := make(map[string]int, len(noted)) // what was said twice counts as it was said last
		for _, a := range noted {
			if want := attempt; a.Attempt != want && (want != lastAttempt || a.Attempt != last) {
				continue
			}
			if i, ok := at[a.Name]; ok {
				list[i] = a
				continue
			}
			at[a.Name] = len(list)
			list = append(list, a)
		}
		noted, last = noted[:0], 0
	}
	task := int64(-1)
	for n, err := range h.c.Store.Notes(q.ctx, run.ID, ids, kindArtifact) {
		if err != nil {
			return nil, err
		}
		if n.Task != task {
			add()
			task = n.Task
		}
		a := of(byID[n.Task])
		if err := json.Unmarshal([]byte(n.Value), &a.artifactNote); err != nil {
			return nil, err
		}
		a.Name, a.Created = n.Name, millis(n.At)
		noted, last = append(noted, a), max(last, a.Attempt)
	}
	add()
	return list, nil
}

// ownArtifacts tells of artifacts of Levada's own runs. Metaflow can list them; their
// values are in no datastore that it knows.
func (h *Handler) ownArtifacts(q *request, run metastore.Run, tasks []int64, attempt int, of func(int64) artifactJSON) ([]artifactJSON, error) {
	ask := api.ArtifactsRequest{Run: run.ID, Tasks: tasks}
	if attempt != lastAttempt {
		ask.Attempt = &attempt
	}
	res, err := h.c.API.Artifacts(q.ctx, ask)
	if err != nil {
		return nil, err
	}
	list := []artifactJSON{}
	for _, t := range res.Tasks {
		for _, f := range t.Artifacts {
			a := of(t.Task)
			a.Name, a.Created = f.Name, millis(t.Ended.Time())
			a.artifactNote = artifactNote{
				Location: fmt.Sprintf("%d/%d/%s", run.ID, t.Task, f.Name), DSType: "levada", SHA: f.Hash, Type: "metaflow.artifact",
				ContentType: f.Codec, Attempt: t.Attempt,
			}
			list = append(list, a)
		}
	}
	return list, nil
}

// attemptOf reads the attempt of a path, lastAttempt if there is none.
func attemptOf(q *request) (int, error) {
	text := q.PathValue("attempt")
	if text == "" {
		return lastAttempt, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 {
		return 0, refused("%q is not the number of an attempt", text)
	}
	return n, nil
}

func (h *Handler) taskArtifacts(q *request) (any, error) {
	list, err := h.artifactsAsked(q)
	return paged(q, list, err)
}

func (h *Handler) artifact(q *request) (any, error) {
	list, err := h.artifactsAsked(q)
	if err != nil {
		return nil, err
	}
	for _, a := range list {
		if a.Name == q.PathValue("name") {
			return a, nil
		}
	}
	return nil, noArtifact(q)
}

// artifactsAsked returns the artifacts of the task in the path, of its attempt there or the last.
func (h *Handler) artifactsAsked(q *request) ([]artifactJSON, error) {
	n, err := attemptOf(q)
	if err != nil {
		return nil, err
	}
	p, err := h.findTask(q)
	if err != nil {
		return nil, err
	}
	return h.artifactsOf(q, p.run, []metastore.Task{p.task}, n)
}

func (h *Handler) stepArtifacts(q *request) (any, error) {
	return h.artifactsIn(q, q.PathValue("step"))
}
func (h *Handler) runArtifacts(q *request) (any, error) { return h.artifactsIn(q, "") }

func (h *Handler) artifactsIn(q *request, step string) (any, error) {
	p, err := h.findRun(q)
	if err != nil {
		return nil, err
	}
	tasks, err := h.tasksOf(q, p.run.ID, step)
	if err != nil {
		return nil, err
	}
	list, err := h.artifactsOf(q, p.run, tasks, lastAttempt)
	return paged(q, list, err)
}

// describe takes what a system tag or metadata of the parameters' task says of a run.
func describe(info *metastore.RunInfo, name, value string) {
	switch name {
	case "python_version":
		info.Runtime = value
	case "metaflow_version":
		info.SDK = "metaflow " + value
	case "script-name":
		info.FlowFile = value
	case "project":
		info.Project = value
	case "project_branch":
		info.Branch = value
	case "user", "production":
		info.Namespace = name + ":" + value
	case "git-info":
		var git struct {
			Commit string `json:"commit_sha"`
			Dirty  any    `json:"has_uncommitted_changes"`
		}
		if json.Unmarshal([]byte(value), &git) == nil {
			info.GitCommit = git.Commit
			info.GitDirty = strings.EqualFold(fmt.Sprint(git.Dirty), "true")
		}
	}
}
