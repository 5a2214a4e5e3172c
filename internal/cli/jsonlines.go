package cli

import (
	"bytes"
	"encoding/json"
	"io"
	"time"

	"github.com/levadahq/levada/internal/runner"
)

// jsonLines prints a run for programs: each event as a line of JSON.
type jsonLines struct {
	out *outlet
	buf bytes.Buffer
	enc *json.Encoder
}

func newJSONLines(w io.Writer) *jsonLines {
	j := &jsonLines{out: newOutlet(w)}
	j.enc = json.NewEncoder(&j.buf)
	j.enc.SetEscapeHTML(false)
	return j
}

// Event prints an event.
func (j *jsonLines) Event(e *runner.Event) {
	j.buf.Reset()
	if j.enc.Encode(e) == nil {
		j.out.append(func(b []byte) []byte { return append(b, j.buf.Bytes()...) })
	}
}

// Progress is nothing that programs cannot count themselves.
func (j *jsonLines) Progress(runner.Progress) {}

func (j *jsonLines) resuming(time.Time) {}

// interrupted says nothing: the run's own event "stopping" does.
func (j *jsonLines) interrupted(time.Time) {}

// Hurry lets the run go on without its reader.
func (j *jsonLines) Hurry() { j.out.hurry() }

func (j *jsonLines) close() bool { return j.out.close() }
