// Package flow writes Levada flows in Go.
//
// A flow is a struct. Its exported fields are its artifacts: what a step leaves in them is stored when the step
// ends, and the steps after it find it there. Steps are methods. How they follow one another is declared once, in one
// place, so that the graph can be shown and checked before anything runs:
//
//	type Hello struct {
//		Name     string `param:"name" default:"world" help:"who is greeted"`
//		Greeting string
//	}
//
//	func (h *Hello) Start(t *flow.Task) error {
//		h.Greeting = "hello " + h.Name
//		return nil
//	}
//
//	func (h *Hello) End(t *flow.Task) error {
//		t.Log.Info(h.Greeting)
//		return nil
//	}
//
//	func main() {
//		flow.New[Hello]("Hello").
//			Step("start", (*Hello).Start, flow.To("end")).
//			Step("end", (*Hello).End).
//			Main()
//	}
//
// The program is its own command line (go run . run --name Ada, go run . resume, go run . show), and `levada run`
// takes the package's folder. Main hands over to the levada binary, which is found through LEVADA_BIN, beside the
// program, or on the PATH. It starts the program again for each task, so a task can crash, leak or exit and ends
// only itself.
//
// # Artifacts
//
// An artifact is named after its field, in the form that the command line and Python use: LearningRate is
// learning_rate. The tag `flow:"rate"` gives another name; `flow:"-"` and lower-case fields are not stored. The
// fields of an embedded struct are fields of the flow.
//
// A value is stored as JSON if JSON can hold it; a []byte as it is; an [Array] as npy and a [Table] as CSV, which
// Python reads as well; large data as a [File]; what has encoding.BinaryMarshaler, or what JSON cannot hold (complex numbers,
// maps with struct keys, NaN, text that is not UTF-8, an int64 within an any), by that or by encoding/gob, which only Go reads.
//
// A value comes back as it was, or the step fails with an error that names the artifact, the place in it, and what to do. So a
// field within it that is not stored (its name begins with a small letter, it is tagged `json:"-"`, or another field hides it) must be zero, or be tagged
// `flow:"-"`. In an any, whole numbers come back as int and others as float64, whatever language wrote them. A time has to be in UTC, local time, or
// have no more than an offset; what the monotonic clock said of it is not kept.
//
// Before a step runs, its fields are filled with what it inherits. After it, what changed is stored, and only
// that. A field that is zero and was never anything else is not stored. A join inherits the parameters alone; what
// it wants of its inputs it takes, or has merged with [Inputs.Merge].
//
// A parameter that was added to a flow has its default in runs that resume older ones. A field whose type is another than that of the stored value is an error that names both, so that resuming a run
// with changed code never reads a value as something that it is not.
//
// # Parameters
//
// A field with the tag `param` is a parameter of the run and an option of the command line. Further tags are
// `default`, `help`, `required:"true"`, `min`, `max`, `oneof:"a b c"` and `file:"true"` (the option names a file, the field
// gets its content). Numbers, bool, string, time.Duration and types with encoding.TextUnmarshaler are written as such; anything else
// is JSON. If the flow has a method Validate() error, it is called with the parameters before the run begins.
//
// # Failure
//
// A step fails by returning an error or by panicking. [Retry], [Catch] and [Timeout] say what happens then. The
// [Task] is a context.Context that ends with the step's timeout and with Ctrl-C.
package flow
