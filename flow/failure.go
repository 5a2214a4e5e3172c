package flow

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"time"
)

// Failure is what became of a step that failed. It is what [Catch] leaves in its field.
type Failure struct {
	Type      string `json:"type"` // of the error; "panic", "timeout"; "died" if the process ended without a word
	Message   string `json:"message"`
	Traceback string `json:"traceback"` // with the user's own frames first
	Attempt   int    `json:"attempt"`   // the last attempt, counted from 0

	permanent   bool `flow:"-"`
	interrupted bool `flow:"-"`
}

// Error returns the message.
func (f *Failure) Error() string { return f.Message }

// Permanent wraps an error that trying again cannot mend: the step is not retried. Of nil it makes nil.
func Permanent(err error) error {
	if err == nil {
		return nil
	}
	return &permanent{err}
}

type permanent struct{ err error }

func (p *permanent) Error() string { return p.err.Error() }
func (p *permanent) Unwrap() error { return p.err }

// errInterrupted is the cause of a context that ends because the run does.
var errInterrupted = errors.New("the run was interrupted, or another task failed")

// timedOut is the cause of a context that ends with the step's timeout.
type timedOut struct {
	step  string
	limit time.Duration
}

func (t *timedOut) Error() string {
	return fmt.Sprintf("step %s timed out after %s", t.step, t.limit)
}

// failureOf makes the failure that an error is.
func failureOf(ctx context.Context, err error) *Failure {
	f := &Failure{Message: err.Error()}
	cause := context.Cause(ctx)
	var t *timedOut
	var p *permanent
	switch {
	case errors.As(err, &t), errors.As(cause, &t) && isContext(err):
		f.Type, f.Message = "timeout", t.Error()
	case cause == errInterrupted && (isContext(err) || errors.Is(err, errInterrupted)):
		f.Type, f.Message, f.interrupted = "interrupted", errInterrupted.Error(), true
	default:
		f.permanent = errors.As(err, &p)
		f.Type = typeOf(err)
	}
	f.Traceback = "error: " + f.Message + "\n"
	return f
}

func isContext(err error) bool {
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}

// typeOf names the first error in a chain that says more than a text.
func typeOf(err error) string {
	for e := err; e != nil; e = errors.Unwrap(e) {
		name := fmt.Sprintf("%T", e)
		if !strings.HasPrefix(name, "*errors.") && !strings.HasPrefix(name, "*fmt.") && !strings.HasPrefix(name, "*flow.") {
			return name
		}
	}
	return "error"
}

// failureOfPanic makes the failure that a panic is. It is called by the function that recovered it.
func failureOfPanic(p any) *Failure {
	f := &Failure{Type: "panic", Message: fmt.Sprint(p)}
	if err, ok := p.(error); ok {
		f.Message = err.Error()
	}
	pcs := make([]uintptr, 256)
	f.Traceback = "panic: " + f.Message + "\n\n" + framesOf(pcs[:runtime.Callers(2, pcs)])
	return f
}

// framesOf writes those frames of a stack that are neither Go's runtime nor this package, innermost first.
func framesOf(pcs []uintptr) string {
	var b strings.Builder
	frames := runtime.CallersFrames(pcs)
	for {
		frame, more := frames.Next()
		if frame.Function != "" && !ours(frame.Function) {
			fmt.Fprintf(&b, "%s\n\t%s:%d\n", frame.Function, frame.File, frame.Line)
		}
		if !more {
			return b.String()
		}
	}
}

func ours(function string) bool {
	return strings.HasPrefix(function, "runtime.") || strings.HasPrefix(function, "reflect.") ||
		strings.HasPrefix(function, "github.com/levadahq/levada/flow.")
}
