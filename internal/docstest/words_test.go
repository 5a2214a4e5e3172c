package docstest

import (
	"errors"
	"strconv"
	"strings"
)

func itoa(n int) string { return strconv.Itoa(n) }

// split splits a line into words as a shell does: at spaces, unless they are quoted.
func split(line string) ([]string, error) {
	var words []string
	var word strings.Builder
	open, quote := false, rune(0)
	for _, r := range line {
		switch {
		case quote != 0 && r == quote:
			quote = 0
		case quote != 0:
			word.WriteRune(r)
		case r == '\'' || r == '"':
			quote, open = r, true
		case r == ' ':
			if open {
				words = append(words, word.String())
				word.Reset()
				open = false
			}
		default:
			word.WriteRune(r)
			open = true
		}
	}
	if quote != 0 {
		return nil, errors.New("a quote is not closed")
	}
	if open {
		words = append(words, word.String())
	}
	return words, nil
}

// archive is a text file that holds files: a line "-- name --" begins each. What comes before the first is the comment.
type archive struct {
	comment string
	files   []member
}

type member struct{ name, text string }

func parseArchive(text string) *archive {
	a := &archive{}
	to := &a.comment
	for line := range strings.Lines(text) {
		name, begins := strings.CutPrefix(strings.TrimRight(line, "\n"), "-- ")
		name, ends := strings.CutSuffix(name, " --")
		if begins && ends {
			a.files = append(a.files, member{name: name})
			to = &a.files[len(a.files)-1].text
			continue
		}
		*to += line
	}
	return a
}

func (a *archive) String() string {
	var b strings.Builder
	b.WriteString(a.comment)
	for _, f := range a.files {
		b.WriteString("-- " + f.name + " --\n" + f.text)
	}
	return b.String()
}

// section returns a file of an archive.
func (a *archive) section(name string) string {
	for _, f := range a.files {
		if f.name == name {
			return f.text
		}
	}
	return ""
}

// set changes a file of an archive; without text it is removed.
func (a *archive) set(name, text string) {
	for i, f := range a.files {
		if f.name == name {
			if a.files[i].text = text; text == "" {
				a.files = append(a.files[:i:i], a.files[i+1:]...)
			}
			return
		}
	}
	if text != "" {
		a.files = append(a.files, member{name, text})
	}
}
