package metaflowapi

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/levadahq/levada/internal/fault"
	"github.com/levadahq/levada/internal/metastore"
	"github.com/levadahq/levada/internal/mfdata"
	"github.com/levadahq/levada/internal/pickle"
	"github.com/levadahq/levada/internal/remote"
)

// registered finds the task of a path for writing. One that is not there is a mistake of who writes, not of the path.
func (h *Handler) registered(q *request) (place, error) {
	p, err := h.findTask(q)
	if fault.Is(err, fault.NotFound) {
		return p, refused("the run and the task have to be registered first: %v", err)
	}
	if err == nil {
		err = guestsOnly(p.run)
	}
	return p, err
}

// addMetadata notes what is said of a task, and draws from it how its attempts go.
func (h *Handler) addMetadata(q *request) (any, error) {
	var list []metadatum
	if err := q.body(&list); err != nil {
		return nil, err
	}
	p, err := h.registered(q)
	if err != nil {
		return nil, err
	}
	notes := make([]metastore.Note, len(list))
	for i := range list {
		m := &list[i]
		if err := checkTags(m.Tags); err != nil {
			return nil, err
		}
		if len(m.Value) == 0 {
			m.Value = json.RawMessage("null")
		}
		notes[i] = metastore.Note{
			Run: p.run.ID, Task: p.task.ID, Kind: kindMetadata, Name: m.Name, Value: string(m.Value), Type: m.Type,
			User: cmp.Or(m.User, p.run.User), Tags: m.Tags, At: h.moment(m.At),
		}
	}
	lock := h.lock(p.run.ID)
	lock.Lock()
	defer lock.Unlock()
	a, err := h.attemptsOf(q.ctx, p)
	if err != nil {
		return nil, err
	}
	for i := range list {
		a.hear(q, &list[i], notes[i].At)
	}
	for i, at := range a.changed() {
		r := metastore.Record{Attempt: at}
		if i == 0 {
			r.Notes, notes = notes, nil
		}
		if err := h.record(r); err != nil {
			return nil, err
		}
	}
	if len(notes) > 0 {
		if err := h.record(metastore.Record{Notes: notes}); err != nil {
			return nil, err
		}
	}
	if err := h.conclude(q.ctx, p, a, list); err != nil {
		return nil, err
	}
	return map[string]int{"metadata_created": len(list)}, h.beat(q.ctx, p.run)
}

// attempts is what is known of the attempts of a task while something is said of them.
type attempts struct {
	p    place
	list []metastore.Attempt
	old  []metastore.Attempt // as they were before
}

func (h *Handler) attemptsOf(ctx context.Context, p place) (*attempts, error) {
	list, err := h.c.Store.Attempts(ctx, p.run.ID, p.task.ID)
	return &attempts{p: p, list: list, old: slices.Clone(list)}, err
}

// maxAttempts is the number of attempts that a task can have. Metaflow has a limit of its own, which is lower.
const maxAttempts = 1000

// get returns an attempt, which begins at a time if it is not there.
func (a *attempts) get(n int, at time.Time) *metastore.Attempt {
	for i := range a.list {
		if a.list[i].N == n {
			return &a.list[i]
		}
	}
	for i := range a.list { // those before it did not tell how they ended
		if b := &a.list[i]; b.N < n && b.Status == metastore.AttemptRunning {
			b.Status, b.Ended = metastore.AttemptFailed, at
		}
	}
	a.list = append(a.list, metastore.Attempt{
		Run: a.p.run.ID, Task: a.p.task.ID, N: n, Status: metastore.AttemptRunning, Started: at, Complete: true,
	})
	slices.SortFunc(a.list, func(x, y metastore.Attempt) int { return cmp.Compare(x.N, y.N) })
	return a.get(n, at)
}

