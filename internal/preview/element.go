package preview

import (
	"unicode/utf8"

	"github.com/levadahq/levada/internal/pickle"
)

// maxElement is how many characters the short form of a foreach element has at most.
const maxElement = 30

// Element is the short form of an element of a foreach, as the SDK of its language gives it: text as it is, other
// pickled values as Python shows them, JSON as it is written. "" if it cannot be read.
func Element(codec string, data []byte) string {
	text := ""
	switch codec {
	case "json":
		text = string(data)
		if v, err := parseJSON(data); err == nil {
			if s, ok := v.(string); ok {
				text = s
			}
		}
	case "pickle":
		v, err := pickle.Decode(data, pickle.Limits{})
		if err != nil {
			return ""
		}
		var ok bool
		if text, ok = v.(string); !ok {
			text = pickle.Repr(v, utf8.UTFMax*maxElement)
		}
	}
	return firstRunes(text, maxElement)
}

// firstRunes is the beginning of a text, made valid: Python's text may have halves of characters.
func firstRunes(text string, n int) string {
	text, _ = cut(text, utf8.UTFMax*n)
	for i := range text {
		if n--; n < 0 {
			return text[:i]
		}
	}
	return text
}
