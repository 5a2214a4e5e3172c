package protocol

import "encoding/json"

// FromWorker is any frame of a control conversation that a worker sends.
type FromWorker struct {
	Type string `json:"type"` // hello, definition, usage, broken, forked, exited

	Protocol int    `json:"protocol,omitempty"` // hello
	SDK      string `json:"sdk,omitempty"`
	Asks     bool   `json:"asks,omitempty"`  // it needs a setup to describe the flow
	Flow     string `json:"flow,omitempty"`  // with Asks: the flow's name
	Spawn    bool   `json:"spawn,omitempty"` // it starts no processes: the host starts the same program again for each
	// Variables of Levada's and Metaflow's, as they are when the user's file has been imported: it may have set some.
	Variables map[string]string `json:"variables,omitempty"`

	Definition json.RawMessage `json:"definition,omitempty"` // definition
	Configs    []ConfigBytes   `json:"configs,omitempty"`    // the values of the configs lie in the body

	Message   string `json:"message,omitempty"` // usage, broken, exited
	Headline  string `json:"headline,omitempty"`
	Traceback string `json:"traceback,omitempty"`
	File      string `json:"file,omitempty"`
	Line      int    `json:"line,omitempty"`

	ID     int64   `json:"id,omitempty"` // forked, exited
	PID    int     `json:"pid,omitempty"`
	Code   int     `json:"code,omitempty"`
	Signal int     `json:"signal,omitempty"`
	Errno  int     `json:"errno,omitempty"` // exited: why the system gave no process
	UTime  float64 `json:"utime,omitempty"`
	STime  float64 `json:"stime,omitempty"`
	MaxRSS int64   `json:"maxrss,omitempty"`
}

// ToWorker is any frame of a control conversation that the host sends.
type ToWorker struct {
	Type   string `json:"type"` // fork, kill, stop, context
	ID     int64  `json:"id,omitempty"`
	Signal int    `json:"signal,omitempty"`

	Context *Context `json:"context,omitempty"` // context: what the tasks of the run have in common
	Workers int      `json:"workers,omitempty"` // context of a process that runs many tasks: how many at once
	First   any      `json:"first,omitempty"`   // fork: header of the process's first frame; the body is this frame's
}

// Setup is what a worker that asks is told before it describes the flow.
type Setup struct {
	Type         string            `json:"type"` // "setup"
	User         string            `json:"user"`
	ConfigFiles  map[string]string `json:"config_files,omitempty"`  // config name → path
	ConfigValues map[string]any    `json:"config_values,omitempty"` // config name → text, or a JSON object
	Configs      []ConfigBytes     `json:"configs,omitempty"`       // values that are certain; they lie in the body
	With         []Decorator       `json:"with,omitempty"`
	Lenient      bool              `json:"lenient,omitempty"`
}

// ConfigBytes is the value of a config in a body, pickled.
type ConfigBytes struct {
	Name   string `json:"name"`
	Length int    `json:"length"`
}

// Context is what the tasks of a run have in common.
type Context struct {
	Flow        string      `json:"flow"`
	Run         string      `json:"run"`
	Origin      *string     `json:"origin"`
	User        string      `json:"user"`
	Namespace   string      `json:"namespace"`
	Tags        []string    `json:"tags"`
	Project     *Project    `json:"project"`
	Staging     string      `json:"staging"`
	InlineLimit int         `json:"inline_limit"`
	With        []Decorator `json:"with,omitempty"`
	Triggers    []string    `json:"triggers,omitempty"` // runs that started this one: flow/run
	Home        string      `json:"home,omitempty"`     // the store's folder, for clients in the tasks
}

// Parameters asks a process to resolve a run's parameters.
type Parameters struct {
	Type    string         `json:"type"` // "parameters"
	Values  map[string]any `json:"values"`
	User    string         `json:"user"`
	DSType  string         `json:"ds_type"`
	Project *Project       `json:"project"`
	Staging string         `json:"staging"`
}

