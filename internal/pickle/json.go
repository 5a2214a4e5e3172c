package pickle

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/levadahq/levada/internal/fault"
)

// DefaultJSON is the limit of [ToJSON] if none is given.
const DefaultJSON = 64 << 20

// ToJSON returns a value as JSON. It is plain if JSON holds all of it: None,
// bools, numbers, str, lists, and dicts whose keys are str. Of other values JSON
// holds what it can, and plain is false: tuples and sets become arrays; dict keys
// their repr; bytes base64; nan and the infinities null; dates, times, Decimal,
// Fraction, UUID, paths and addresses what Python's str gives; numpy scalars their value;
// anything else {"type": ..., "repr": ...}.
//
// It fails with a fault of kind Invalid if the value contains itself, is nested
// too deeply, or takes more than maxBytes.
func ToJSON(v Value, maxBytes int) (text []byte, plain bool, err error) {
	if maxBytes <= 0 {
		maxBytes = DefaultJSON
	}
	w := jsonWriter{max: maxBytes, plain: true, active: map[any]bool{}}
	if err := w.value(v); err != nil {
		return nil, false, fault.Wrap(fault.Invalid, "write JSON", err)
	}
	return w.b, w.plain, nil
}

type jsonWriter struct {
	b      []byte
	max    int
	plain  bool
	exact  bool // as PlainJSON writes it
	depth  int
	active map[any]bool
}

func (w *jsonWriter) value(v Value) error {
	if len(w.b) > w.max {
		return ErrLimit
	}
	switch v := v.(type) {
	case nil:
		w.b = append(w.b, "null"...)
	case bool:
		w.b = strconv.AppendBool(w.b, v)
	case int64:
		w.b = strconv.AppendInt(w.b, v, 10)
	case *big.Int:
		if v.BitLen() > maxBits {
			return w.opaque(v)
		}
		w.b = v.Append(w.b, 10)
	case float64:
		w.float(v)
	case string:
		return w.text(v)
	case Bytes:
		w.plain = false
		return w.base64(v)
	case *ByteArray:
		w.plain = false
		return w.base64(v.Data)
	case *List:
		return w.nest(v, func() error { return w.array(v.Items) })
	case *Tuple:
		w.plain = false
		return w.nest(v, func() error { return w.array(v.Items) })
	case *Set:
		w.plain = false
		return w.nest(v, func() error { return w.array(v.Items) })
	case *Dict:
		return w.nest(v, func() error { return w.object(v) })
	case *Object:
		if w.exact {
			return w.exactly(v)
		}
		w.plain = false
		if text, ok := strOf(v); ok {
			return w.text(text)
		}
		if _, x, ok := scalar(v); ok {
			return w.value(x)
		}
		return w.opaque(v)
	case absent:
		w.b = append(w.b, "null"...)
	case float32:
		w.float(float64(v))
	case moment:
		text, _ := v.rfc3339()
		return w.text(text)
	case span:
		return w.text(shown(v))
	default:
		if w.exact && isNA(v) {
			return w.value(nil)
		}
		return w.opaque(v)
	}
	return nil
}

// exactly writes an object that is found to be plain.
func (w *jsonWriter) exactly(o *Object) error {
	if v, ok := single(o); ok {
		return w.value(v)
	}
	if g, ok := gridOf(o); ok {
		return w.nest(o, func() error { return w.grid(g) })
	}
	return w.opaque(o)
}

// grid writes an array as lists of lists.
func (w *jsonWriter) grid(g grid) error {
	if _, ok := g.size(int64(w.max)); !ok {
		return ErrLimit
	}
	next := int64(0)
	var list func(shape []int64) error
	list = func(shape []int64) error {
		if len(shape) == 0 {
			next++
			return w.value(g.at(next - 1))
		}
		w.b = append(w.b, '[')
		for i := range shape[0] {
			if len(w.b) > w.max {
				return ErrLimit
			}
			if i > 0 {
				w.b = append(w.b, ',')
			}
			if err := list(shape[1:]); err != nil {
				return err
			}
		}
		w.b = append(w.b, ']')
		return nil
	}
	return list(g.shape)
}

func (w *jsonWriter) nest(v any, write func() error) error {
	if w.active[v] {
		return fmt.Errorf("the value contains itself")
	}
	if w.depth >= 10*maxDepth {
		return fmt.Errorf("the value is nested too deeply")
	}
	w.active[v] = true
	w.depth++
	err := write()
	w.depth--
	delete(w.active, v)
	return err
}

func (w *jsonWriter) array(items []Value) error {
	w.b = append(w.b, '[')
	for i, item := range items {
		if i > 0 {
			w.b = append(w.b, ',')
		}
		if err := w.value(item); err != nil {
			return err
		}
	}
	w.b = append(w.b, ']')
	return nil
}

func (w *jsonWriter) object(d *Dict) error {
	if d.Class != "" {
		w.plain = false
	}
	w.b = append(w.b, '{')
	for i, e := range d.Entries {
		if i > 0 {
			w.b = append(w.b, ',')
		}
		key, ok := e.Key.(string)
		if !ok {
			w.plain = false
			key = Repr(e.Key, 1000)
		}
		if err := w.text(key); err != nil {
			return err
		}
		w.b = append(w.b, ':')
		if err := w.value(e.Value); err != nil {
			return err
		}
	}
	w.b = append(w.b, '}')
	return nil
}

func (w *jsonWriter) float(f float64) {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		w.plain = false
		w.b = append(w.b, "null"...)
		return
	}
	w.b = appendFloat(w.b, f, 64)
}