// hear draws from a metadatum what it says of an attempt.
func (a *attempts) hear(q *request, m *metadatum, at time.Time) {
	n := m.attempt()
	if n < 0 || n > maxAttempts {
		return
	}
	switch m.Name {
	case "attempt":
		a.get(n, at)
	case "ds-root":
		if x := a.get(n, at); x.LogFile == "" {
			x.LogFile = mfdata.PlaceOf(remote.UserOf(q.ctx), "local", m.text(), q.PathValue("flow"), q.PathValue("run"), q.PathValue("step"), q.PathValue("task"), fmt.Sprint(n)).LogFile()
		}
	case "foreach-stack":
		a.get(n, at).Value = element(m.Value)
	case "attempt_ok":
		x := a.get(n, at)
		x.Ended, x.Status = at, metastore.AttemptFailed
		if m.text() == "True" {
			x.Status = metastore.AttemptSucceeded
		}
		if x.Started.After(x.Ended) {
			x.Started = x.Ended
		}
	}
}

// maxElement is about how many characters of an element of a foreach are shown.
const maxElement = 30

// element is the innermost element of a foreach stack, short: the part after the name of the variable.
func element(value json.RawMessage) string {
	var stack []string
	if json.Unmarshal(value, &stack) != nil || len(stack) == 0 {
		return ""
	}
	_, text, _ := strings.Cut(stack[len(stack)-1], "=")
	text = strings.Join(strings.Fields(text), " ")
	if r := []rune(text); len(r) > maxElement {
		text = string(r[:maxElement-3]) + "..."
	}
	return text
}

// changed returns the attempts that are not as they were.
func (a *attempts) changed() []*metastore.Attempt {
	var list []*metastore.Attempt
	for i := range a.list {
		x := &a.list[i]
		at := slices.IndexFunc(a.old, func(o metastore.Attempt) bool { return o.N == x.N })
		if at < 0 || a.old[at].Status != x.Status || !a.old[at].Ended.Equal(x.Ended) || a.old[at].Value != x.Value || a.old[at].LogFile != x.LogFile {
			list = append(list, x)
		}
	}
	return list
}

// conclude records what follows for the run from what was said of one of its tasks.
func (h *Handler) conclude(ctx context.Context, p place, a *attempts, said []metadatum) error {
	parameters := p.task.Step == parametersStep
	if !parameters && (len(a.list) == 0 || len(a.changed()) == 0) {
		return nil
	}
	run, err := h.c.Store.Run(ctx, p.run.ID) // as it is under the lock
	if err != nil {
		return err
	}
	if parameters {
		info := run.Info
		for i := range said {
			describe(&info, said[i].Name, said[i].text())
		}
		if reflect.DeepEqual(info, run.Info) {
			return nil
		}
		return h.c.Store.Describe(ctx, run.ID, info, metastore.Hash{})
	}
	if run.Status != metastore.RunRunning {
		return nil
	}
	last := a.list[len(a.list)-1]
	switch last.Status {
	case metastore.AttemptFailed:
		return h.c.Store.EndRun(ctx, run.ID, metastore.RunEnd{
			Status: metastore.RunRunning, FailedTask: p.task.ID, Problem: fmt.Sprintf("task %d of step %s failed", p.task.ID, p.task.Step),
		})
	case metastore.AttemptSucceeded:
		end, err := h.endStep(ctx, run.ID)
		if err != nil {
			return err
		}
		if p.task.Step == end {
			return h.c.Store.EndRun(ctx, run.ID, metastore.RunEnd{Status: metastore.RunSucceeded, Ended: last.Ended, FailedTask: -1})
		}
	}
	if run.FailedTask == p.task.ID { // it is tried again, or went well after all
		return h.c.Store.EndRun(ctx, run.ID, metastore.RunEnd{Status: metastore.RunRunning, FailedTask: -1})
	}
	return nil
}

// endStep is the step that the flow of a run ends with: what the parameters' task says, or "end".
func (h *Handler) endStep(ctx context.Context, run int64) (string, error) {
	end := "end"
	for n, err := range h.c.Store.Notes(ctx, run, []int64{0}, kindMetadata) {
		if err != nil {
			return "", err
		}
		if n.Name == "end_step" {
			end = metastore.NoteText(n.Value)
		}
	}
	return end, nil
}

