package protocol

import "encoding/json"

// The codecs of values. Each value is stored with the name of its codec.
const (
	CodecPickle = "pickle" // Python's
	CodecJSON   = "json"   // one JSON text
	CodecFile   = "file"   // bytes as they are; the type "str" says that they are text
	CodecNPY    = "npy"    // an array of numbers, as numpy.save writes it
	CodecCSV    = "csv"    // a table; the first line names the columns
	CodecGob    = "gob"    // encoding/gob of Go
	CodecBinary = "binary" // what encoding.BinaryMarshaler of a Go type makes
)

// Plain are the codecs of values that programs in any language can exchange.
var Plain = []string{CodecJSON, CodecFile, CodecNPY, CodecCSV}

// Request is a request of a task process as an SDK sends it: the fields of [FromTask] that a request has.
type Request struct {
	Type    string   `json:"type"`
	ID      int64    `json:"id"`
	Task    string   `json:"task,omitempty"` // in a conversation of many tasks
	Name    string   `json:"name,omitempty"`
	Level   int      `json:"level,omitempty"`
	From    int      `json:"from,omitempty"`
	Count   int      `json:"count,omitempty"`
	Index   int      `json:"index,omitempty"`
	Include []string `json:"include,omitempty"`
	Exclude []string `json:"exclude,omitempty"`
	Own     []string `json:"own,omitempty"`
	Names   []string `json:"names,omitempty"`
	Codecs  []string `json:"codecs,omitempty"`
	Known   string   `json:"known,omitempty"`
}

// Done is the last frame of a task process as an SDK sends it.
type Done struct {
	Type       string            `json:"type"` // "done"
	Task       string            `json:"task,omitempty"`
	OK         bool              `json:"ok"`
	Caught     bool              `json:"caught,omitempty"`
	NoRetry    bool              `json:"no_retry,omitempty"`
	Transition *Transition       `json:"transition,omitempty"`
	Foreach    *SentItems        `json:"foreach,omitempty"`
	Artifacts  []SentValue       `json:"artifacts"`
	Exception  *Exception        `json:"exception,omitempty"`
	Value      string            `json:"value,omitempty"`
	Display    map[string]string `json:"display,omitempty"`
}

// Transition is the JSON form of graph.Transition.
type Transition struct {
	Next []string `json:"next,omitempty"`
	Fan  int      `json:"fan,omitempty"`
}

// Many gives tasks to a process that runs many at once. They differ in what the lists hold, in the same order;
// everything else is in First. The body is their foreach elements one after another.
type Many struct {
	Type     string   `json:"type"` // tasks, context, cancel
	First    *Task    `json:"first"`
	Base     int64    `json:"base"` // tasks with the same base inherit the same
	Tasks    []int64  `json:"tasks"`
	Indices  []int    `json:"indices"`           // of the innermost foreach
	Attempts []int    `json:"attempts"`          //
	Items    []int    `json:"items,omitempty"`   // length of the element; -1: ask for it
	Context  *Context `json:"context,omitempty"` // context
	Workers  int      `json:"workers,omitempty"`
}

// ManyDone tells of tasks that ended well and alike: each set the artifacts that First names, and goes on as it
// says. The body is their values, task after task.
type ManyDone struct {
	Type  string   `json:"type"` // "dones"
	First *Done    `json:"first"`
	Tasks []int64  `json:"tasks"`
	Sizes []int    `json:"sizes"` // of the values, task after task
	Short []string `json:"short,omitempty"`
	Began []int64  `json:"began"` // microseconds since the epoch
	Ended []int64  `json:"ended"`
}

// FromMany is any frame that a process sends which runs many tasks at once.
type FromMany struct {
	FromTask
	Task  string          `json:"task,omitempty"`
	First json.RawMessage `json:"first,omitempty"` // dones: a Done
	Tasks []int64         `json:"tasks,omitempty"`
	Sizes []int           `json:"sizes,omitempty"`
	Short []string        `json:"short,omitempty"`
	Began []int64         `json:"began,omitempty"`
	Ended []int64         `json:"ended,omitempty"`
	Text  string          `json:"text,omitempty"` // log
}
