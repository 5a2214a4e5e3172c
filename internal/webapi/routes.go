package webapi

import (
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/levadahq/levada/internal/api"
	"github.com/levadahq/levada/internal/fault"
)

const (
	aRun  = "/runs/{run}"
	aTask = "/runs/{run}/tasks/{task}"
)

// routes is the API.
var routes = []route{
	{method: "GET", path: "/info", about: "What the store is.", result: api.Info{},
		answer: ask(func(*request) (none struct{}) { return }, (*api.Service).Info)},
	{method: "GET", path: "/flows", about: "The flows that have runs.", query: "namespace", result: api.FlowsResult{},
		answer: ask(func(r *request) api.FlowsRequest { return api.FlowsRequest{Namespace: r.text("namespace")} }, (*api.Service).Flows)},
	{method: "GET", path: "/names", about: "The users that have runs, and the tags that users gave them. Of very many the first.", result: api.NamesResult{},
		answer: ask(func(*request) (none struct{}) { return }, (*api.Service).Names)},

	{method: "GET", path: "/runs", about: "Runs, the newest first, with their tasks counted.",
		query: "flow user tag status parameter after before q cursor limit", result: api.RunsResult{},
		answer: ask(readRuns, (*api.Service).Runs)},
	{method: "GET", path: aRun, about: "A run.", result: api.Run{},
		answer: ask(func(r *request) api.RunRequest { return api.RunRequest{Run: r.id("run"), Counts: true} }, (*api.Service).Run)},
	{method: "GET", path: aRun + "/steps", about: "The steps that a run has tasks of, with their tasks counted.", result: api.StepsResult{},
		answer: ask(func(r *request) api.StepsRequest { return api.StepsRequest{Run: r.id("run"), Counts: true} }, (*api.Service).Steps)},
	{method: "GET", path: aRun + "/graph", about: "The graph of the run's flow.", result: api.GraphResult{},
		answer: ask(readRun, (*api.Service).Graph)},
	{method: "GET", path: aRun + "/timeline", about: "The attempts of a run's tasks, in columns.", query: "step cursor limit", result: api.Timeline{},
		answer: ask(func(r *request) api.TimelineRequest {
			return api.TimelineRequest{Run: r.id("run"), Step: r.text("step"), Cursor: r.text("cursor"), Limit: r.int("limit", 0)}
		}, (*api.Service).Timeline)},
	{method: "GET", path: aRun + "/events", about: "What happens in a run, as server-sent events: run, steps, rows (new and changed rows of the timeline), reset.", result: media("text/event-stream"),
		answer: (*API).runEvents},
	{method: "GET", path: aRun + "/tasks", about: "The tasks of a run.", query: "step status id order cursor limit", result: api.TasksResult{},
		answer: ask(readTasks, (*api.Service).Tasks)},
	{method: "GET", path: aRun + "/cards", about: "The cards of a run's tasks.", query: "step", result: api.CardsResult{},
		answer: ask(func(r *request) api.CardsRequest { return api.CardsRequest{Run: r.id("run"), Step: r.text("step")} }, (*api.Service).Cards)},
	{method: "GET", path: aRun + "/code", about: "The code of a run.", result: api.Code{}, answer: ask(readRun, (*api.Service).Code)},
	{method: "GET", path: aRun + "/code/files", about: "The files of a run's code.", result: api.CodeFilesResult{}, answer: ask(readRun, (*api.Service).CodeFiles)},
	{method: "GET", path: aRun + "/code/file", about: "A file of a run's code.", query: "path", result: media("text/plain"), answer: (*API).codeFile},
	{method: "GET", path: aRun + "/code.tar", about: "A run's code as a tar archive.", result: media("application/x-tar"), answer: (*API).code},
	{method: "PATCH", path: aRun + "/tags", about: "Removes, then adds, user tags of a run.", body: tagChange{}, result: api.TagsResult{},
		answer: act(http.StatusOK, func(r *request) api.TagsRequest {
			var c tagChange
			r.decode(&c)
			return api.TagsRequest{Run: r.id("run"), Add: c.Add, Remove: c.Remove}
		}, (*api.Service).ChangeTags)},
	{method: "POST", path: aRun + "/cancel", about: "Asks a run to end, as Ctrl-C does.", body: struct{}{}, result: api.CancelResult{}, status: http.StatusAccepted,
		answer: act(http.StatusAccepted, func(r *request) api.RunRequest {
			r.decode(&struct{}{})
			return readRun(r)
		}, (*api.Service).Cancel)},
	{method: "POST", path: aRun + "/resume", about: "Resumes a run, in a process of its own on the server's machine.", body: resume{}, result: api.ResumeResult{}, status: http.StatusAccepted,
		answer: act(http.StatusAccepted, func(r *request) api.ResumeRequest {
			var c resume
			r.decode(&c)
			return api.ResumeRequest{Run: r.id("run"), Step: c.Step}
		}, (*api.Service).Resume)},

	{method: "GET", path: aTask, about: "A task with its attempts.", result: api.Task{}, answer: (*API).task},
	{method: "GET", path: aTask + "/related", about: "The tasks right before and right after a task.", result: api.RelatedResult{},
		answer: ask(func(r *request) api.RelatedRequest { return api.RelatedRequest{Run: r.id("run"), Task: r.id("task")} }, (*api.Service).Related)},
	{method: "GET", path: aTask + "/siblings", about: "Where a task is among those of its step.", result: api.SiblingsResult{},
		answer: ask(func(r *request) api.SiblingsRequest { return api.SiblingsRequest{Run: r.id("run"), Task: r.id("task")} }, (*api.Service).Siblings)},
	{method: "GET", path: aTask + "/metadata", about: "What is known of a task by name.", query: "attempt", result: api.MetadataResult{},
		answer: ask(func(r *request) api.MetadataRequest {
			return api.MetadataRequest{Run: r.id("run"), Task: r.id("task"), Attempt: r.attempt()}
		}, (*api.Service).Metadata)},
	{method: "GET", path: aTask + "/artifacts", about: "The artifacts of a task, inherited ones included.", query: "attempt name", result: api.TaskArtifacts{}, answer: (*API).artifacts},
	{method: "GET", path: aTask + "/artifacts/{name}", about: "The encoded bytes of an artifact.", query: "attempt", result: media("application/octet-stream"), answer: (*API).value},
	{method: "GET", path: aTask + "/artifacts/{name}/preview", about: "An artifact as it is shown to people.", query: "attempt", result: api.PreviewResult{},
		answer: ask(readValue, (*api.Service).Preview)},
	{method: "GET", path: aTask + "/artifacts/{name}/image", about: "The picture that an artifact is.", query: "attempt", result: media("image/png"), answer: (*API).image},
	{method: "GET", path: aTask + "/log", about: "Lines of an attempt's log.", query: "attempt stream cursor limit", result: logPage{}, answer: (*API).log},
	{method: "GET", path: aTask + "/log.txt", about: "An attempt's log as a file.", query: "attempt stream timestamps", result: media("text/plain"), answer: (*API).logFile},
	{method: "GET", path: aTask + "/log/events", about: "What a task prints, as server-sent events: lines, task, end. The id of an event is the cursor behind it.", query: "attempt stream cursor", result: media("text/event-stream"),
		answer: (*API).logEvents},
	{method: "GET", path: aTask + "/usage", about: "What a step asked for and an attempt used.", query: "attempt", result: api.UsageResult{},
		answer: ask(func(r *request) api.UsageRequest {
			return api.UsageRequest{Run: r.id("run"), Task: r.id("task"), Attempt: r.int("attempt", -1)}
		}, (*api.Service).Usage)},
	{method: "GET", path: aTask + "/cards", about: "The cards of a task.", result: api.CardsResult{},
		answer: ask(func(r *request) api.CardsRequest {
			t := r.id("task")
			return api.CardsRequest{Run: r.id("run"), Task: &t}
		}, (*api.Service).Cards)},
	{method: "GET", path: aTask + "/cards/{card}", about: "A card: a page with an origin of its own.", result: media("text/html"), answer: (*API).card},

	{method: "GET", path: "/metrics", about: "The numbers that runs of a flow ended with.", query: "flow step tag user status after before cursor limit", result: api.MetricsResult{},
		answer: ask(func(r *request) api.MetricsRequest {
			return api.MetricsRequest{Flow: r.text("flow"), Step: r.text("step"), Tags: r.query["tag"], User: r.text("user"), Status: api.Status(r.text("status")),
				After: r.time("after"), Before: r.time("before"), Cursor: r.text("cursor"), Limit: r.int("limit", 0)}
		}, (*api.Service).Metrics)},
	{method: "GET", path: "/events", about: "What happens to runs, as server-sent events: run (one that is new or has changed), removed (a run that was among the newest), reset.", result: media("text/event-stream"), answer: (*API).allEvents},
	{method: "POST", path: "/call/{method}", about: "A method of the RPC: its parameters as JSON; one line of JSON and the bytes that travel beside it come back.", body: json.RawMessage{}, result: media("application/octet-stream"), answer: (*API).call},
}

