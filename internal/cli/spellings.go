package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
)

// spelled returns the ways in which runs may have recorded parameters that were typed, that of the typing first. What
// is recorded of a flow in Python is the value as Python writes it, of one in Go the text that was given. All are asked
// for exactly, so that the store finds each by its index.
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
		all = append(all, jsonSpellings(number)...)
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

// jsonSpellings are the ways in which JSON may have been recorded: as Python's json.dumps writes
// it, with letters as they are and, before that, escaped; and with numbers as they were given,
// tight and with spaces. What is no JSON has none.
func jsonSpellings(text string) []string {
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	v, err := readJSON(d)
	if err != nil {
		return nil
	}
	if _, err := d.Token(); err != io.EOF {
		return nil
	}
	var all []string
	for _, style := range []jsonStyle{
		{comma: ", ", colon: ": ", python: true}, {comma: ", ", colon: ": ", python: true, ascii: true}, {comma: ",", colon: ":"}, {comma: ", ", colon: ": "},
	} {
		var b strings.Builder
		style.write(&b, v)
		all = append(all, b.String())
	}
	return all
}

// member is one of a JSON object, in which the order counts.
type member struct {
	name  string
	value any
}

// readJSON reads a value: nil, a bool, a json.Number, a string, a []any or a []member. Of members with one name the
// last value counts, in the place of the first, as Python reads them.
func readJSON(d *json.Decoder) (any, error) {
	token, err := d.Token()
	if err != nil {
		return nil, err
	}
	switch token {
	case json.Delim('['):
		list := []any{}
		for d.More() {
			v, err := readJSON(d)
			if err != nil {
				return nil, err
			}
			list = append(list, v)
		}
		_, err := d.Token()
		return list, err
	case json.Delim('{'):
		members, place := []member{}, map[string]int{}
		for d.More() {
			name, err := d.Token()
			if err != nil {
				return nil, err
			}
			v, err := readJSON(d)
			if err != nil {
				return nil, err
			}
			m := member{name.(string), v} // Token sees to it that it is one
			if at, twice := place[m.name]; twice {
				members[at] = m
				continue
			}
			place[m.name] = len(members)
			members = append(members, m)
		}
		_, err := d.Token()
		return members, err
	}
	return token, nil
}

// jsonStyle is a way to write JSON.
type jsonStyle struct {
	comma, colon string
	python       bool // numbers as Python writes what it read
	ascii        bool // letters beyond ASCII are escaped
}

func (s jsonStyle) write(b *strings.Builder, v any) {
	switch v := v.(type) {
	case nil:
		b.WriteString("null")
	case bool:
		b.WriteString(strconv.FormatBool(v))
	case json.Number:
		b.WriteString(s.number(v.String()))
	case string:
		s.quote(b, v)
	case []any:
		b.WriteByte('[')
		for i, x := range v {
			if i > 0 {
				b.WriteString(s.comma)
			}
			s.write(b, x)
		}
		b.WriteByte(']')
	case []member:
		b.WriteByte('{')
		for i, m := range v {
			if i > 0 {
				b.WriteString(s.comma)
			}
			s.quote(b, m.name)
			b.WriteString(s.colon)
			s.write(b, m.value)
		}
		b.WriteByte('}')
	}
}

func (s jsonStyle) number(text string) string {
	switch {
	case !s.python:
		return text
	case text == "-0":
		return "0"
	case strings.ContainsAny(text, ".eE"):
		switch f, err := strconv.ParseFloat(text, 64); {
		case err == nil:
			return pythonFloat(f)
		case math.IsInf(f, 0):
			return map[bool]string{true: "Infinity", false: "-Infinity"}[f > 0]
		}
	}
	return text
}

// The characters that JSON has a short escape for.
var shortEscapes = map[rune]string{'"': `\"`, '\\': `\\`, '\b': `\b`, '\f': `\f`, '\n': `\n`, '\r': `\r`, '\t': `\t`}

func (s jsonStyle) quote(b *strings.Builder, text string) {
	b.WriteByte('"')
	for _, r := range text {
		short, ok := shortEscapes[r]
		switch {
		case ok:
			b.WriteString(short)
		case r >= ' ' && r <= '~', r >= '\x7f' && !s.ascii:
			b.WriteRune(r)
		default:
			for _, unit := range utf16.AppendRune(nil, r) {
				fmt.Fprintf(b, `\u%04x`, unit)
			}
		}
	}
	b.WriteByte('"')
}
