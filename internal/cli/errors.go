package cli

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"strings"
	"syscall"

	"github.com/levadahq/levada/internal/fault"
	"github.com/levadahq/levada/internal/worker"
)

// The exit codes of the command line.
const (
	exitOK      = 0
	exitFailed  = 1
	exitUsage   = 2
	exitStopped = 130
)

// exitCodes is what help says of them.
const exitCodes = `Exit codes:
  0    success
  1    the run, the check or the command failed, or it was interrupted once
  2    the command line is wrong
  130  interrupted twice: everything was ended at once`

const reportHint = "This is a bug in Levada. Please report it, with the command line and these lines, at\nhttps://github.com/levadahq/levada/issues"

// headlines begin the error block of each kind of fault.
var headlines = map[fault.Kind]string{
	fault.Internal:    "Internal error",
	fault.Usage:       "Invalid command",
	fault.Invalid:     "Invalid flow",
	fault.NotFound:    "Not found",
	fault.Conflict:    "Conflict",
	fault.Corrupt:     "Damaged data",
	fault.NoSpace:     "Disk full",
	fault.Permission:  "Permission denied",
	fault.UserCode:    "Flow error",
	fault.Unavailable: "Not available",
	fault.Interrupted: "Interrupted",
}

// failure is an error with a headline of its own. Without a text it has been told
// already, and only the exit code counts.
type failure struct {
	headline string
	text     string
	hint     string
	kind     fault.Kind
	cause    error
}

func (f *failure) Error() string {
	if f.headline == "" {
		return "failed"
	}
	return f.headline + ": " + f.text
}

func (f *failure) Unwrap() error { return f.cause }

// told is the failure that needs no more words.
var told = &failure{}

// wrongCommandLine reports whether an error says that the command line is wrong, and nothing else.
func wrongCommandLine(err error) bool {
	var usage *usageError
	var f *failure
	return errors.As(err, &usage) || !errors.As(err, &f) && fault.Is(err, fault.Usage)
}

// report tells the user of an error, and with --json the program too, and returns the exit code.
func (s *session) report(err error) int {
	if err == nil {
		return exitOK
	}
	err = ofMachine(err)
	code := s.tell(err)
	if s.global.json && !errors.Is(err, told) {
		s.jsonError(err, code)
	}
	return code
}

// ofMachine gives an error that comes of the machine's limits, and is nobody's bug, its kind and what to do.
func ofMachine(err error) error {
	hint := ""
	switch {
	case errors.Is(err, syscall.EMFILE):
		hint = "A process cannot have more files open than 'ulimit -n' shows. Raise this limit, for example with 'ulimit -n 4096', then try again."
	case errors.Is(err, syscall.ENFILE):
		hint = "All processes of this machine together have too many files open. Stop some of them, then try again."
	case errors.Is(err, syscall.ENAMETOOLONG):
		hint = "Choose a shorter path; for the store, with LEVADA_HOME or --datastore-root."
	default:
		return err
	}
	var f *failure
	if errors.As(err, &f) {
		return err
	}
	kind := fault.KindOf(err)
	if kind == fault.Internal {
		kind = fault.Unavailable
	}
	return fault.New(kind, "%s", faultText(err)).Do("%s", hint)
}

// output is stdout. What goes wrong with it is told as that; a broken pipe stays as it is.
type output struct{ io.Writer }

func (o output) Write(p []byte) (int, error) {
	n, err := o.Writer.Write(p)
	if err == nil || errors.Is(err, syscall.EPIPE) {
		return n, err
	}
	f := fault.New(fault.Unavailable, "The output could not be written").Because(err)
	if fault.Is(fault.Of("", "", err), fault.NoSpace) {
		f.Kind = fault.NoSpace
		f.Hint = "Free some space on the disk, or send the output somewhere else."
	}
	return n, f
}

// unprinted tells that nothing more is shown of a run. It goes on: it is its result that counts.
func (s *session) unprinted(err error) {
	if !errors.Is(err, syscall.EPIPE) {
		fmt.Fprintf(s.env.Stderr, "%s. The run does not need it; `levada logs` shows what its tasks printed.\n", faultText(err))
	}
}

