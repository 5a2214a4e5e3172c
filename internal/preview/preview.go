// Package preview shows stored values to people: what kind of thing a value is, and as much of it as fits on a page.
//
// A value is classified by what it holds and not by the language that stored it: a number, a text, a table, an array, an image,
// a tree of lists and maps. Whatever is none of these, or cannot be read, is shown as its type with what is known of it. Nothing of a
// value is executed (package pickle), and everything that is shown is bounded, so a hostile value costs no more than its bytes.
//
// The package is pure.
package preview

import (
	"bytes"
	"encoding/binary"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/levadahq/levada/internal/pickle"
)

// Kind is what a value is shown as.
type Kind string

// The kinds.
const (
	None    Kind = "none"
	Bool    Kind = "bool"
	Number  Kind = "number"
	Text    Kind = "text"
	Table   Kind = "table"
	Array   Kind = "array"
	Image   Kind = "image"
	JSON    Kind = "json" // a tree of lists and maps
	Bytes   Kind = "bytes"
	Unknown Kind = "unknown"
)

// MaxInput is the size in bytes above which a value is not read for its preview.
const MaxInput = 16 << 20

// The limits of what is shown.
const (
	maxText    = 16 << 10
	maxTree    = 64 << 10
	maxRows    = 50
	maxColumns = 40
	maxCell    = 200
	maxSample  = 500
	maxHex     = 256
)

// Preview is a value as it is shown. Fields that its kind does not have are empty.
type Preview struct {
	Kind      Kind            `json:"kind"`
	Text      string          `json:"text,omitempty"` // of all kinds but trees and tables: what to show where there is one line
	Truncated bool            `json:"truncated,omitempty"`
	Number    *float64        `json:"number,omitempty"` // of a number or a bool; not of nan and the infinities
	JSON      json.RawMessage `json:"json,omitempty"`
	Columns   []string        `json:"columns,omitempty"`
	Rows      [][]string      `json:"rows,omitempty"`       // of a table, and of a two-dimensional array
	TotalRows int             `json:"total_rows,omitempty"` // of a table
	Shape     []int           `json:"shape,omitempty"`
	DType     string          `json:"dtype,omitempty"`
	Values    []*float64      `json:"values,omitempty"` // of an array, evenly chosen where there are many; null for what is no number
	MediaType string          `json:"media_type,omitempty"`
}

// Of returns the preview of an encoded value of a codec and a type.
func Of(codec, typ string, data []byte) Preview {
	if len(data) > MaxInput {
		return TooLarge(typ)
	}
	switch codec {
	case "pickle":
		return ofPickle(typ, data)
	case "json":
		return ofJSON(typ, data)
	}
	return ofBytes(data)
}

// TooLarge is the preview of a value that is too large to be read for one.
func TooLarge(typ string) Preview {
	return Preview{Kind: Unknown, Text: "<" + typ + ">", Truncated: true}
}

// Raw returns the bytes that are an image, with their media type; not ok if the value is none.
func Raw(codec string, data []byte) (image []byte, mediaType string, ok bool) {
	if codec == "pickle" {
		v, err := pickle.Decode(data, pickle.Limits{})
		if err != nil {
			return nil, "", false
		}
		if data, ok = bytesOf(v); !ok {
			return nil, "", false
		}
	}
	mediaType = imageType(data)
	return data, mediaType, mediaType != ""
}

// Float returns the number that an encoded value is: an int, a float, a bool or a numpy scalar; not ok if it is none.
func Float(codec string, data []byte) (float64, bool) {
	var v any
	switch codec {
	case "pickle":
		var err error
		if v, err = pickle.Decode(data, pickle.Limits{Memory: 1 << 16}); err != nil {
			return 0, false
		}
		if s, ok := pickle.Scalar(v); ok {
			v = s
		}
	case "json":
		if json.Unmarshal(data, &v) != nil {
			return 0, false
		}
	}
	switch v := v.(type) {
	case bool:
		if v {
			return 1, true
		}
		return 0, true
	case int64:
		return float64(v), true
	case float64:
		return v, true
	}
	return 0, false
}

func ofPickle(typ string, data []byte) Preview {
	v, err := pickle.Decode(data, pickle.Limits{})
	if err != nil {
		return Preview{Kind: Unknown, Text: "<" + typ + ">", Truncated: true}
	}
	if a, ok := pickle.ArrayOf(v); ok {
		return ofArray(a)
	}
	if file, ok := pickle.CSV(v); ok {
		return ofTable(file)
	}
	if raw, ok := bytesOf(v); ok {
		return ofBytes(raw)
	}
	if text, why := pickle.PlainJSON(v); why == "" {
		return ofJSON(typ, text)
	}
	p := Preview{Kind: Unknown, Text: pickle.Repr(v, maxText)}
	if f, ok := v.(float64); ok { // nan and the infinities, which JSON does not have
		p.Kind, p.Text = Number, formatFloat(f)
	} else if tree, _, err := pickle.ToJSON(v, maxTree); err == nil && len(tree) > 0 && (tree[0] == '[' || isMap(v)) {
		p.Kind, p.JSON = JSON, tree
	}
	p.Truncated = p.JSON == nil && len(p.Text) >= maxText
	return p
}