// addArtifacts notes what is said of artifacts, and makes records of them.
func (h *Handler) addArtifacts(q *request) (any, error) {
	var list []artifactJSON
	if err := q.body(&list); err != nil {
		return nil, err
	}
	p, err := h.registered(q)
	if err != nil {
		return nil, err
	}
	byAttempt := make(map[int][]artifactJSON)
	for _, a := range list {
		if a.Attempt < 0 || a.Attempt > maxAttempts || a.Name == "" || len(a.Name) > maxName {
			return nil, refused("an artifact has a name and the number of an attempt")
		}
		byAttempt[a.Attempt] = append(byAttempt[a.Attempt], a)
	}
	lock := h.lock(p.run.ID)
	lock.Lock()
	defer lock.Unlock()
	for n, of := range byAttempt {
		if err := h.addArtifactsOf(q, p, n, of); err != nil {
			return nil, err
		}
	}
	return map[string]int{"artifacts_created": len(list)}, h.beat(q.ctx, p.run)
}

func (h *Handler) addArtifactsOf(q *request, p place, n int, list []artifactJSON) error {
	a, err := h.attemptsOf(q.ctx, p)
	if err != nil {
		return err
	}
	at := h.moment(list[0].Created)
	attempt := a.get(n, at)
	if p.task.Step == parametersStep && attempt.Status == metastore.AttemptRunning { // of this task no attempt is told
		attempt.Status, attempt.Ended, attempt.Started = metastore.AttemptSucceeded, at, p.task.Created
		if attempt.Started.After(at) {
			attempt.Started = at
		}
	}
	r := metastore.Record{Attempt: attempt}
	values := make(map[string][]byte) // those that were read
	var infos map[string]mfdata.Info
	for i, x := range list {
		raw, err := json.Marshal(x.artifactNote)
		if err != nil {
			return refused("the artifact %q cannot be noted: %v", x.Name, err)
		}
		r.Notes = append(r.Notes, metastore.Note{
			Run: p.run.ID, Task: p.task.ID, Kind: kindArtifact, Name: x.Name, Value: string(raw), User: x.User, At: h.moment(x.Created),
		})
		ref := mfdata.Reference{Type: x.DSType, Root: strings.TrimPrefix(x.Location, ":root:"), Flow: p.run.Flow, SHA: x.SHA, By: remote.UserOf(q.ctx)}
		if i == 0 {
			infos = mfdata.PlaceOf(ref.By, ref.Type, ref.Root, q.PathValue("flow"), q.PathValue("run"), q.PathValue("step"), q.PathValue("task"), fmt.Sprint(n)).Artifacts()
		}
		art, value := artifactRecord(x, ref, infos[x.Name])
		if value != nil {
			values[x.Name] = value
		}
		if value == nil && (p.task.Step == parametersStep || x.Name == "_exception") {
			if values[x.Name], err = ref.Value(maxRead); err != nil {
				delete(values, x.Name)
			}
		}
		if internals[x.Name] {
			continue
		}
		if at := slices.IndexFunc(r.Artifacts, func(a metastore.Artifact) bool { return a.Name == x.Name }); at >= 0 {
			r.Artifacts[at] = art
			continue
		}
		r.Artifacts = append(r.Artifacts, art)
	}
	if attempt.Status == metastore.AttemptSucceeded && isFalse(values["_success"]) {
		// The step did not come to its end, and yet its task is fine: @catch took the exception.
		attempt.Status = metastore.AttemptCaught
	}
	if attempt.Status == metastore.AttemptFailed || attempt.Status == metastore.AttemptCaught {
		attempt.Exception = exception(values["_exception"])
	}
	for _, other := range a.changed() {
		if other.N != n {
			if err := h.record(metastore.Record{Attempt: other}); err != nil {
				return err
			}
		}
	}
	if err := h.record(r); err != nil {
		return err
	}
	switch {
	case p.task.Step == parametersStep:
		return h.describeFlow(q.ctx, p.run, values)
	case attempt.Status == metastore.AttemptFailed && attempt.Exception != nil:
		return h.tellProblem(q.ctx, p, attempt.Exception)
	}
	return nil
}

// internals are artifacts in which Metaflow keeps its own state. Its client gets them back; they are no results.
var internals = map[string]bool{
	"_configs_processed": true, "_control_mapper_tasks": true, "_control_task_is_mapper_zero": true, "_current_step": true, "_exception": true,
	"_foreach_num_splits": true, "_foreach_stack": true, "_foreach_values": true, "_foreach_var": true, "_graph_info": true,
	"_iteration_stack": true, "_parallel_ubf_iter": true, "_success": true, "_task_ok": true, "_transition": true, "_unbounded_foreach": true,
}