// tagChange is the body of a change of tags.
type tagChange struct {
	Add    []string `json:"add"`
	Remove []string `json:"remove"`
}

// resume is the body of a resume.
type resume struct {
	Step string `json:"step"` // run it again, and all after it; empty: only what is missing
}

func readRun(r *request) api.RunRequest { return api.RunRequest{Run: r.id("run")} }

func readRuns(r *request) api.RunsRequest {
	q := api.RunsRequest{
		Flow: r.query["flow"], User: r.query["user"], Tags: r.query["tag"], Q: r.text("q"),
		After: r.time("after"), Before: r.time("before"), Cursor: r.text("cursor"), Limit: r.int("limit", 0), Counts: true,
	}
	for _, status := range r.query["status"] {
		q.Status = append(q.Status, api.One(api.Status(status))...) // an empty one is none, as of other routes
	}
	for _, p := range r.query["parameter"] {
		name, value, ok := strings.Cut(p, "=")
		if !ok {
			r.bad("parameter=%q does not say which value: write parameter=NAME=VALUE", p)
		}
		if q.Parameters == nil {
			q.Parameters = map[string]string{}
		}
		if other, twice := q.Parameters[name]; twice && other != value {
			r.bad("parameter %q cannot have two values in one run: %q and %q", name, other, value)
		}
		q.Parameters[name] = value
	}
	return q
}

