// Package preview describes how a stored value is shown on a page: as a number, a table, a sample of an array, an
// image. It reads the formats in which values are stored and executes nothing: package pickle decodes pickles into
// plain data, without creating objects.
//
// Its input may be large and hostile. [Make] is given at most [ReadLimit] bytes, decoding is bounded in memory, and so
// is what it returns, whatever the value is: in rows, columns, samples and bytes of text. Images are recognised by the
// first bytes of PNG, JPEG, GIF and WebP. An SVG is text, since a browser would run the scripts in it.
//
// The package is pure.
package preview

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/levadahq/levada/internal/pickle"
)

// Kind is how a preview is to be shown.
type Kind string

// The kinds of previews, with the fields of [Preview] that they have beside Type, Size and Text.
const (
	Number Kind = "number" // Number, null if it is not finite
	Text   Kind = "text"   // Text is the text itself
	Bool   Kind = "bool"
	None   Kind = "none"
	Table  Kind = "table" // Columns, Types if they are known, Rows, Index if rows have labels, TotalRows, Shape
	// Array has Shape and DType; Values and NotFinite if it has numbers; of one or two dimensions Rows, too, if its
	// elements can be told.
	Array   Kind = "array"
	Image   Kind = "image"   // MediaType
	JSON    Kind = "json"    // Text is JSON; Length
	Bytes   Kind = "bytes"   // Text is a hex dump
	Object  Kind = "object"  // Rows: the names of its attributes and their values; Length
	Unknown Kind = "unknown" // Text is what is known of the value: its class, its attributes
)

// Preview is what a value looks like.
type Preview struct {
	Kind      Kind       `json:"kind"`
	Type      string     `json:"type"` // as its language names it
	Hash      string     `json:"hash"`
	Size      int64      `json:"size"` // of the encoded bytes
	Text      string     `json:"text"`
	Truncated bool       `json:"truncated"` // there is more of it than this shows
	Number    *Float     `json:"number,omitempty"`
	Columns   []string   `json:"columns,omitempty"`
	Types     []string   `json:"types,omitempty"` // of the columns
	Rows      [][]string `json:"rows,omitempty"`  // the first ones; of an array of one dimension, its elements
	Index     []string   `json:"index,omitempty"` // the labels of these rows
	TotalRows int64      `json:"total_rows,omitempty"`
	Shape     []int64    `json:"shape,omitempty"`
	DType     string     `json:"dtype,omitempty"`
	Values    []Float    `json:"values,omitempty"`     // evenly sampled, in the order of the array
	NotFinite int64      `json:"not_finite,omitempty"` // how many elements are NaN or infinite
	Length    int64      `json:"length,omitempty"`     // of a list, dict or the like: its parts, shown or not
	MediaType string     `json:"media_type,omitempty"`
}

// Float is a number as JSON has it: null if it is not a finite one.
type Float float64

func (f Float) finite() bool { return !math.IsNaN(float64(f)) && !math.IsInf(float64(f), 0) }

// MarshalJSON writes null for what JSON has no number for.
func (f Float) MarshalJSON() ([]byte, error) {
	if !f.finite() {
		return []byte("null"), nil
	}
	return json.Marshal(float64(f))
}

// UnmarshalJSON reads null as NaN.
func (f *Float) UnmarshalJSON(data []byte) error {
	if string(data) == "null" {
		*f = Float(math.NaN())
		return nil
	}
	return json.Unmarshal(data, (*float64)(f))
}

// The bounds of what is read and shown.
const (
	ReadLimit   = 32 << 20 // bytes of an encoded value; larger ones are told by type and size
	memoryLimit = 128 << 20
	maxText     = 64 << 10
	maxDump     = 4 << 10
	maxRows     = 100
	maxColumns  = 50
	maxCell     = 200
	maxValues   = 1000
)

// Value is an encoded value.
type Value struct {
	Codec string // "pickle", "json", "file", "npy", "csv", "gob", "binary", "items"
	Type  string // as its language names it
	Size  int64  // of all of it
	Data  []byte // all of it, or its beginning if it is longer than ReadLimit
}

// Make tells what a value looks like.
func Make(v Value) Preview {
	p := &Preview{Kind: Unknown, Type: v.Type, Size: v.Size}
	part := int64(len(v.Data)) < v.Size
	switch {
	case v.Codec == "file":
		p.file(v.Data, v.Type)
		p.Truncated = p.Truncated || part
	case part:
		p.Text = fmt.Sprintf("<%s, too large to be shown>", orValue(v.Type))
		p.Truncated = true
	case v.Codec == "pickle":
		p.pickled(v.Data)
	case v.Codec == "json":
		p.json(v.Data)
	case v.Codec == "npy":
		p.npy(v.Data)
	case v.Codec == "csv":
		p.csv(v.Data)
	default:
		p.file(v.Data, "")
		if p.Kind == Bytes {
			p.Kind = Unknown
			p.Text = fmt.Sprintf("<%s, stored as %s>", orValue(v.Type), v.Codec)
		}
	}
	return *p
}

