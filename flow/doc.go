// Package flow is for writing Levada flows in Go.
//
// A flow is a struct. Its exported fields are its artifacts: what a step leaves in them is stored when the step ends,
// and the steps after it find it there. Steps are methods. How they follow one another is declared once, in one place,
// so that the graph can be shown and checked before anything runs:
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
// accepts the folder of the package. Main hands over to the levada binary, which it finds through LEVADA_BIN, beside
// the program, or on the PATH. The binary starts the program again for each task; so a task that crashes, leaks or
// exits harms only itself.
//
// # Artifacts
//
// An artifact is named after its field, in the form that the command line and Python use: LearningRate is
// learning_rate. The tag `flow:"rate"` gives another name. Fields with the tag `flow:"-"` and unexported fields are not
// stored. The fields of an embedded struct are fields of the flow.
//
// How a value is stored:
//
//   - as JSON, if JSON can hold it;
//   - a []byte as it is, and large data as a [File];
//   - an [Array] as npy and a [Table] as CSV, which Python reads as well;
//   - a type with encoding.BinaryMarshaler by that; other values that JSON cannot hold (complex numbers, maps with
//     struct keys, NaN, text that is not UTF-8, an int64 inside an any) by encoding/gob. Only Go reads these two.
//
// A value comes back as it was, or the step fails with an error that names the artifact, the place in it, and what to
// do. So a field inside a value that is not stored (it is unexported, is tagged `json:"-"`, or is hidden by another
// field) must be zero, or be tagged `flow:"-"`. In an any, whole numbers come back as int and others as float64,
// whatever language wrote them. A time has to be in UTC, in local time, or have only an offset; its reading of the
// monotonic clock is not kept.
//
// Before a step runs, its fields are filled with what it inherits. Afterwards, only what changed is stored. A field
// that has always been zero is not stored. A join inherits only the parameters; it takes what it wants from its inputs,
// or merges them with [Inputs.Merge].
//
// A run that resumes an older one may run changed code. A parameter that was added since then has its default. If the
// type of a field is not that of the stored value, that is an error that names both, so that a value is never read as
// something that it is not.
//
// # Parameters
//
// A field with the tag `param` is a parameter of the run and an option of the command line. Further tags are `default`,
// `help`, `required:"true"`, `min`, `max`, `oneof:"a b c"` and `file:"true"` (the option names a file, and the field
// gets its content). Numbers, bool, string, time.Duration and types with encoding.TextUnmarshaler are written as such;
// anything else is JSON. If the flow has a method Validate() error, it is called before the run begins, with the
// parameters set.
//
// # Failure
//
// A step fails by returning an error or by panicking. [Retry], [Catch] and [Timeout] say what happens then. The [Task]
// is a context.Context that ends with the step's timeout and with Ctrl-C.
package flow
