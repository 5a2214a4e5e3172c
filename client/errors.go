package client

import (
	"context"
	"errors"

	"github.com/levadahq/levada/internal/fault"
)

// What errors of this package match with [errors.Is].
var (
	// ErrNotFound: the store, flow, run, step, task, attempt, artifact or file does not exist.
	ErrNotFound = errors.New("not found")
	// ErrNamespace: it exists, but not in the client's namespace.
	ErrNamespace = errors.New("not in the namespace")
	// ErrInvalid: an argument is wrong: a path that is none, a tag that is not allowed.
	ErrInvalid = errors.New("invalid")
	// ErrType: the artifact does not fit the Go type that was asked for.
	ErrType = errors.New("the value does not fit the type")
	// ErrCorrupt: stored bytes are not what was stored.
	ErrCorrupt = errors.New("damaged data")
	// ErrConflict: a thing that is to be made exists already.
	ErrConflict = errors.New("conflict")
	// ErrPermission: the operating system refuses access.
	ErrPermission = errors.New("permission denied")
	// ErrNoSpace: the disk is full.
	ErrNoSpace = errors.New("no space left")
	// ErrUnavailable: the store was written by a newer Levada, or cannot be used where it is.
	ErrUnavailable = errors.New("not available")
	// ErrClosed: the client is closed, or is one that Open has not made.
	ErrClosed = errors.New("closed")
)

var kinds = map[fault.Kind]error{
	fault.NotFound: ErrNotFound, fault.Usage: ErrInvalid, fault.Invalid: ErrInvalid, fault.Corrupt: ErrCorrupt, fault.Conflict: ErrConflict,
	fault.Permission: ErrPermission, fault.NoSpace: ErrNoSpace, fault.Unavailable: ErrUnavailable,
}

// failure is an error with what it matches.
type failure struct {
	err error
	is  error
}

func (f *failure) Error() string {
	if hint := fault.HintOf(f.err); hint != "" {
		return f.err.Error() + " (" + hint + ")"
	}
	return f.err.Error()
}

func (f *failure) Unwrap() error { return f.err }

func (f *failure) Is(target error) bool { return f.is != nil && target == f.is }

// wrap gives an error what it matches.
func wrap(err error) error {
	var known *failure
	switch {
	case err == nil, errors.As(err, &known):
		return err
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	}
	return &failure{err, kinds[fault.KindOf(err)]}
}

// outside is the error for what is not in a namespace.
func outside(what, namespace string) error {
	return &failure{fault.New(fault.NotFound, "%s is not in the namespace %s", what, namespace), ErrNamespace}
}

// unfit is the error for a value that does not fit.
func unfit(format string, args ...any) error {
	return &failure{fault.New(fault.Invalid, format, args...), ErrType}
}
