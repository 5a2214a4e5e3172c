package cli

import (
	"bytes"
	"encoding/json"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
)

// spelled returns the ways in which runs may have recorded parameters that were typed, that of the typing first. What is recorded
// of a flow in Python is the value as Python writes it, of one in Go the text that was given. All are asked for exactly, so that the
// store finds each by its index.
func spelled(typed map[string]string) []map[string]string {
	all := []map[string]string{{}}
	for _, name := range slices.Sorted(maps.Keys(typed)) {
		var more []map[string]string
		for _, n := range nameSpellings(name) {
			for _, value := range valueSpellings(typed[name]) {
				for _, p := range all {
					p = maps.Clone(p)
					p[n] = value
					more = append(more, p)
				}
			}
		}
		all = more
	}
	return all
}

// nameSpellings: an attribute long_name may be the option --long-name.
func nameSpellings(name string) []string {
	return distinct(name, strings.ReplaceAll(name, "_", "-"), strings.ReplaceAll(name, "-", "_"))
}

// valueSpellings are a value as it was typed, and as Python writes what it may have made of it.
func valueSpellings(typed string) []string {
	all := []string{typed}
	switch strings.ToLower(typed) { // as Click reads it
	case "true", "t", "1", "yes", "y", "on":
		all = append(all, "True")
	case "false", "f", "0", "no", "n", "off":
		all = append(all, "False")
	case "null":
		all = append(all, "None")
	}
	number := strings.TrimSpace(typed)
	if n, err := strconv.ParseInt(number, 10, 64); err == nil {
		all = append(all, strconv.FormatInt(n, 10))
	}
	if f, err := strconv.ParseFloat(number, 64); err == nil && !math.IsInf(f, 0) && !math.IsNaN(f) {
		all = append(all, pythonFloat(f))
	}
	var text string
	switch {
	case strings.HasPrefix(number, `"`) && json.Unmarshal([]byte(number), &text) == nil:
		all = append(all, text)
	case strings.HasPrefix(number, "{") || strings.HasPrefix(number, "["):
		all = append(all, pythonJSON(number))
	}
	return distinct(all...)
}

func distinct(all ...string) []string {
	var once []string
	for _, text := range all {
		if !slices.Contains(once, text) {
			once = append(once, text)
		}
	}
	return once
}

// pythonFloat is a number as Python's str writes a float.
func pythonFloat(f float64) string {
	if size := math.Abs(f); f != 0 && (size < 1e-4 || size >= 1e16) {
		return strconv.FormatFloat(f, 'e', -1, 64)
	}
	text := strconv.FormatFloat(f, 'f', -1, 64)
	if !strings.Contains(text, ".") {
		text += ".0"
	}
	return text
}

// pythonJSON is JSON with white space as json.dumps writes it; what is no JSON stays as it is.
func pythonJSON(text string) string {
	var tight bytes.Buffer
	if json.Compact(&tight, []byte(text)) != nil {
		return text
	}
	var b strings.Builder
	quoted, escaped := false, false
	for _, c := range tight.Bytes() {
		b.WriteByte(c)
		switch {
		case escaped:
			escaped = false
		case c == '\\':
			escaped = true
		case c == '"':
			quoted = !quoted
		case (c == ',' || c == ':') && !quoted:
			b.WriteByte(' ')
		}
	}
	return b.String()
}