func readTasks(r *request) api.TasksRequest {
	q := api.TasksRequest{
		Run: r.id("run"), Step: r.text("step"), Status: api.Status(r.text("status")), IDs: r.ids("id"), Cursor: r.text("cursor"), Limit: r.int("limit", 0),
	}
	switch order := r.text("order"); order {
	case "oldest":
		q.Oldest = true
	case "", "newest":
	default:
		r.bad("order=%q is neither newest nor oldest", order)
	}
	return q
}

func readValue(r *request) api.OpenValueRequest {
	return api.OpenValueRequest{Run: r.id("run"), ValueRef: api.ValueRef{Task: r.id("task"), Attempt: r.int("attempt", -1), Name: r.PathValue("name")}}
}

func (a *API) task(r *request) error {
	run, id := r.id("run"), r.id("task")
	if r.err != nil {
		return r.err
	}
	res, err := a.API.Tasks(r.Context(), api.TasksRequest{Run: run, IDs: []int64{id}})
	if err != nil {
		return err
	}
	if len(res.Tasks) == 0 {
		return fault.New(fault.NotFound, "run %d has no task %d", run, id)
	}
	return r.json(http.StatusOK, res.Tasks[0])
}

func (a *API) artifacts(r *request) error {
	q := api.ArtifactsRequest{Run: r.id("run"), Tasks: []int64{r.id("task")}, Attempt: r.attempt(), Names: r.query["name"]}
	if r.err != nil {
		return r.err
	}
	res, err := a.API.Artifacts(r.Context(), q)
	if err != nil {
		return err
	}
	return r.json(http.StatusOK, res.Tasks[0])
}

func (a *API) value(r *request) error {
	q := readValue(r)
	if r.err != nil {
		return r.err
	}
	src, err := a.API.OpenValue(r.Context(), q)
	if err != nil {
		return err
	}
	return r.stream("application/octet-stream", q.Name, src)
}

func (a *API) image(r *request) error {
	q := readValue(r)
	if r.err != nil {
		return r.err
	}
	img, err := a.API.OpenImage(r.Context(), q)
	if err != nil {
		return err
	}
	r.w.Header().Set("Content-Type", img.MediaType)
	r.w.Header().Set("Cache-Control", "no-cache")
	r.w.Write(img.Data)
	return nil
}

// logPage is a page of a log with its text in it.
type logPage struct {
	Lines []logLine `json:"lines"`
	Next  string    `json:"next"`
	End   string    `json:"end"`
}

// logLine is a line of a log, or a part of a long one.
type logLine struct {
	Time    api.Time `json:"time"`
	Stderr  bool     `json:"stderr,omitempty"`
	Text    string   `json:"text"`
	Newline bool     `json:"newline"` // whether the line ended here
}

func pageOf(res api.LogResult) logPage {
	p := logPage{Lines: make([]logLine, len(res.Lines)), Next: res.Next, End: res.End}
	data := res.Data
	for i, l := range res.Lines {
		p.Lines[i] = logLine{l.Time, l.Stderr, strings.ToValidUTF8(string(data[:l.Length]), "�"), l.Newline}
		data = data[l.Length:]
	}
	return p
}

// usualLines is how many lines a page of a log has if the request does not say.
const usualLines = 5000