func orValue(typ string) string {
	if typ == "" {
		return "value"
	}
	return typ
}

// file shows bytes as they are, or text.
func (p *Preview) file(data []byte, typ string) {
	media := MediaType(data)
	switch {
	case media != "":
		p.Kind, p.MediaType = Image, media
	case typ == "bytes" || len(data) > 0 && !isText(data):
		p.dump(data)
	default:
		p.text(string(data))
	}
}

// isText reports whether bytes are text as far as they go: the last character may be cut off.
func isText(data []byte) bool {
	for cut := 0; cut < utf8.UTFMax && cut <= len(data); cut++ {
		if utf8.Valid(data[:len(data)-cut]) {
			return !strings.ContainsRune(string(data[:min(len(data), maxText)]), 0)
		}
	}
	return false
}

func (p *Preview) text(s string) {
	p.Kind = Text
	p.Text, p.Truncated = cut(s, maxText)
}

func (p *Preview) dump(data []byte) {
	p.Kind = Bytes
	p.Text, p.Truncated = hex.Dump(data[:min(len(data), maxDump)]), len(data) > maxDump
}

// cut shortens text to at most max bytes, and makes it valid: Python's text may have halves of characters.
func cut(s string, max int) (string, bool) {
	if len(s) <= max {
		return strings.ToValidUTF8(s, "\uFFFD"), false
	}
	s = s[:max]
	for i := 0; i < utf8.UTFMax-1 && len(s) > 0; i++ {
		if r, n := utf8.DecodeLastRuneInString(s); r != utf8.RuneError || n != 1 {
			break
		}
		s = s[:len(s)-1]
	}
	return strings.ToValidUTF8(s, "\uFFFD"), true
}

// MediaType tells an image by its first bytes, "" if they are not those of one
// that browsers show and that holds no code.
func MediaType(data []byte) string {
	has := func(at int, magic string) bool {
		return len(data) >= at+len(magic) && string(data[at:at+len(magic)]) == magic
	}
	switch {
	case has(0, "\x89PNG\r\n\x1a\n"):
		return "image/png"
	case has(0, "\xff\xd8\xff"):
		return "image/jpeg"
	case has(0, "GIF87a"), has(0, "GIF89a"):
		return "image/gif"
	case has(0, "RIFF") && has(8, "WEBP"):
		return "image/webp"
	}
	return ""
}

// ImageBytes returns the bytes of an image that a value is, with their media type; "" if it is none.
func ImageBytes(v Value) (data []byte, media string) {
	data = v.Data
	if v.Codec == "pickle" {
		decoded, err := pickle.Decode(v.Data, pickle.Limits{Memory: memoryLimit})
		if err != nil {
			return nil, ""
		}
		data = bytesOf(decoded)
	} else if v.Codec == "json" {
		return nil, ""
	}
	media = MediaType(data)
	if media == "" {
		return nil, ""
	}
	return data, media
}

func bytesOf(v pickle.Value) []byte {
	switch v := v.(type) {
	case pickle.Bytes:
		return v
	case *pickle.ByteArray:
		return v.Data
	}
	return nil
}

// pickled shows a pickle.
func (p *Preview) pickled(data []byte) {
	v, err := pickle.Decode(data, pickle.Limits{Memory: memoryLimit})
	if err != nil {
		p.Text, p.Truncated = "<"+orValue(p.Type)+">", true
		return
	}
	if p.Type == "" {
		p.Type = pickle.Type(v)
	}
	p.value(v)
}

// value shows a decoded value.
func (p *Preview) value(v pickle.Value) {
	if x, ok := pickle.Scalar(v); ok {
		p.plain(x)
		return
	}
	if p.plain(v) || p.frame(v) || p.array(v) {
		return
	}
	if text, ok := pickle.Text(v); ok {
		p.text(text)
		return
	}
	switch v := v.(type) {
	case *pickle.List:
		if !p.records(v) && !p.numbers(v.Items) {
			p.asJSON(v)
		}
	case *pickle.Tuple, *pickle.Set, *pickle.Dict:
		p.asJSON(v)
	default:
		p.repr(v)
		p.fields(v)
	}
}

