package service

import (
	"context"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/levadahq/levada/internal/metastore"
	"github.com/levadahq/levada/internal/pickle"
)

// previewLimit is the largest value, in bytes, that is read for a preview.
const previewLimit = 8 << 20

// Preview returns the value of an artifact as one short line: what Python's repr shows, cut off at about max bytes,
// arrays and data frames by their shape and types. Nothing of it is executed. Of a value that is too large to
// be read for that, and of one that cannot be read, it tells the type.
func (s *Service) Preview(ctx context.Context, a metastore.Artifact, max int) (string, error) {
	if a.Size > previewLimit {
		return "<" + a.Type + ">", nil
	}
	data, err := s.Value(ctx, a)
	if err != nil {
		return "", err
	}
	return oneLine(Repr(a, data, max), max), nil
}

// Repr returns the encoded value of an artifact as Python's repr shows it, at most about max bytes. What is not
// plain data is told by its class; what cannot be read, by its type.
func Repr(a metastore.Artifact, data []byte, max int) string {
	if a.Codec != "pickle" {
		if utf8.Valid(data) {
			if len(data) > max {
				return strings.ToValidUTF8(string(data[:max]), "") + "..."
			}
			return string(data)
		}
		return fmt.Sprintf("<%s of %d bytes>", a.Type, len(data))
	}
	value, err := pickle.Decode(data, pickle.Limits{})
	if err != nil {
		return "<" + a.Type + ">"
	}
	return pickle.Repr(value, max)
}

// oneLine makes text safe for one line of a terminal: white space becomes one space, what is not printable "?".
func oneLine(text string, max int) string {
	var b strings.Builder
	space := false
	for _, r := range text {
		switch {
		case unicode.IsSpace(r):
			space = true
			continue
		case !unicode.IsPrint(r):
			r = '?'
		}
		if space && b.Len() > 0 {
			b.WriteByte(' ')
		}
		space = false
		if b.WriteRune(r); b.Len() > max {
			break
		}
	}
	return b.String()
}