// tell prints an error on stderr and returns the exit code.
func (s *session) tell(err error) int {
	code := exitFailed
	w := s.env.Stderr
	var usage *usageError
	var f *failure
	var broken *worker.BrokenFlow
	switch {
	case errors.As(err, &usage):
		code = exitUsage
		s.usageBlock(usage.text, usage.hint)
	case errors.As(err, &f):
		if f.headline != "" {
			s.errorBlock(f.headline, f.text, f.hint)
		}
	case s.aborted(err):
		fmt.Fprintln(w, "Aborted!")
	case errors.Is(err, syscall.EPIPE):
		// Who read our output has seen enough: `levada logs 12 | head`.
	case errors.As(err, &broken):
		s.errorBlock(brokenHeadline(broken), broken.Message, "")
	case fault.Is(err, fault.Usage):
		code = exitUsage
		s.usageBlock(faultText(err), fault.HintOf(err))
	default:
		kind := fault.KindOf(err)
		hint := fault.HintOf(err)
		if kind == fault.Internal && hint == "" {
			hint = reportHint
		}
		s.errorBlock(headlines[kind], faultText(err), hint)
	}
	return code
}

// brokenHeadline is the line above what is said of a flow that cannot be described: what it is about, and where.
func brokenHeadline(broken *worker.BrokenFlow) string {
	headline := cmp.Or(broken.Headline, headlines[fault.UserCode])
	if broken.Line > 0 {
		headline += fmt.Sprintf(" in file %s on line %d", broken.File, broken.Line)
	}
	return headline
}

// aborted reports whether an error is only what an interrupt left. On a terminal, Ctrl-C
// ends the Python that imports the flow as well, which then looks like a failure of the flow.
func (s *session) aborted(err error) bool {
	kind := fault.KindOf(err)
	if kind == fault.Interrupted {
		return true
	}
	return s.interrupt.pressed() && (errors.Is(err, context.Canceled) ||
		s.flow == nil && (kind == fault.UserCode || kind == fault.Unavailable))
}

// faultText says what is wrong: subject, message and cause of a fault. What was being done is left
// to faults that say nothing else.
func faultText(err error) string {
	var e *fault.Error
	if !errors.As(err, &e) || e.Message == "" {
		return err.Error()
	}
	text := e.Message
	if e.Subject != "" {
		text = e.Subject + ": " + text
	}
	if e.Cause != nil {
		text += ": " + e.Cause.Error()
	}
	return text
}

// usageBlock prints a mistake on the command line as Click prints it.
func (s *session) usageBlock(text, hint string) {
	w := s.env.Stderr
	usage, try := s.usage()
	fmt.Fprintf(w, "Usage: %s\nTry '%s' for help.\n\nError: %s\n", usage, try, text)
	if hint != "" {
		fmt.Fprintln(w, hint)
	}
}

// errorBlock prints a headline, what is wrong and what to do, indented, and an empty line.
func (s *session) errorBlock(headline, text, hint string) {
	red, plain := "", ""
	if s.env.colour(s.env.Terminal.Stderr) {
		red, plain = "\x1b[31;1m", "\x1b[0m"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "    %s%s:%s\n", red, headline, plain)
	indent(&b, text)
	indent(&b, hint)
	b.WriteByte('\n')
	_, _ = io.WriteString(s.env.Stderr, b.String())
}

func indent(b *strings.Builder, text string) {
	if text == "" {
		return
	}
	for line := range strings.SplitSeq(strings.TrimRight(text, "\n"), "\n") {
		b.WriteString(strings.TrimRight("    "+line, " ") + "\n")
	}
}

// panicked reports a panic as the bug that it is. Go's stack is only for those who ask for it.
func (s *session) panicked(p any) int {
	s.errorBlock(headlines[fault.Internal], fmt.Sprint(p), reportHint)
	if s.env.variable("LEVADA_DEBUG") != "" {
		fmt.Fprintf(s.env.Stderr, "%s\n", debug.Stack())
	}
	return exitFailed
}

// jsonError is the last line of --json for a command that failed before it had a result.
func (s *session) jsonError(err error, code int) {
	type detail struct {
		Kind    string `json:"kind"`
		Message string `json:"message"`
		Hint    string `json:"hint,omitempty"`
	}
	d := detail{Kind: fault.KindOf(err).String(), Message: faultText(err), Hint: fault.HintOf(err)}
	var usage *usageError
	var f *failure
	switch {
	case errors.As(err, &usage):
		d.Kind, d.Hint = fault.Usage.String(), usage.hint
	case errors.As(err, &f):
		d = detail{Kind: f.kind.String(), Message: f.text, Hint: f.hint}
	}
	_ = s.printJSON(struct {
		Event    string `json:"event"`
		ExitCode int    `json:"exit_code"`
		Error    detail `json:"error"`
	}{"error", code, d})
}

// printJSON prints one value as a line on stdout.
func (s *session) printJSON(v any) error {
	line, err := marshal(v)
	if err != nil {
		return err
	}
	_, err = s.env.Stdout.Write(line)
	return err
}

// marshal returns a value as a line of JSON, in which <, > and & stand as they are.
func marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	err := enc.Encode(v)
	return b.Bytes(), err
}
