package api

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/levadahq/levada/internal/fault"
)

// Time is a moment: microseconds since 1970 in UTC, 0 for none.
type Time int64

// TimeOf returns a moment as it travels.
func TimeOf(t time.Time) Time {
	if t.IsZero() {
		return 0
	}
	return Time(t.UnixMicro())
}

// Time returns the moment as Go has it, the zero time for none.
func (t Time) Time() time.Time {
	if t == 0 {
		return time.Time{}
	}
	return time.UnixMicro(int64(t))
}

// Info is what a store says of itself.
type Info struct {
	Home    string `json:"home"`    // the store's folder
	Version string `json:"version"` // of the program that answers
}

// Flow is a flow that has runs.
type Flow struct {
	Name    string `json:"name"`
	Runs    int    `json:"runs"`
	Latest  int64  `json:"latest"`  // newest run
	Created Time   `json:"created"` // of the oldest run
}

// Status is how a run, task or attempt is: "running", "succeeded", "failed", "interrupted" (runs),
// "caught", "killed" (attempts), or "died": it was running when its engine went.
type Status string

// The statuses.
const (
	Running     Status = "running"
	Succeeded   Status = "succeeded"
	Failed      Status = "failed"
	Interrupted Status = "interrupted"
	Died        Status = "died"
	Caught      Status = "caught"
	Killed      Status = "killed"
)

// The statuses that runs, and the last attempts of tasks, have.
var (
	runStatuses  = []Status{Running, Succeeded, Failed, Interrupted, Died}
	taskStatuses = []Status{Running, Succeeded, Caught, Failed, Killed, Died}
)

// checkStatus refuses a status that nothing has.
func checkStatus(of string, known []Status, asked ...Status) error {
	for _, s := range asked {
		if !slices.Contains(known, s) {
			var names []string
			for _, k := range known {
				names = append(names, string(k))
			}
			return fault.New(fault.Usage, "no %s has the status %q: there are %s", of, s, strings.Join(names, ", "))
		}
	}
	return nil
}

// Good reports whether an attempt or a run with this status ended well.
func (s Status) Good() bool { return s == Succeeded || s == Caught }

// Run is one run of a flow.
type Run struct {
	ID         int64    `json:"id"`
	Flow       string   `json:"flow"`
	Status     Status   `json:"status"`
	User       string   `json:"user"`
	Created    Time     `json:"created"`
	Ended      Time     `json:"ended"`            // 0 while it runs; if it died, when its engine was last seen
	Origin     int64    `json:"origin,omitempty"` // run that this one resumes
	FailedTask int64    `json:"failed_task"`      // -1 if none
	Problem    string   `json:"problem,omitempty"`
	Tags       []string `json:"tags"`
	SystemTags []string `json:"system_tags"`
	Code       string   `json:"code,omitempty"` // hash of the code package

	Host        string            `json:"host"`
	CommandLine []string          `json:"command_line"`
	WorkingDir  string            `json:"working_dir"`
	FlowFile    string            `json:"flow_file"`
	GitCommit   string            `json:"git_commit,omitempty"`
	GitDirty    bool              `json:"git_dirty,omitempty"`
	Language    string            `json:"language"`
	Runtime     string            `json:"runtime"` // version of the language
	Interpreter string            `json:"interpreter,omitempty"`
	SDK         string            `json:"sdk"`
	Levada      string            `json:"levada"` // version of the program that ran it
	MaxWorkers  int               `json:"max_workers,omitempty"`
	Isolation   string            `json:"isolation,omitempty"`
	Namespace   string            `json:"namespace,omitempty"`
	Project     string            `json:"project,omitempty"`
	Branch      string            `json:"branch,omitempty"`
	Resumed     string            `json:"resumed,omitempty"`    // step given to resume
	Parameters  map[string]string `json:"parameters,omitempty"` // as text, for people

	StopAsked Time    `json:"stop_asked,omitempty"` // when somebody asked for its end; 0 if nobody did
	Tasks     *Counts `json:"tasks,omitempty"`      // if asked for; without times and that of the parameters
}

// Step is a step that a run has tasks of.
type Step struct {
	Run     int64   `json:"run"`
	Name    string  `json:"name"`
	First   int64   `json:"first"` // its first and its newest task
	Last    int64   `json:"last"`
	Created Time    `json:"created"`          // of the first task
	Counts  *Counts `json:"counts,omitempty"` // if they were asked for
}

