package service

import (
	"context"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/levadahq/levada/internal/fault"
	"github.com/levadahq/levada/internal/metastore"
)

// The limits of a run's user tags: how many, and characters in each.
const (
	MaxTags      = 50
	MaxTagLength = 500
)

// tagOp is the operation of the faults about tags that cannot be.
const tagOp = "tag a run"

func badTags(format string, args ...any) error {
	e := fault.New(fault.Invalid, format, args...)
	e.Op = tagOp
	return e
}

// CheckTags checks tags that a run is to have. A fault of kind Invalid says what is wrong.
func CheckTags(tags []string) error {
	if len(tags) > MaxTags {
		return badTags("A run can have at most %d tags; these are %d.", MaxTags, len(tags))
	}
	for _, tag := range tags {
		switch n := utf8.RuneCountInString(tag); {
		case strings.TrimSpace(tag) == "":
			return badTags("A tag must not be empty.")
		case !utf8.ValidString(tag):
			return badTags("A tag must be valid UTF-8: %q.", tag)
		case n > MaxTagLength:
			return badTags("A tag can have at most %d characters; this one has %d: %s…", MaxTagLength, n, string([]rune(tag)[:60]))
		}
	}
	return nil
}

// ChangeTags removes user tags of a run, then adds others, and returns the run as it is then. Adding a tag that
// the run has, a system tag included, and removing one that it does not have do nothing. A fault of kind Invalid
// if a tag is not allowed, if there would be too many, or if a system tag is to be removed; the run is as it was.
// A namespace, unless it is "", is one that the run must be in, else it is NotFound.
func (s *Service) ChangeTags(ctx context.Context, id int64, namespace string, remove, add []string) (metastore.Run, error) {
	run, err := s.RunByID(ctx, id)
	if err != nil {
		return run, err
	}
	if err := inNamespace(run, namespace); err != nil {
		return run, err
	}
	isSystem := func(tag string) bool { return slices.Contains(run.SystemTags, tag) }
	for _, tag := range remove {
		if isSystem(tag) {
			return run, badTags("%s is a system tag, which cannot be removed.", tag)
		}
	}
	add = slices.DeleteFunc(slices.Clone(add), isSystem)
	if err := CheckTags(add[:min(len(add), MaxTags)]); err != nil {
		return run, err
	}
	after := slices.DeleteFunc(slices.Clone(run.Tags), func(tag string) bool { return slices.Contains(remove, tag) })
	after = append(after, add...)
	slices.Sort(after)
	if n := len(slices.Compact(after)); n > MaxTags {
		return run, badTags("A run can have at most %d tags; run %d would have %d.", MaxTags, id, n)
	}
	run.Tags, err = s.c.Store.ChangeTags(ctx, id, remove, add)
	return run, err
}

// inNamespace is nil if a run is in a namespace: if it has it as a tag. Every run is in "".
func inNamespace(run metastore.Run, namespace string) error {
	if namespace == "" || slices.Contains(run.SystemTags, namespace) || slices.Contains(run.Tags, namespace) {
		return nil
	}
	own := ""
	for _, tag := range run.SystemTags {
		if strings.HasPrefix(tag, "user:") || strings.HasPrefix(tag, "production:") {
			own = tag
		}
	}
	e := fault.New(fault.NotFound, "run %d is not in the namespace %s", run.ID, namespace)
	if own == "" {
		return e.Do("give the run's namespace with --namespace, or use --namespace= for any run")
	}
	return e.Do("it is in %s: give that with --namespace, or use --namespace= for any run", own)
}