func isMap(v pickle.Value) bool { _, ok := v.(*pickle.Dict); return ok }

func bytesOf(v pickle.Value) ([]byte, bool) {
	switch v := v.(type) {
	case pickle.Bytes:
		return v, true
	case *pickle.ByteArray:
		return v.Data, true
	}
	return nil, false
}

func ofJSON(typ string, text []byte) Preview {
	var v any
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	if !json.Valid(text) || d.Decode(&v) != nil {
		return Preview{Kind: Unknown, Text: "<" + typ + ">"}
	}
	switch v := v.(type) {
	case nil:
		return Preview{Kind: None, Text: "None"}
	case bool:
		f := 0.0
		if v {
			f = 1
		}
		return Preview{Kind: Bool, Text: strconv.FormatBool(v), Number: &f}
	case json.Number:
		p := Preview{Kind: Number, Text: v.String()}
		if f, err := v.Float64(); err == nil {
			p.Number = &f
		}
		return p
	case string:
		p := Preview{Kind: Text}
		p.Text, p.Truncated = cut(v, maxText)
		return p
	case []any:
		if p, ok := ofRecords(v); ok {
			return p
		}
		if p, ok := ofNumbers(v); ok {
			return p
		}
	}
	if len(text) <= maxTree {
		return Preview{Kind: JSON, JSON: text}
	}
	p := Preview{Kind: Unknown, Truncated: true}
	p.Text, _ = cut(string(text), maxText)
	return p
}

// ofRecords shows a list of flat maps as a table.
func ofRecords(list []any) (Preview, bool) {
	if len(list) == 0 {
		return Preview{}, false
	}
	var columns []string
	known := map[string]bool{}
	for i, item := range list {
		m, ok := item.(map[string]any)
		if !ok || len(m) == 0 {
			return Preview{}, false
		}
		for name, v := range m {
			switch v.(type) {
			case map[string]any, []any:
				return Preview{}, false
			}
			if !known[name] && i < maxRows {
				known[name] = true
				columns = append(columns, name)
			}
		}
	}
	slices.Sort(columns)
	p := Preview{Kind: Table, Columns: columns, TotalRows: len(list)}
	if len(columns) > maxColumns {
		p.Columns, p.Truncated = columns[:maxColumns], true
	}
	for _, item := range list[:min(len(list), maxRows)] {
		m := item.(map[string]any)
		row := make([]string, len(p.Columns))
		for i, name := range p.Columns {
			if v, ok := m[name]; ok {
				row[i] = cell(v)
			}
		}
		p.Rows = append(p.Rows, row)
	}
	p.Truncated = p.Truncated || len(list) > maxRows
	return p, true
}

func cell(v any) string {
	text := ""
	switch v := v.(type) {
	case nil:
	case string:
		text = v
	case json.Number:
		text = v.String()
	case bool:
		text = strconv.FormatBool(v)
	}
	text, _ = cut(text, maxCell)
	return text
}

// minNumbers is from how many numbers on a list is shown as an array: a shorter one is easier to read as it is.
const minNumbers = 8

// ofNumbers shows a list of numbers as an array.
func ofNumbers(list []any) (Preview, bool) {
	if len(list) < minNumbers {
		return Preview{}, false
	}
	for _, item := range list {
		if _, ok := item.(json.Number); !ok {
			return Preview{}, false
		}
	}
	p := Preview{Kind: Array, Shape: []int{len(list)}}
	for _, i := range sample(len(list)) {
		f, _ := list[i].(json.Number).Float64()
		p.Values = append(p.Values, finite(f))
	}
	p.Truncated = len(p.Values) < len(list)
	p.Text = "list of " + strconv.Itoa(len(list)) + " numbers"
	return p, true
}