// Counts is how many tasks a step, or a run, has by the status of their last attempt.
type Counts struct {
	Running   int `json:"running"`
	Succeeded int `json:"succeeded"` // caught ones too
	Caught    int `json:"caught"`    // of those that succeeded: @catch took what they raised
	Failed    int `json:"failed"`
	Killed    int `json:"killed"`
	Died      int `json:"died"`
	// Waiting is how many more tasks are known to come: those that the foreaches and gangs opened so far will have, in
	// each of their steps, and that have not been launched. Of a run that ended before they were, those that it left
	// out. Of a foreach within another that is known only once its own step is done, and never of what follows a
	// switch, so it may grow. The steps outside of foreaches are not in it.
	Waiting int  `json:"waiting"`
	Started Time `json:"started"` // first start and last end of an attempt of the step; 0 if there is none
	Ended   Time `json:"ended"`
}

// Tasks is how many there are: those that were launched.
func (c Counts) Tasks() int { return c.Running + c.Succeeded + c.Failed + c.Killed + c.Died }

// Task is a task with its attempts.
type Task struct {
	Run       int64     `json:"run"`
	ID        int64     `json:"id"`
	Step      string    `json:"step"`
	Created   Time      `json:"created"`
	Origin    int64     `json:"origin,omitempty"`    // run in which it really ran, if a resumed run took it over
	Iteration int       `json:"iteration,omitempty"` // of a step that chose itself
	Stack     []Frame   `json:"stack,omitempty"`     // the foreaches and gangs around it, outermost first
	Attempts  []Attempt `json:"attempts"`            // in order; none if none has started
	Finished  bool      `json:"finished"`            // it ended, well or not, and will not be tried again
}

// Latest returns the last attempt, nil if none has started.
func (t *Task) Latest() *Attempt {
	if len(t.Attempts) == 0 {
		return nil
	}
	return &t.Attempts[len(t.Attempts)-1]
}

// Frame is one foreach or gang around a task.
type Frame struct {
	Step  string `json:"step"`          // that opened it
	Task  int64  `json:"task"`          // that opened it
	Var   string `json:"var,omitempty"` // attribute that is iterated
	Index int    `json:"index"`
	Count int    `json:"count"`
	Gang  bool   `json:"gang,omitempty"`
}

// Attempt is one try at a task.
type Attempt struct {
	N            int        `json:"n"` // from 0
	Status       Status     `json:"status"`
	PID          int        `json:"pid,omitempty"`
	Started      Time       `json:"started"`
	Ended        Time       `json:"ended"`               // 0 while it runs; if it died, when its engine was last seen
	ExitCode     int        `json:"exit_code,omitempty"` // -1 if a signal ended it
	Signal       int        `json:"signal,omitempty"`
	UserCPU      float64    `json:"user_cpu"` // seconds
	SystemCPU    float64    `json:"system_cpu"`
	PeakMemory   int64      `json:"peak_memory"` // bytes
	MemorySource string     `json:"memory_source,omitempty"`
	GPUs         []string   `json:"gpus,omitempty"`  // that it was given, as CUDA_VISIBLE_DEVICES names them
	Value        string     `json:"value,omitempty"` // short form of the foreach element it worked on
	LogLines     int64      `json:"log_lines"`
	LogBytes     int64      `json:"log_bytes"`
	Exception    *Exception `json:"exception,omitempty"`
}

// Exception is what the user's code raised.
type Exception struct {
	Type      string `json:"type"`
	Message   string `json:"message"`
	Traceback string `json:"traceback"`
}

// TaskArtifacts is the artifacts of one attempt of a task.
type TaskArtifacts struct {
	Task      int64      `json:"task"`
	Attempt   int        `json:"attempt"` // -1 if the task has none that ended
	Ended     Time       `json:"ended"`   // of the attempt
	Artifacts []Artifact `json:"artifacts"`
}

// Artifact is the record of a value.
type Artifact struct {
	Name  string `json:"name"`
	Hash  string `json:"hash"` // SHA-256 of the encoded bytes, hexadecimal
	Size  int64  `json:"size"` // of the encoded bytes
	Codec string `json:"codec"`
	Type  string `json:"type"` // as its language names it
}

// ValueRef names a value. Attempt -1 is the last that ended.
type ValueRef struct {
	Task    int64  `json:"task"`
	Attempt int    `json:"attempt"`
	Name    string `json:"name"`
}

