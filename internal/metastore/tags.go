package metastore

import (
	"strings"
	"unicode"

	"github.com/levadahq/levada/internal/fault"
)

// CheckTagText checks that new user tags are what people can see, type and find again. Whoever adds tags for somebody
// asks it; what runs have already, or were recorded with by Metaflow, stays. How many and how long they are is
// another question: see service.CheckTags.
func CheckTagText(tags []string) error {
	for _, tag := range tags {
		bare := strings.TrimSpace(tag)
		problem := ""
		switch {
		case bare == "": // no tag at all, which service.CheckTags says
		case strings.ContainsFunc(tag, breaksText):
			problem = "have line breaks or other control characters"
		case bare != tag:
			problem = "begin or end with space"
		}
		if problem != "" {
			e := fault.New(fault.Invalid, "A tag must not %s: %.80q.", problem, tag)
			e.Op = "tag a run"
			return e
		}
	}
	return nil
}

// breaksText reports whether a character is none to be seen: it controls a terminal, or ends a line or paragraph.
func breaksText(r rune) bool { return unicode.IsControl(r) || unicode.In(r, unicode.Zl, unicode.Zp) }
