package service

import (
	"context"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/levadahq/levada/internal/fault"
	"github.com/levadahq/levada/internal/metastore"
)

// The limits of tags.
const (
	MaxTags      = 50  // of a run, system tags not counted
	MaxTagLength = 500 // characters
)

// CheckTags returns a fault of kind Invalid if tags cannot be put on a run.
func CheckTags(tags []string) error {
	if len(tags) > MaxTags {
		return fault.New(fault.Invalid, "A run can have at most %d tags; these are %d.", MaxTags, len(tags))
	}
	for _, tag := range tags {
		switch {
		case strings.TrimSpace(tag) == "":
			return fault.New(fault.Invalid, "A tag must not be empty.")
		case !utf8.ValidString(tag):
			return fault.New(fault.Invalid, "A tag must be valid UTF-8: %q.", tag)
		case utf8.RuneCountInString(tag) > MaxTagLength:
			return fault.New(fault.Invalid, "A tag can have at most %d characters; this one has %d: %s…",
				MaxTagLength, utf8.RuneCountInString(tag), string([]rune(tag)[:60]))
		}
	}
	return nil
}

// ChangeTags removes and then adds user tags of a run, and returns the run as it is then. A tag
// that is a system tag already is not added; one cannot be removed: Invalid. Removing a
// tag that is not there changes nothing.
func (s *Service) ChangeTags(ctx context.Context, id int64, remove, add []string) (metastore.Run, error) {
	r, err := s.RunByID(ctx, id)
	if err != nil {
		return r, err
	}
	for _, tag := range remove {
		if slices.Contains(r.SystemTags, tag) {
			return r, fault.New(fault.Invalid, "Tag %q is a system tag, which cannot be removed.", tag)
		}
	}
	add = slices.DeleteFunc(slices.Clone(add), func(tag string) bool { return slices.Contains(r.SystemTags, tag) })
	after := slices.DeleteFunc(slices.Clone(r.Tags), func(tag string) bool { return slices.Contains(remove, tag) })
	for _, tag := range add {
		if !slices.Contains(after, tag) {
			after = append(after, tag)
		}
	}
	if err := CheckTags(add); err != nil {
		return r, err
	}
	if len(after) > MaxTags {
		return r, fault.New(fault.Invalid, "A run can have at most %d tags; run %d would have %d.", MaxTags, id, len(after))
	}
	r.Tags, err = s.c.Store.ChangeTags(ctx, id, remove, add)
	return r, err
}