// Value is an artifact with its encoded bytes, which are in one of two places: the next Length
// bytes of the result's Data, or the file Path. If neither holds them (Large), they are read as a stream.
type Value struct {
	Found bool `json:"found"`
	Artifact
	Length int    `json:"length"`
	Path   string `json:"path,omitempty"`  // must not be written to
	Large  bool   `json:"large,omitempty"` // use Service.OpenValue
}

// LogLine is a line of a log, or a part of a long one. Its text is the next Length bytes of
// the result's Data, without the newline.
type LogLine struct {
	Time    Time `json:"time"`
	Stderr  bool `json:"stderr,omitempty"`
	Length  int  `json:"length"`
	Newline bool `json:"newline"` // whether the line ended here
}

// Metadatum is one thing known of a task, by name.
type Metadatum struct {
	Name    string `json:"name"`
	Value   string `json:"value"`
	Type    string `json:"type"`
	Created Time   `json:"created"`
	Attempt int    `json:"attempt"`
}

// TaskRef names a task of a run that is known.
type TaskRef struct {
	Step string `json:"step"`
	ID   int64  `json:"id"`
}

// Code is the code package of a run.
type Code struct {
	Hash   string `json:"hash"`
	Size   int64  `json:"size"` // of the stored bytes
	Script string `json:"script"`
	Flow   string `json:"flow"`
}

// Requests and results. A request with a Cursor begins where the result with that Next ended; an
// empty Next says that there is no more. Limit 0 is a page of usual size.

// FlowsRequest asks for the flows that have runs in a namespace, sorted by name.
type FlowsRequest struct {
	Namespace string `json:"namespace"` // "user:ann", or any tag; empty for all runs
}

// FlowsResult answers it.
type FlowsResult struct {
	Flows []Flow `json:"flows"`
}

// NamesResult is what runs can be asked for by: the users that have runs, and the tags that users gave
// them, each sorted. Of very many the first.
type NamesResult struct {
	Users []string `json:"users"`
	Tags  []string `json:"tags"`
}

// RunsRequest asks for runs, newest first. Zero fields do not select.
type RunsRequest struct {
	Flow       OneOf[string]     `json:"flow"`
	Namespace  string            `json:"namespace"`
	Tags       []string          `json:"tags"` // all of them, user or system
	User       OneOf[string]     `json:"user"`
	Status     OneOf[Status]     `json:"status"`
	Parameters map[string]string `json:"parameters"` // all of them, as Run.Parameters shows them
	After      Time              `json:"after"`      // created then or later
	Before     Time              `json:"before"`     // created before then
	// Q finds runs as one types: the beginning of an id, or a part of a flow, a user, a tag or a parameter's
	// value, whatever the case. Parameters are looked at in the newest metastore.SearchedParameters runs, the
	// first metastore.SearchedValue characters.
	Q      string `json:"q"`
	Counts bool   `json:"counts"` // count the tasks of each run
	Cursor string `json:"cursor"`
	Limit  int    `json:"limit"`
}

// OneOf is a choice: any of some things will do. None does not select. In JSON it may be one thing or a list.
type OneOf[T ~string] []T

// One is the choice of one thing, or none if it is empty.
func One[T ~string](v T) OneOf[T] {
	if v == "" {
		return nil
	}
	return OneOf[T]{v}
}

// UnmarshalJSON reads one thing or a list. An empty text is nothing.
func (o *OneOf[T]) UnmarshalJSON(data []byte) error {
	*o = nil
	if len(data) > 0 && data[0] == '"' {
		var one T
		err := json.Unmarshal(data, &one)
		if one != "" {
			*o = OneOf[T]{one}
		}
		return err
	}
	return json.Unmarshal(data, (*[]T)(o))
}

// RunsResult answers it.
type RunsResult struct {
	Runs []Run  `json:"runs"`
	Next string `json:"next"`
}

// RunRequest asks for one run.
type RunRequest struct {
	Run    int64 `json:"run"`
	Counts bool  `json:"counts"` // count its tasks, where the answer is the run
}

// StepsRequest asks for the steps that a run has tasks of, in the order of their first tasks,
// that of the parameters included.
type StepsRequest struct {
	Run    int64 `json:"run"`
	Counts bool  `json:"counts"` // count their tasks; takes longer the more there are
}

// StepsResult answers it.
type StepsResult struct {
	Steps []Step `json:"steps"`
}

