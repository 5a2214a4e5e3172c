package convert

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// NotJSON says why bytes are not JSON: where, and what to write instead. It is nil if they are.
func NotJSON(data []byte) error {
	var all json.RawMessage
	err := json.Unmarshal(data, &all)
	wrong, ok := errors.AsType[*json.SyntaxError](err)
	switch {
	case err == nil:
		return nil
	case len(data) == 0:
		return errors.New("it is empty")
	case bytes.HasPrefix(data, []byte("\xef\xbb\xbf")):
		return errors.New("it begins with a byte order mark: write UTF-8 without one")
	case bytes.HasPrefix(data, []byte("\xff\xfe")), bytes.HasPrefix(data, []byte("\xfe\xff")):
		return errors.New("it is UTF-16: write UTF-8")
	case !ok:
		return err
	}
	// The offset is behind the byte that does not fit. Of a word it may be the second: nan begins as null does.
	at := max(int(wrong.Offset)-1, 0)
	if wrong.Error() == "unexpected end of JSON input" {
		at = len(data)
	}
	what := wrong.Error()
	begin := len(bytes.TrimRightFunc(data[:at], inWord))
	word, _, _ := strings.Cut(string(data[begin:]), "\n")
	word = word[:len(word)-len(strings.TrimLeftFunc(word, inWord))]
	if advice := insteadOf(word); advice != "" && wantsValue(what) {
		at, what = begin, advice
	} else if bytes.HasPrefix(data[at:], []byte("'")) && strings.Contains(what, "looking for beginning of") {
		what = "names and texts have double quotes in JSON"
	}
	before := data[:at]
	line := bytes.Count(before, []byte("\n")) + 1
	column := utf8.RuneCount(before[bytes.LastIndexByte(before, '\n')+1:]) + 1
	return fmt.Errorf("line %d, column %d: %s", line, column, what)
}

// wantsValue reports whether what encoding/json found wrong is in the place of a value. In a text, a word is a part of
// that, and behind a value it is one too many.
func wantsValue(wrong string) bool {
	return strings.HasSuffix(wrong, "looking for beginning of value") || strings.HasSuffix(wrong, "in numeric literal") ||
		strings.Contains(wrong, "in literal ")
}

// inWord reports whether a character may be part of what many languages write for a value, and JSON does not.
func inWord(r rune) bool { return r == '-' || r == '+' || unicode.IsLetter(r) }

// insteadOf says what to write instead of such a word, "" if that is not known.
func insteadOf(word string) string {
	switch strings.ToLower(word) {
	case "nan", "inf", "infinity", "-nan", "-inf", "-infinity", "+nan", "+inf", "+infinity":
		return fmt.Sprintf("JSON has no %s: write null, or a text such as %q", word, word)
	case "true", "false":
		return fmt.Sprintf("JSON has no %s: write %s", word, strings.ToLower(word))
	case "none", "nil", "na", "null", "undefined":
		return fmt.Sprintf("JSON has no %s: write null", word)
	}
	return ""
}