// fields shows the attributes of an object.
func (p *Preview) fields(v pickle.Value) {
	fields, count := pickle.Fields(v, maxRows)
	if count == 0 {
		return
	}
	p.Kind, p.Length, p.Truncated = Object, int64(count), count > len(fields)
	for _, f := range fields {
		p.Rows = append(p.Rows, []string{cellOf(f.Key), cell(pickle.Repr(f.Value, maxCell))})
	}
}

// minNumbers is from how many numbers on a list is shown as an array is, a curve: a shorter one is easier to read as it
// is, unless it has numbers that JSON cannot have.
const minNumbers = 10

// numbers shows a list of nothing but numbers, of Python or numpy.
func (p *Preview) numbers(items []pickle.Value) bool {
	values := make([]Float, len(items))
	notFinite := int64(0)
	for i, item := range items {
		switch x := number(item).(type) {
		case int64:
			values[i] = Float(x)
		case float64:
			values[i] = Float(x)
		default:
			return false
		}
		if !values[i].finite() {
			notFinite++
		}
	}
	if len(items) < minNumbers && notFinite == 0 {
		return false
	}
	p.Kind, p.Shape, p.Text, p.NotFinite = Array, []int64{int64(len(items))}, fmt.Sprintf("list of %d numbers", len(items)), notFinite
	for _, item := range items[:min(len(items), maxRows)] {
		p.Rows = append(p.Rows, []string{pickle.Repr(number(item), maxCell)})
	}
	if len(values) > maxValues {
		p.Truncated = true
		for i := range maxValues {
			values[i] = values[spread(i, len(items))]
		}
		values = values[:maxValues]
	}
	p.Values = values
	return true
}

// number is what a scalar of numpy's holds, or the value itself.
func number(v pickle.Value) pickle.Value {
	if x, ok := pickle.Scalar(v); ok {
		return x
	}
	return v
}

// spread is the place of the i-th of maxValues that are evenly chosen of n.
func spread(i, n int) int { return int(int64(i) * int64(n-1) / int64(maxValues-1)) }

// plain shows a value without parts.
func (p *Preview) plain(v pickle.Value) bool {
	switch v := v.(type) {
	case nil:
		p.Kind, p.Text = None, "None"
	case bool:
		p.Kind, p.Text = Bool, "False"
		if v {
			p.Text = "True"
		}
	case int64:
		p.number(float64(v), strconv.FormatInt(v, 10))
	case float64:
		p.number(v, pickle.Repr(v, maxCell))
	case *big.Int:
		f, _ := new(big.Float).SetInt(v).Float64()
		p.number(f, pickle.Repr(v, maxText))
	case string:
		p.text(v)
	case pickle.Bytes:
		p.file(v, "bytes")
	case *pickle.ByteArray:
		p.file(v.Data, "bytes")
	default:
		return false
	}
	return true
}

func (p *Preview) number(f float64, text string) {
	n := Float(f)
	p.Kind, p.Number, p.Text = Number, &n, text
}

// repr shows any value as Python's repr does.
func (p *Preview) repr(v pickle.Value) {
	p.Kind = Unknown
	p.Text, p.Truncated = cut(pickle.Repr(v, maxDump), maxText)
	p.Truncated = p.Truncated || len(p.Text) >= maxDump
}

// asJSON shows a list, dict or the like as JSON; of one that is too long, as many
// of its first parts as there is room for.
func (p *Preview) asJSON(v pickle.Value) {
	p.Length = int64(partsOf(v))
	for n := partsOf(v); ; n /= 2 {
		text, _, err := pickle.ToJSON(firstParts(v, n), maxText)
		if err == nil && len(text) <= maxText {
			p.Kind, p.Text = JSON, strings.ToValidUTF8(string(text), "\uFFFD")
			p.Truncated = n < partsOf(v)
			return
		}
		if n <= 1 {
			p.repr(v)
			p.Truncated = true
			return
		}
	}
}

func partsOf(v pickle.Value) int {
	switch v := v.(type) {
	case *pickle.List:
		return len(v.Items)
	case *pickle.Tuple:
		return len(v.Items)
	case *pickle.Set:
		return len(v.Items)
	case *pickle.Dict:
		return len(v.Entries)
	}
	return 0
}

// firstParts returns a container with the first n of its parts.
func firstParts(v pickle.Value, n int) pickle.Value {
	if n >= partsOf(v) {
		return v
	}
	switch v := v.(type) {
	case *pickle.List:
		return &pickle.List{Items: v.Items[:n]}
	case *pickle.Tuple:
		return &pickle.Tuple{Items: v.Items[:n]}
	case *pickle.Set:
		return &pickle.Set{Items: v.Items[:n], Frozen: v.Frozen}
	case *pickle.Dict:
		return &pickle.Dict{Entries: v.Entries[:n], Class: v.Class}
	}
	return v
}