func readLog(r *request) api.LogRequest {
	return api.LogRequest{
		Run: r.id("run"), Task: r.id("task"), Attempt: r.int("attempt", -1), Stream: r.text("stream"), Cursor: r.text("cursor"), Limit: r.int("limit", usualLines),
	}
}

func (a *API) log(r *request) error {
	q := readLog(r)
	if r.err != nil {
		return r.err
	}
	res, err := a.API.Log(r.Context(), q)
	if err != nil {
		return err
	}
	return r.json(http.StatusOK, pageOf(res))
}

func (a *API) logFile(r *request) error {
	q, stamps := readLog(r), r.flag("timestamps")
	if r.err != nil {
		return r.err
	}
	lines, err := a.API.ReadLog(r.Context(), q)
	if err != nil {
		return err
	}
	var out *output
	begin := func() {
		r.w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		name := "run-" + r.PathValue("run") + "-task-" + r.PathValue("task") + ".log"
		r.w.Header().Set("Content-Disposition", `attachment; filename="`+name+`"`)
		out = r.output(true)
	}
	begins := true // the next is the beginning of a line
	for l, err := range lines {
		switch {
		case err != nil && out == nil:
			return err
		case err != nil:
			panic(http.ErrAbortHandler) // so that the reader sees that it is not whole
		case out == nil:
			begin()
		}
		if stamps && begins {
			out.WriteString(l.Time.Format(time.RFC3339Nano) + " ")
		}
		out.Write(l.Text)
		if begins = l.Newline; begins {
			if out.WriteByte('\n') != nil {
				return nil // the reader is gone
			}
		}
	}
	if out == nil {
		begin()
	}
	out.Close() // an error means that the reader is gone
	return nil
}

// sandbox gives a card an origin of its own wherever it is opened.
const sandbox = "sandbox allow-scripts allow-popups allow-popups-to-escape-sandbox"

func (a *API) card(r *request) error {
	q := api.OpenCardRequest{Run: r.id("run"), Task: r.id("task"), UUID: r.PathValue("card")}
	if r.err != nil {
		return r.err
	}
	src, err := a.API.OpenCard(r.Context(), q)
	if err != nil {
		return err
	}
	defer src.Close()
	html, err := io.ReadAll(src)
	if err != nil {
		return fault.Wrap(fault.Internal, "read the card", err)
	}
	r.w.Header().Set("Content-Security-Policy", sandbox)
	r.w.Header().Set("Content-Type", "text/html; charset=utf-8")
	if r.known(html) { // a page that shows the card of a running task asks for it again and again
		return nil
	}
	out := r.output(true)
	out.Write(html)
	out.Close() // an error means that the reader is gone
	return nil
}

func (a *API) code(r *request) error {
	q := readRun(r)
	if r.err != nil {
		return r.err
	}
	src, err := a.API.OpenCode(r.Context(), q)
	if err != nil {
		return err
	}
	return r.stream("application/x-tar", "run-"+strconv.FormatInt(q.Run, 10)+"-code.tar", src)
}

func (a *API) codeFile(r *request) error {
	q := api.CodeFileRequest{Run: r.id("run"), Path: r.text("path")}
	if r.err != nil {
		return r.err
	}
	src, err := a.API.OpenCodeFile(r.Context(), q)
	if err != nil {
		return err
	}
	return r.stream("text/plain; charset=utf-8", "", src)
}

// maxCall is the size in bytes of the largest request of the RPC.
const maxCall = 16 << 20

func (a *API) call(r *request) error {
	if r.isJSON(); r.err != nil { // so that no page of another server can send it without being asked first
		return r.err
	}
	params, err := io.ReadAll(http.MaxBytesReader(r.w, r.Body, maxCall))
	if err != nil {
		return fault.Wrap(fault.Usage, "read the request", err)
	}
	if len(params) > 0 && !json.Valid(params) {
		return fault.New(fault.Usage, "the body of the request is not JSON")
	}
	name := r.PathValue("method")
	res, err := a.API.CallStrictly(r.Context(), name, params)
	if err != nil {
		return err
	}
	if src, ok := res.(io.ReadCloser); ok {
		r.w.Header().Set("X-Levada-Result", "stream")
		return r.stream("application/octet-stream", "", src)
	}
	text, err := json.Marshal(res)
	if err != nil {
		return fault.Wrap(fault.Internal, "write the answer", err)
	}
	r.w.Header().Set("Content-Type", "application/octet-stream")
	r.w.Header().Set("X-Levada-Result", "json")
	r.w.Write(append(text, '\n'))
	r.w.Write(api.Body(res))
	return nil
}