// Project is what @project makes of a run.
type Project struct {
	Name       string `json:"name"`
	Branch     string `json:"branch"`
	UserBranch bool   `json:"user_branch"`
	Production bool   `json:"production"`
	FlowName   string `json:"flow_name"`
}

// Task asks a process to run one attempt of one task. See README.md for the fields.
type Task struct {
	Type      string    `json:"type"` // "task"
	*Context            // nil where the fork server has been told already
	Step      string    `json:"step"`
	Task      string    `json:"task"`
	Attempt   int       `json:"attempt"`
	Retries   int       `json:"retries,omitempty"`
	Fallback  bool      `json:"fallback,omitempty"`
	Died      string    `json:"died,omitempty"` // with Fallback: how the last attempt ended
	Stack     []Frame   `json:"stack,omitempty"`
	Item      *Item     `json:"item,omitempty"`
	Join      *Join     `json:"join,omitempty"`
	Iteration int       `json:"iteration,omitempty"`
	Parallel  *Parallel `json:"parallel,omitempty"`
	Timeout   float64   `json:"timeout,omitempty"`
	Cgroup    string    `json:"cgroup,omitempty"`
	Ahead     []Value   `json:"ahead,omitempty"` // what its code reads first; the bytes come before the item's
	Spin      *Spin     `json:"spin,omitempty"`

	// Environment is variables of this attempt alone, over those of its interpreter.
	Environment map[string]string `json:"environment,omitempty"`
}

// Spin says how a task is run that is run alone, again.
type Spin struct {
	Without   []string `json:"without,omitempty"`   // decorators that are left out
	Artifacts string   `json:"artifacts,omitempty"` // file of a Python module whose ARTIFACTS replace inputs
	Persist   bool     `json:"persist,omitempty"`   // what the step makes is stored
}

// Frame is one level of a foreach stack.
type Frame struct {
	Split string `json:"split"`
	Step  string `json:"step"`
	Var   string `json:"var"`
	Count int    `json:"count"`
	Index int    `json:"index"`
	Gang  bool   `json:"gang,omitempty"`
	Own   bool   `json:"own,omitempty"` // a task between the split and this one has made the list anew
}

// Item says where the innermost foreach element is.
type Item struct {
	Codec  string `json:"codec"`
	Inline bool   `json:"inline"`
}

// Join describes the inputs of a join.
type Join struct {
	Count int              `json:"count"`
	Steps map[string][]int `json:"steps"` // nil for a foreach whose inputs are one step
}

// Parallel describes a gang.
type Parallel struct {
	MainIP        string `json:"main_ip"`
	NumNodes      int    `json:"num_nodes"`
	NodeIndex     int    `json:"node_index"`
	ControlTaskID string `json:"control_task_id"`
}

// Decorator is a decorator added on the command line.
type Decorator struct {
	Name       string                     `json:"name"`
	Attributes map[string]json.RawMessage `json:"attributes"`
}

// FromTask is any frame that a task process sends.
type FromTask struct {
	// Type is get, values, names, get_item, get_inputs, get_input_items, input_names, input_info, merge, graph,
	// metadata, card, fork, timeout, usage, defaults or done.
	Type string `json:"type"`
	ID   int64  `json:"id"`

	Name    string   `json:"name"`    // get, get_inputs
	Level   int      `json:"level"`   // get_item
	From    int      `json:"from"`    // get_inputs, get_input_items, input_info
	Count   int      `json:"count"`   // as for From
	Index   int      `json:"index"`   // input_names
	Include []string `json:"include"` // merge
	Exclude []string `json:"exclude"`
	Own     []string `json:"own"`
	Names   []string `json:"names"`  // values
	Codecs  []string `json:"codecs"` // of requests for values: those the process reads; nil for all
	Inputs  []int    `json:"inputs"` // merge: positions; nil is all
	Known   string   `json:"known"`  // get_inputs: the hash of a value that the process has; its bytes are not sent

	Message   string            `json:"message"`   // usage
	Parameter string            `json:"parameter"` // usage: the one that the message is about, if it is about one
	Display   map[string]string `json:"display"`   // defaults, done of parameters

	State string `json:"state"` // timeout: TimeoutBegun and so on

	Card *SentCard `json:"card"` // card; its HTML and data are artifacts

	OK         bool            `json:"ok"` // done
	Caught     bool            `json:"caught"`
	NoRetry    bool            `json:"no_retry"`
	Transition json.RawMessage `json:"transition"`
	Foreach    *SentItems      `json:"foreach"`
	Artifacts  []SentValue     `json:"artifacts"`
	Exception  *Exception      `json:"exception"`
	Value      string          `json:"value"`
}

