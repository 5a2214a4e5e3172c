package api

import (
	"encoding/json"
	"io"
	"math"
)

// The requests and results of those who look at runs: what a page shows, and what it asks a run to do.

// TimelineRequest asks for the attempts of a run in the order of their tasks. With the End of an earlier
// answer as its Cursor it asks for what is new or has changed since, at a cost in proportion to that.
type TimelineRequest struct {
	Run    int64  `json:"run"`
	Step   string `json:"step"` // empty for all steps
	Cursor string `json:"cursor"`
	Limit  int    `json:"limit"` // tasks
}

// Timeline answers it, one row an attempt. An attempt may come again: its last row counts. While Next is not
// empty there is more at once; else End is the cursor from which to ask for more, empty if no more can come.
type Timeline struct {
	Steps    []string     `json:"steps"`
	Statuses []Status     `json:"statuses"`
	Rows     TimelineRows `json:"rows"`
	Next     string       `json:"next"`
	End      string       `json:"end"`
}

// TimelineRows is rows by column; all columns have the same length.
type TimelineRows struct {
	Task    []int64  `json:"task"`
	Step    []int    `json:"step"` // index in Steps
	Attempt []int    `json:"attempt"`
	Status  []int    `json:"status"` // index in Statuses
	Started []Time   `json:"started"`
	Ended   []Time   `json:"ended"` // 0 while it runs
	Value   []string `json:"value"` // short form of the foreach element, or ""
}

// Len is the number of rows.
func (r *TimelineRows) Len() int { return len(r.Task) }

// PreviewRequest asks what an artifact looks like. Attempt -1 is the last that ended.
type PreviewRequest struct {
	Run int64 `json:"run"`
	ValueRef
}

// PreviewKind is how a preview is to be shown.
type PreviewKind string

// The kinds of previews, with the fields of [Preview] that they have beside Type, Size and Text.
const (
	PreviewNumber  PreviewKind = "number" // Number
	PreviewText    PreviewKind = "text"   // Text is the text itself
	PreviewBool    PreviewKind = "bool"
	PreviewNone    PreviewKind = "none"
	PreviewTable   PreviewKind = "table"   // Columns, Rows, TotalRows
	PreviewArray   PreviewKind = "array"   // Shape, DType, Values
	PreviewImage   PreviewKind = "image"   // MediaType; its bytes: Service.OpenImage
	PreviewJSON    PreviewKind = "json"    // Text is JSON
	PreviewBytes   PreviewKind = "bytes"   // Text is a hex dump
	PreviewUnknown PreviewKind = "unknown" // Text tells the class
)

// Preview is what an artifact looks like. Nothing of it was executed to find out.
type Preview struct {
	Kind      PreviewKind `json:"kind"`
	Type      string      `json:"type"` // as its language names it
	Hash      string      `json:"hash"`
	Size      int64       `json:"size"` // of the encoded bytes
	Text      string      `json:"text"`
	Truncated bool        `json:"truncated"` // there is more of it than this shows
	Number    *Float      `json:"number,omitempty"`
	Columns   []string    `json:"columns,omitempty"`
	Rows      [][]string  `json:"rows,omitempty"` // the first ones
	TotalRows int64       `json:"total_rows,omitempty"`
	Shape     []int64     `json:"shape,omitempty"`
	DType     string      `json:"dtype,omitempty"`
	Values    []Float     `json:"values,omitempty"` // evenly sampled, in the order of the array
	MediaType string      `json:"media_type,omitempty"`
}

// Float is a number as JSON has it: null if it is not a finite one.
type Float float64

// MarshalJSON writes null for what JSON has no number for.
func (f Float) MarshalJSON() ([]byte, error) {
	if math.IsNaN(float64(f)) || math.IsInf(float64(f), 0) {
		return []byte("null"), nil
	}
	return json.Marshal(float64(f))
}

// UnmarshalJSON reads null as NaN.
func (f *Float) UnmarshalJSON(data []byte) error {
	if string(data) == "null" {
		*f = Float(math.NaN())
		return nil
	}
	return json.Unmarshal(data, (*float64)(f))
}

// Image is the bytes of an image.
type Image struct {
	io.ReadCloser
	MediaType string
	Hash      string
}

// UsageRequest asks what an attempt of a task used. Attempt -1 is the last.
type UsageRequest struct {
	Run     int64 `json:"run"`
	Task    int64 `json:"task"`
	Attempt int   `json:"attempt"`
}