func ofArray(a *pickle.Array) Preview {
	n := a.Len()
	p := Preview{Kind: Array, Shape: a.Shape, DType: dtype(a)}
	for _, i := range sample(n) {
		p.Values = append(p.Values, finite(a.Float(i)))
	}
	p.Truncated = len(p.Values) < n
	if len(a.Shape) == 2 {
		rows, columns := min(a.Shape[0], maxRows), min(a.Shape[1], maxColumns)
		for r := range rows {
			row := make([]string, columns)
			for c := range columns {
				i := r*a.Shape[1] + c
				if a.Fortran {
					i = c*a.Shape[0] + r
				}
				row[c] = formatNumber(a, i)
			}
			p.Rows = append(p.Rows, row)
		}
	}
	shape := make([]string, len(a.Shape))
	for i, s := range a.Shape {
		shape[i] = strconv.Itoa(s)
	}
	p.Text = p.DType + " [" + strings.Join(shape, " × ") + "]"
	if n == 1 {
		p.Text += " " + formatNumber(a, 0)
	}
	return p
}

func dtype(a *pickle.Array) string {
	if a.Kind == 'b' {
		return "bool"
	}
	return map[byte]string{'i': "int", 'u': "uint", 'f': "float"}[a.Kind] + strconv.Itoa(8*a.Size)
}

func ofTable(file []byte) Preview {
	r := csv.NewReader(bytes.NewReader(file))
	r.FieldsPerRecord = -1
	p := Preview{Kind: Table}
	for n := -1; ; n++ {
		row, err := r.Read()
		if err != nil {
			p.TotalRows = max(n, 0)
			break
		}
		if n >= maxRows {
			p.Truncated = true
			continue
		}
		if len(row) > maxColumns {
			row, p.Truncated = row[:maxColumns], true
		}
		for i := range row {
			row[i], _ = cut(row[i], maxCell)
		}
		if n < 0 {
			p.Columns = row
		} else {
			p.Rows = append(p.Rows, row)
		}
	}
	return p
}

func ofBytes(data []byte) Preview {
	if media := imageType(data); media != "" {
		return Preview{Kind: Image, MediaType: media, Text: media + ", " + strconv.Itoa(len(data)) + " bytes"}
	}
	if utf8.Valid(data) && printable(data) {
		p := Preview{Kind: Text}
		p.Text, p.Truncated = cut(string(data), maxText)
		return p
	}
	p := Preview{Kind: Bytes, Text: hex.Dump(data[:min(len(data), maxHex)])}
	p.Truncated = len(data) > maxHex
	return p
}

func printable(data []byte) bool {
	return len(data) > 0 && bytes.IndexFunc(data, func(r rune) bool { return r < ' ' && r != '\n' && r != '\t' && r != '\r' && r != 0x1b }) < 0
}

// imageType returns the media type of an image that every browser shows and that holds no scripts, by its first bytes, "" if it is
// none. See the signatures of the PNG, JPEG, GIF and WebP (RIFF) formats.
func imageType(data []byte) string {
	switch {
	case bytes.HasPrefix(data, []byte("\x89PNG\r\n\x1a\n")):
		return "image/png"
	case bytes.HasPrefix(data, []byte("\xff\xd8\xff")):
		return "image/jpeg"
	case bytes.HasPrefix(data, []byte("GIF87a")), bytes.HasPrefix(data, []byte("GIF89a")):
		return "image/gif"
	case len(data) >= 16 && bytes.HasPrefix(data, []byte("RIFF")) && string(data[8:12]) == "WEBP" && int64(binary.LittleEndian.Uint32(data[4:]))+8 <= int64(len(data))+1:
		return "image/webp"
	}
	return ""
}

// sample returns the places that are shown of n: all, or evenly chosen ones.
func sample(n int) []int {
	m := min(n, maxSample)
	places := make([]int, m)
	for i := range places {
		places[i] = i
		if n > maxSample {
			places[i] = int(float64(i) * float64(n-1) / float64(m-1))
		}
	}
	return places
}

// finite is a number as JSON has it: nil for nan and the infinities.
func finite(f float64) *float64 {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return nil
	}
	return &f
}

// formatNumber writes an element of an array, with as many digits as its type has.
func formatNumber(a *pickle.Array, i int) string {
	f := a.Float(i)
	if a.Kind == 'f' && a.Size < 8 && finite(f) != nil {
		return strconv.FormatFloat(f, 'g', -1, 32)
	}
	return formatFloat(f)
}

// formatFloat writes a number as Python does.
func formatFloat(f float64) string {
	switch {
	case math.IsNaN(f):
		return "nan"
	case math.IsInf(f, 0):
		return strings.TrimPrefix(strings.ToLower(strconv.FormatFloat(f, 'g', -1, 64)), "+")
	}
	return strconv.FormatFloat(f, 'g', -1, 64)
}

// cut shortens a text to about max bytes.
func cut(text string, max int) (string, bool) {
	if len(text) <= max {
		return strings.ToValidUTF8(text, "�"), false
	}
	return strings.ToValidUTF8(text[:max], ""), true
}