func (w *jsonWriter) text(s string) error {
	if len(w.b)+len(s) > w.max {
		return ErrLimit
	}
	if !utf8.ValidString(s) {
		w.plain = false // lone surrogates
	}
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(s); err != nil {
		return err
	}
	w.b = append(w.b, strings.TrimSuffix(b.String(), "\n")...)
	return nil
}

func (w *jsonWriter) base64(b []byte) error {
	if len(b) > w.max {
		return ErrLimit
	}
	w.b = append(w.b, '"')
	w.b = base64.StdEncoding.AppendEncode(w.b, b)
	w.b = append(w.b, '"')
	return nil
}

// opaque writes what JSON has no form for.
func (w *jsonWriter) opaque(v Value) error {
	if w.exact {
		return fmt.Errorf("it has %s", fault.A(clip(Type(v))))
	}
	w.plain = false
	w.b = append(w.b, `{"type":`...)
	if err := w.text(clip(Type(v))); err != nil {
		return err
	}
	w.b = append(w.b, `,"repr":`...)
	if err := w.text(Repr(v, 10_000)); err != nil {
		return err
	}
	w.b = append(w.b, '}')
	return nil
}

// strOf returns what Python's str gives for objects that are one short value.
func strOf(o *Object) (string, bool) {
	g := o.Class()
	switch g.String() {
	case "decimal.Decimal":
		return shortText(o)
	case "fractions.Fraction":
		num, den, ok := fraction(o)
		if den != "1" {
			num += "/" + den
		}
		return num, ok
	case "uuid.UUID":
		return uuid(o)
	case "ipaddress.IPv4Address", "ipaddress.IPv6Address":
		return addressText(o)
	case "datetime.date":
		if b := stateBytes(o, 4); b != nil {
			return fmt.Sprintf("%04d-%02d-%02d", int(b[0])<<8|int(b[1]), b[2], b[3]), true
		}
		return "", false
	case "datetime.datetime", "datetime.time":
		return isoText(o)
	case "datetime.timedelta":
		return deltaText(o)
	}
	if text, ok := pandasTime(o); ok {
		return text, text != "NaT" // which is no time
	}
	if dtype, b, ok := scalarBytes(o); ok && len(b) == 8 {
		switch code, order := dtypeCode(dtype); code {
		case "M8":
			text := moment64(int64(wordOf(b, order)), dtypeUnit(dtype))
			return text, text != "" && text != "NaT"
		case "m8":
			s, ok := spanIn(int64(wordOf(b, order)), dtypeUnit(dtype))
			return spanText(s.seconds, s.nano), ok
		}
	}
	return pathText(o)
}

// deltaText returns a timedelta as its str does.
func deltaText(o *Object) (string, bool) {
	d, ok := delta(o)
	if !ok || d[1] < 0 || d[1] >= 86400 || d[2] < 0 || d[2] >= 1e6 {
		return "", false
	}
	text := fmt.Sprintf("%d:%02d:%02d", d[1]/3600, d[1]/60%60, d[1]%60)
	if d[2] != 0 {
		text += fmt.Sprintf(".%06d", d[2])
	}
	switch d[0] {
	case 0:
		return text, true
	case 1, -1:
		return fmt.Sprintf("%d day, %s", d[0], text), true
	}
	return fmt.Sprintf("%d days, %s", d[0], text), true
}

// isoText returns a datetime or time as its str does, if its zone is known here.
func isoText(o *Object) (string, bool) {
	text := ""
	var clock []byte
	if b := stateBytes(o, 10); b != nil && o.Class().Name == "datetime" {
		text = fmt.Sprintf("%04d-%02d-%02d ", int(b[0])<<8|int(b[1]), b[2]&0x7f, b[3])
		clock = b[4:]
	} else if b := stateBytes(o, 6); b != nil && o.Class().Name == "time" {
		clock = append([]byte{b[0] & 0x7f}, b[1:]...)
	} else {
		return "", false
	}
	text += fmt.Sprintf("%02d:%02d:%02d", clock[0], clock[1], clock[2])
	if micro := int(clock[3])<<16 | int(clock[4])<<8 | int(clock[5]); micro != 0 {
		text += fmt.Sprintf(".%06d", micro)
	}
	if len(o.Args) < 2 || o.Args[1] == nil {
		return text, true
	}
	zone, ok := o.Args[1].(*Object)
	if !ok {
		return "", false
	}
	if t, ok := Moment(o, nil); ok && zone.Class().String() != "datetime.timezone" { // whose offset depends on the date
		offset := "-07:00"
		if _, seconds := t.Zone(); seconds%60 != 0 {
			offset = "-07:00:00"
		}
		return text + t.Format(offset), true
	}
	if zone.Class().String() != "datetime.timezone" || len(zone.Args) == 0 {
		return "", false
	}
	offset, ok := zone.Args[0].(*Object)
	if !ok {
		return "", false
	}
	d, ok := delta(offset)
	if !ok || d[2] != 0 || d[0] < -1 || d[0] > 0 || d[1] < 0 || d[1] >= 86400 {
		return "", false
	}
	seconds, sign := d[0]*86400+d[1], "+"
	if seconds < 0 {
		seconds, sign = -seconds, "-"
	}
	text += fmt.Sprintf("%s%02d:%02d", sign, seconds/3600, seconds/60%60)
	if seconds%60 != 0 {
		text += fmt.Sprintf(":%02d", seconds%60)
	}
	return text, true
}