// What a task says of the timeout of its step.
const (
	TimeoutBegun = "begun" // the step begins, and with it the time that it has
	TimeoutHeard = "heard" // the time is over, and the step is being ended
	TimeoutOver  = "over"  // the step has ended
)

// SentValue is a value in a done frame: its bytes lie in the body or in a staged file.
type SentValue struct {
	Name   string `json:"name"`
	Codec  string `json:"codec"`
	Type   string `json:"type"`
	Size   int64  `json:"size"`
	Length int    `json:"length"` // in the body
	Path   string `json:"path"`   // or staged
}

// SentCard says which card of the task a card frame shows.
type SentCard struct {
	Position int    `json:"position"`
	Type     string `json:"type"`
	ID       string `json:"id"`
	UUID     string `json:"uuid"`
	Live     bool   `json:"live"` // the step goes on
}

// SentItems is the elements of a foreach, as an items file.
type SentItems struct {
	Var    string `json:"var"`
	Count  int    `json:"count"`
	Codec  string `json:"codec"`
	Length int    `json:"length"`
	Path   string `json:"path"`
}

// Exception is what the user's code raised.
type Exception struct {
	Type      string `json:"type"`
	Message   string `json:"message"`
	Traceback string `json:"traceback"`
}

// Reply answers a request of a task process.
type Reply struct {
	Type string `json:"type"` // "reply"
	ID   int64  `json:"id"`

	Error *ReplyError `json:"error,omitempty"`

	Found bool   `json:"found"` // get, get_item; the fields are those of Value
	Codec string `json:"codec,omitempty"`
	Kind  string `json:"value_type,omitempty"`
	Size  int64  `json:"size"`
	Hash  string `json:"hash,omitempty"`
	Path  string `json:"path,omitempty"`
	FIFO  string `json:"fifo,omitempty"`
	From  string `json:"from,omitempty"` // the codec that it was converted from

	Values    []Value         `json:"values,omitempty"`    // get_inputs, get_input_items, values
	Names     []string        `json:"names,omitempty"`     // names, input_names
	Pathspec  string          `json:"pathspec,omitempty"`  // input_names
	Inputs    []InputInfo     `json:"inputs,omitempty"`    // input_info
	Merged    []string        `json:"merged,omitempty"`    // merge
	Conflicts []string        `json:"conflicts,omitempty"` // merge
	Missing   []string        `json:"missing,omitempty"`   // merge
	Graph     json.RawMessage `json:"graph,omitempty"`     // graph
}

// Value describes one of several values that go to a task process.
type Value struct {
	Found  bool   `json:"found"`
	Codec  string `json:"codec,omitempty"`
	Type   string `json:"type,omitempty"`
	Size   int64  `json:"size"`
	Hash   string `json:"hash,omitempty"`
	Length int    `json:"length"`         // of the bytes in the body
	Path   string `json:"path,omitempty"` // or a file to read
	FIFO   string `json:"fifo,omitempty"` // or a pipe to read once
	From   string `json:"from,omitempty"` // the codec that it was converted from
}

// InputInfo names one input of a join.
type InputInfo struct {
	Task     string `json:"task"`
	Step     string `json:"step"`
	Index    int    `json:"index"`
	Pathspec string `json:"pathspec"`
}

// ReplyError says why a request failed.
type ReplyError struct {
	Kind    string `json:"kind"`
	Message string `json:"message"`
	Hint    string `json:"hint,omitempty"`
}