// Usage answers it. An attempt of less than a second has no samples.
type Usage struct {
	Attempt      int          `json:"attempt"` // -1: none has started
	Requested    Requested    `json:"requested"`
	Samples      UsageSamples `json:"samples"`
	PeakMemory   int64        `json:"peak_memory"` // bytes
	CPUSeconds   float64      `json:"cpu_seconds"`
	MemorySource string       `json:"memory_source"`
}

// Requested is what a step asks for with @resources.
type Requested struct {
	CPU    float64 `json:"cpu"`
	Memory int64   `json:"memory"` // bytes; 0: it does not say
	GPU    float64 `json:"gpu"`
}

// UsageSamples is what was measured over the life of an attempt, by column.
type UsageSamples struct {
	Time   []Time    `json:"time"`   // the end of what the sample stands for
	CPU    []float64 `json:"cpu"`    // cores used on average since the sample before
	Memory []int64   `json:"memory"` // most bytes seen since then
}

// MetricsRequest asks for numbers that the runs of a flow left as artifacts, newest runs first.
type MetricsRequest struct {
	Flow   string        `json:"flow"`
	Names  []string      `json:"names"` // only these; nil for all
	Step   string        `json:"step"`  // of its last task; empty: of the step that the flow ends with
	Tags   []string      `json:"tags"`
	User   OneOf[string] `json:"user"`
	Status OneOf[Status] `json:"status"`
	After  Time          `json:"after"`
	Before Time          `json:"before"`
	Cursor string        `json:"cursor"`
	Limit  int           `json:"limit"` // runs
}

// MetricsResult answers it. Names are the numeric artifacts of these runs, sorted, whatever the request asked for.
type MetricsResult struct {
	Names  []string      `json:"names"`
	Points []MetricPoint `json:"points"`
	Next   string        `json:"next"`
}

// MetricPoint is a run with its numbers: ints, floats, bools and numpy's scalars.
type MetricPoint struct {
	Run        int64             `json:"run"`
	Created    Time              `json:"created"`
	Status     Status            `json:"status"`
	Parameters map[string]string `json:"parameters"`
	Tags       []string          `json:"tags"`
	Values     map[string]Float  `json:"values"`
}

// CompareRequest asks how runs differ.
type CompareRequest struct {
	Runs []int64 `json:"runs"` // at most MaxCompared
}

// MaxCompared is how many runs are compared at once.
const MaxCompared = 20

// CompareResult answers it. All lists that have an element a run are in the order of the request.
type CompareResult struct {
	Runs       []Run                `json:"runs"`
	Parameters map[string][]*string `json:"parameters"` // null: the run has none of that name
	Artifacts  []ComparedArtifact   `json:"artifacts"`  // of the last task of the steps that the flows end with, by name
	Code       []ComparedFile       `json:"code"`       // the files that are not the same in all runs whose code was kept
	CodeKept   []bool               `json:"code_kept"`
}

// ComparedArtifact is an artifact in several runs.
type ComparedArtifact struct {
	Name   string     `json:"name"`
	Step   string     `json:"step"`
	Values []*Preview `json:"values"` // null: the run has none
	Same   bool       `json:"same"`   // all runs have it, and the same
}

// ComparedFile is a file of the code in several runs.
type ComparedFile struct {
	Path     string `json:"path"`
	Versions []int  `json:"versions"` // runs with the same number have the same content; 0: the run does not have it
}

// StartedRun names a run that is asked to do something, or that was started.
type StartedRun struct {
	Run int64 `json:"run"`
}

// ResumeRequest asks to resume a run, in a process of its own.
type ResumeRequest struct {
	Run  int64  `json:"run"`
	Step string `json:"step"` // do this step and all after it again; empty: only what is missing
}

// CodeFilesResult is the files of a run's code package.
type CodeFilesResult struct {
	Files []CodeFile `json:"files"`
}

// CodeFile is one of them.
type CodeFile struct {
	Path string `json:"path"`
	Size int64  `json:"size"`
}

// CodeFileRequest asks for one of them.
type CodeFileRequest struct {
	Run  int64  `json:"run"`
	Path string `json:"path"`
}

// ChangesResult is the state of the store as a number: as long as it is the same, nothing was written.
type ChangesResult struct {
	State int64 `json:"state"`
}