// TasksRequest asks for tasks of a run, newest first unless Oldest.
type TasksRequest struct {
	Run    int64   `json:"run"`
	Step   string  `json:"step"`   // empty for all steps
	IDs    []int64 `json:"ids"`    // only these; nil for all
	Status Status  `json:"status"` // of the last attempt; empty for all
	Oldest bool    `json:"oldest"`
	Cursor string  `json:"cursor"`
	Limit  int     `json:"limit"`
}

// TasksResult answers it.
type TasksResult struct {
	Tasks []Task `json:"tasks"`
	Next  string `json:"next"`
}

// ArtifactsRequest asks for the artifacts of tasks of a run, inherited ones included, by name.
type ArtifactsRequest struct {
	Run     int64    `json:"run"`
	Tasks   []int64  `json:"tasks"`
	Attempt *int     `json:"attempt"` // nil: of each task the last attempt, if it has ended
	Names   []string `json:"names"`   // only these; nil for all
}

// ArtifactsResult answers it, in the order of the request's tasks.
type ArtifactsResult struct {
	Tasks []TaskArtifacts `json:"tasks"`
}

// ValuesRequest asks for values of a run. One that does not exist is not an error: it is not Found.
type ValuesRequest struct {
	Run    int64      `json:"run"`
	Values []ValueRef `json:"values"`
	Local  bool       `json:"local"` // the reader is on this machine: plain files may be named instead of sent
	Max    int64      `json:"max"`   // values of more bytes are not read, and are Large; 0 reads all that fit
}

// ValuesResult answers it, in the order of the request. It may stop early, where the frame would
// become too large: the rest is asked for again.
type ValuesResult struct {
	Values []Value `json:"values"`
	Data   []byte  `json:"-"`
}

// OpenValueRequest asks for the bytes of one value as a stream.
type OpenValueRequest struct {
	Run int64 `json:"run"`
	ValueRef
}

// LogRequest asks for the log of an attempt.
type LogRequest struct {
	Run     int64  `json:"run"`
	Task    int64  `json:"task"`
	Attempt int    `json:"attempt"` // -1: the last
	Stream  string `json:"stream"`  // "stdout", "stderr" or empty for both
	Cursor  string `json:"cursor"`
	Limit   int    `json:"limit"` // lines
}

// LogResult answers it. An attempt that wrote nothing, or does not exist, has no lines. Next is empty at
// the present end of the log; of an attempt that still runs, End is the cursor from which to ask for more.
type LogResult struct {
	Lines []LogLine `json:"lines"`
	Next  string    `json:"next"`
	End   string    `json:"end"`
	Data  []byte    `json:"-"`
}

// MetadataRequest asks for what is known of a task by name.
type MetadataRequest struct {
	Run     int64 `json:"run"`
	Task    int64 `json:"task"`
	Attempt *int  `json:"attempt"` // nil: of all attempts
}

// MetadataResult answers it.
type MetadataResult struct {
	Metadata []Metadatum `json:"metadata"`
}

// RelatedRequest asks which tasks came right before a task and right after it.
type RelatedRequest struct {
	Run  int64 `json:"run"`
	Task int64 `json:"task"`
}

// RelatedResult answers it, in the order of branches.
type RelatedResult struct {
	Parents  []TaskRef `json:"parents"`
	Children []TaskRef `json:"children"`
}

// SiblingsRequest asks where a task is among those of its step: of a foreach, a gang or a loop.
type SiblingsRequest struct {
	Run  int64 `json:"run"`
	Task int64 `json:"task"`
}

// SiblingsResult answers it, in the order of ids.
type SiblingsResult struct {
	Position int    `json:"position"` // from 1
	Count    int    `json:"count"`    // tasks of the step, those included that are known to come
	Previous *int64 `json:"previous"` // null: there is none
	Next     *int64 `json:"next"`
}

// TagsRequest removes and then adds user tags of a run.
type TagsRequest struct {
	Run    int64    `json:"run"`
	Remove []string `json:"remove"`
	Add    []string `json:"add"`
}

// TagsResult is the tags after that.
type TagsResult struct {
	Tags       []string `json:"tags"`
	SystemTags []string `json:"system_tags"`
}

// GraphResult is the graph of a run's flow, in the shape of _graph_info.
type GraphResult struct {
	Graph json.RawMessage `json:"graph"`
}