// maxRead is the size in bytes of the largest value that is read to learn of a run.
const maxRead = 4 << 20

// artifactRecord makes a record of what Metaflow says of an artifact. The bytes come with it if they were read.
func artifactRecord(x artifactJSON, ref mfdata.Reference, info mfdata.Info) (metastore.Artifact, []byte) {
	a := metastore.Artifact{Name: x.Name, Codec: "pickle", Type: info.Type, Size: max(info.Size, 0)}
	if !strings.Contains(x.ContentType, "pickle") {
		a.Codec = cmp.Or(x.ContentType, "unknown")
	}
	if a.Size > 0 && a.Size <= metastore.InlineLimit {
		if data, err := ref.Value(metastore.InlineLimit); err == nil {
			a.Inline, a.Size, a.Hash = data, int64(len(data)), sha256.Sum256(data)
			return a, data
		}
	}
	a.Inline = ref.Encode()
	if a.Size == int64(len(a.Inline)) {
		a.Inline = append(a.Inline, ' ') // so that it cannot be taken for the value
	}
	a.Hash = sha256.Sum256(a.Inline)
	return a, nil
}

// isFalse reports whether a pickled value is False.
func isFalse(data []byte) bool {
	v, err := pickle.Decode(data, pickle.Limits{})
	return err == nil && v == false
}

// exception reads what a task left of the exception that ended it, nil if it cannot be read.
func exception(data []byte) *metastore.Exception {
	v, err := pickle.Decode(data, pickle.Limits{Memory: 16 << 20})
	if err != nil {
		return nil
	}
	o, ok := v.(*pickle.Object)
	if !ok {
		return nil
	}
	text := func(name string) string {
		v, _ := o.Get(name)
		s, _ := v.(string)
		return s
	}
	return &metastore.Exception{
		Type: strings.TrimPrefix(text("type"), "builtins."), Message: text("exception"), Traceback: text("stacktrace"),
	}
}

// tellProblem says why the task failed that the run has failed by so far.
func (h *Handler) tellProblem(ctx context.Context, p place, e *metastore.Exception) error {
	run, err := h.c.Store.Run(ctx, p.run.ID)
	if err != nil || run.Status != metastore.RunRunning || run.FailedTask != p.task.ID {
		return err
	}
	message, _, _ := strings.Cut(e.Message, "\n")
	return h.c.Store.EndRun(ctx, run.ID, metastore.RunEnd{
		Status: metastore.RunRunning, FailedTask: p.task.ID,
		Problem: fmt.Sprintf("task %d of step %s failed: %s: %s", p.task.ID, p.task.Step, e.Type, message),
	})
}

// describeFlow takes the parameters and the graph of a run from the values of its parameters' task.
func (h *Handler) describeFlow(ctx context.Context, old metastore.Run, values map[string][]byte) error {
	run, err := h.c.Store.Run(ctx, old.ID)
	if err != nil {
		return err
	}
	flow := flowOf(run, values)
	if flow == nil {
		return nil
	}
	run.Info.Parameters = make(map[string]string)
	for _, p := range flow.Parameters {
		if v, err := pickle.Decode(values[p.Attribute], pickle.Limits{}); err == nil {
			text, ok := v.(string)
			if !ok {
				text = pickle.Repr(v, maxParameter)
			}
			run.Info.Parameters[p.Attribute] = text
		}
	}
	raw, err := json.Marshal(flow)
	if err != nil {
		return fault.Wrap(fault.Internal, "keep the graph of a flow", err)
	}
	ref, blob, err := h.c.Data.KeepApart(ctx, raw)
	if err == nil && blob != nil {
		err = h.record(metastore.Record{Blobs: []metastore.Blob{*blob}})
	}
	if err != nil {
		return err
	}
	return h.c.Store.Describe(ctx, run.ID, run.Info, ref.Hash)
}

// maxParameter is about how many bytes of a parameter's value are shown.
const maxParameter = 1000

func noArtifact(q *request) error {
	return fault.New(fault.NotFound, "task %s has no artifact %s", q.PathValue("task"), q.PathValue("name"))
}
