// Package fault has the one type of error that Levada reports.
//
// An [Error] has a kind from a small closed set, the operation that failed, the subject it failed on (a flow, step,
// task, file, artifact), the cause and, where there is one, the next step for the user. Packages return faults; only
// the edges translate them: the command line to an exit code, the server to an HTTP status, the protocol to a Python
// exception. Nothing below an edge prints.
package fault

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"syscall"
)

// Kind says what sort of failure an error is. The set is closed: a new kind is
// added at the end and given its place in every table that maps kinds.
type Kind int

// The kinds of failure.
const (
	Internal    Kind = iota // a bug in Levada, or something nobody foresaw
	Usage                   // the command line or the arguments of a call are wrong
	Invalid                 // a flow or its parameters do not hold together
	NotFound                // the named run, step, task, artifact or file does not exist
	Conflict                // the thing exists already, or is in use
	Corrupt                 // stored bytes are not what was stored
	NoSpace                 // the disk is full
	Permission              // the operating system refused access
	UserCode                // the user's code failed: a step raised, a flow did not import
	Unavailable             // something outside that is needed is not there: an interpreter, a server
	Interrupted             // somebody pressed Ctrl-C or asked for an end
)

var kindNames = [...]string{
	"internal error", "usage", "invalid", "not found", "conflict", "corrupt",
	"no space", "permission", "user code", "unavailable", "interrupted",
}

// String returns the kind's name as it is used in logs and in JSON output.
func (k Kind) String() string {
	if k < 0 || int(k) >= len(kindNames) {
		return fmt.Sprintf("kind(%d)", int(k))
	}
	return kindNames[k]
}

// KindNamed returns the kind with a name, Internal if there is none: what somebody newer says need not be known here.
func KindNamed(name string) Kind {
	return Kind(max(slices.Index(kindNames[:], name), 0))
}

// Error is a failure with everything a person needs to act on it.
type Error struct {
	Kind    Kind
	Op      string // what was being done, a short verb phrase: "store artifact"
	Subject string // what it was done to: "Hello/12/start/1", "/data/flow.py line 8"
	Message string // what is wrong, one or more sentences; may be empty if Cause says it
	Hint    string // what to do next; may be empty
	Cause   error
}

// Error returns the message on one line: operation, subject, message, cause.
// The hint is not part of it; edges print it on a line of its own.
func (e *Error) Error() string {
	var parts []string
	if e.Op != "" {
		parts = append(parts, e.Op)
	}
	if e.Subject != "" {
		parts = append(parts, e.Subject)
	}
	if e.Message != "" {
		parts = append(parts, e.Message)
	}
	if e.Cause != nil {
		parts = append(parts, e.Cause.Error())
	}
	if len(parts) == 0 {
		return e.Kind.String()
	}
	return strings.Join(parts, ": ")
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Cause }

// New returns an error of the given kind with a formatted message.
func New(kind Kind, format string, args ...any) *Error {
	return &Error{Kind: kind, Message: fmt.Sprintf(format, args...)}
}

// Wrap returns an error of the given kind around a cause. A nil cause gives nil.
func Wrap(kind Kind, op string, cause error) error {
	if cause == nil {
		return nil
	}
	return &Error{Kind: kind, Op: op, Cause: cause}
}

// Of is the fault that an error of the operating system, or the end of a context, amounts to: with its kind and, where
// there is something, what the user can do. Faults and nil stay as they are.
func Of(op, subject string, err error) error {
	var f *Error
	if err == nil || errors.As(err, &f) {
		return err
	}
	f = &Error{Op: op, Subject: subject, Cause: err}
	switch {
	case errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR):
		// With the latter a part of the path is a file.
		f.Kind = NotFound
	case errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EROFS):
		f.Kind = Permission
		f.Hint = "Give yourself access to the file and its folder, or choose another folder (for the store, set LEVADA_HOME)."
	case errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT):
		f.Kind = NoSpace
		f.Hint = "Free some space on the disk, or of your quota there, then try again."
	case errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded):
		f.Kind = Interrupted
	}
	return f
}

// On sets the subject and returns the error.
func (e *Error) On(subject string) *Error { e.Subject = subject; return e }

// Do sets the hint, what the user can do next, and returns the error.
func (e *Error) Do(format string, args ...any) *Error {
	e.Hint = fmt.Sprintf(format, args...)
	return e
}

// Because sets the cause and returns the error.
func (e *Error) Because(cause error) *Error { e.Cause = cause; return e }

// KindOf returns the kind of the outermost fault in err's chain, Internal if there is none.
func KindOf(err error) Kind {
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return Internal
}

// Is reports whether err is a fault of the given kind.
func Is(err error, kind Kind) bool {
	var e *Error
	return errors.As(err, &e) && e.Kind == kind
}

// HintOf returns the first hint in err's chain, or "".
func HintOf(err error) string {
	for err != nil {
		var e *Error
		if !errors.As(err, &e) {
			return ""
		}
		if e.Hint != "" {
			return e.Hint
		}
		err = e.Cause
	}
	return ""
}
