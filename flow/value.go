package flow

import (
	"bytes"
	"encoding"
	"encoding/gob"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
	"sync"

	"github.com/levadahq/levada/internal/fault"
	"github.com/levadahq/levada/internal/gobtype"
	"github.com/levadahq/levada/internal/protocol"
)

// accepted are the codecs that this SDK reads, the ones it likes best first.
var accepted = []string{protocol.CodecJSON, protocol.CodecFile, protocol.CodecNPY, protocol.CodecCSV, protocol.CodecGob, protocol.CodecBinary}

// encoded is a value as it is stored.
type encoded struct {
	codec, typ string
	data       []byte
}

// encode returns what is stored of a field's value. What would come back as something else is an error.
func (f *field) encode(v reflect.Value) (e encoded, err error) {
	defer func() { // methods of the user's may be called
		if p := recover(); p != nil {
			err = f.unstorable(fmt.Errorf("panic while it was written: %v", p))
		}
	}()
	if f.kind != asJSON && nothing(v) {
		return encoded{protocol.CodecJSON, f.typ.String(), []byte("null")}, nil
	}
	if f.kind == asJSON {
		e, err = f.encodeJSON(v)
	} else {
		e, err = f.encodeAs(v, f.kind, comparison{gob: f.kind == asGob})
	}
	if err != nil {
		return e, f.unstorable(err)
	}
	return e, nil
}

// nothing reports whether a value has no form of its own but that of nil: bytes, arrays,
// tables and pointers that are not there.
func nothing(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Slice, reflect.Map, reflect.Pointer:
		return v.IsNil()
	}
	return zero(v)
}

func (f *field) unstorable(err error) error {
	var d *difference
	if errors.As(err, &d) {
		return fmt.Errorf("the artifact %s, %s, cannot be stored as it is: %w", f.name, withArticle(f.typ), f.locate(err))
	}
	return fmt.Errorf("the artifact %s, %s, cannot be stored: %w", f.name, withArticle(f.typ), err)
}

// locate says of a difference in which field it is.
func (f *field) locate(err error) error {
	var d *difference
	if errors.As(err, &d) && f.goName != "" {
		d.at = f.goName + d.at
	}
	return err
}

// encodeJSON writes a value as JSON, or, if JSON would change it, as a gob, if that does not.
func (f *field) encodeJSON(v reflect.Value) (encoded, error) {
	// encoding/json would run out of stack. A level is up to three here: a pointer, an interface and what is in them.
	if natureOf(f.typ).deep && tooDeep(v, -2*maxDepth, true) {
		return encoded{}, errDeep
	}
	e, err := f.encodeAs(v, asJSON, comparison{})
	if err == nil {
		return e, nil
	}
	var d *difference
	var unsupported *json.UnsupportedValueError // NaN and the infinities
	if errors.As(err, &d) && d.never || !errors.As(err, &d) && !errors.As(err, &unsupported) || tooDeep(v, 0, false) {
		return e, err
	}
	g, errGob := f.encodeAs(v, asGob, comparison{gob: true, fallback: true})
	if errGob == nil {
		return g, nil
	}
	// What is to be told is what keeps it from being a gob. That JSON cannot hold it would not be mended.
	if _, culprit, found := strings.Cut(errGob.Error(), "type not registered for interface: "); found {
		if _, err := f.encodeAs(v, asJSON, comparison{culprit: culprit}); err != nil {
			return e, err
		}
	}
	if errors.As(errGob, &d) && unsupported != nil {
		return e, errGob
	}
	return e, err
}

// encodeAs writes a value in a form and makes sure that it would come back as it is.
func (f *field) encodeAs(v reflect.Value, kind form, c comparison) (e encoded, err error) {
	e.typ = f.typ.String()
	switch kind {
	case asBytes:
		return encoded{protocol.CodecFile, "bytes", v.Bytes()}, nil
	case asNPY:
		e.codec = protocol.CodecNPY
		e.data, err = v.Addr().Interface().(npyValue).appendNPY(nil)
		return e, err
	case asCSV:
		e.codec = protocol.CodecCSV
		e.data, err = v.Addr().Interface().(*Table).encode()
		return e, err
	case asBinary:
		e.codec = protocol.CodecBinary
		e.data, err = marshaler(v).MarshalBinary()
	case asGob:
		e.codec = protocol.CodecGob
		e.data, err = asGobBytes(v)
	default:
		e.codec = protocol.CodecJSON
		if e.data, err = asJSONBytes(v); err == nil && natureOf(f.typ).plain {
			if d := badText(v); d != nil {
				return e, d
			}
			return e, nil
		}
	}
	if err != nil {
		return e, err
	}
	back := reflect.New(f.typ).Elem()
	if err := decodeAs(back, e.codec, e.data, true); err != nil {
		return e, &difference{what: fmt.Sprintf("would be written so that it cannot be read again: %v", err)}
	}
	if d := c.differ(v, back); d != nil {
		return e, d
	}
	return e, nil
}

func marshaler(v reflect.Value) encoding.BinaryMarshaler {
	if m, ok := v.Interface().(encoding.BinaryMarshaler); ok {
		return m
	}
	return v.Addr().Interface().(encoding.BinaryMarshaler)
}

var registerGobs = sync.OnceFunc(gobtype.RegisterPlain)

func asGobBytes(v reflect.Value) ([]byte, error) {
	registerGobs()
	var b bytes.Buffer
	err := gob.NewEncoder(&b).EncodeValue(v)
	return b.Bytes(), err
}

// asJSONBytes writes a value as JSON. Of a number within an any, it shows whether it is an int or a float64.
func asJSONBytes(v reflect.Value) ([]byte, error) {
	if natureOf(v.Type()).any {
		marked := reflect.New(v.Type())
		marked.Elem().Set(v)
		if err := eachAny(marked.Elem(), true, 0, markFloats); err != nil {
			return nil, err
		}
		v = marked.Elem()
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	// The pointer lets a MarshalJSON with a pointer receiver be found.
	if err := enc.Encode(v.Addr().Interface()); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// decodeAs reads a value in one of the codecs that reads into any type. own says that
// this SDK has written it, for the same type.
func decodeAs(v reflect.Value, codec string, data []byte, own bool) error {
	switch codec {
	case protocol.CodecJSON:
		return decodeJSON(v, data, own)
	case protocol.CodecGob:
		registerGobs()
		if place := gobtype.Lost(data, v.Type()); place != "" {
			return fmt.Errorf("gob: unknown field %q", place)
		}
		return gob.NewDecoder(bytes.NewReader(data)).DecodeValue(v.Addr())
	case protocol.CodecBinary:
		return v.Addr().Interface().(encoding.BinaryUnmarshaler).UnmarshalBinary(data)
	}
	return fmt.Errorf("the codec %q is not known", codec)
}

// decodeJSON reads JSON into a zero value. Numbers within an any become int if they are
// written as whole numbers, else float64.
func decodeJSON(v reflect.Value, data []byte, own bool) error {
	numbers := natureOf(v.Type()).any
	d := json.NewDecoder(bytes.NewReader(data))
	if own {
		d.DisallowUnknownFields() // what was a field of a struct must not get lost unseen
	}
	if numbers {
		d.UseNumber()
	}
	if err := d.Decode(v.Addr().Interface()); err != nil {
		return err
	}
	if !own {
		if err := notTaken(data, v); err != nil {
			return err
		}
	}
	if numbers {
		return eachAny(v, false, 0, settleNumbers)
	}
	return nil
}

// decode gives a field the value that was stored.
func (f *field) decode(v reflect.Value, p *plan, s protocol.Value, data []byte) error {
	own := ownValue(s)
	if err := f.read(v, p, s, data, own); err != nil {
		var changed *typeChanged
		if errors.As(err, &changed) {
			return err
		}
		if own && s.Type == f.typ.String() {
			return fmt.Errorf("the artifact %s was stored as %s, which does not fit the field %s.%s, though its type has that name now: %w; "+
				"resume at a step that sets it again, or give the field another name", f.name, withArticle(f.typ), p.typ, f.goName, err)
		}
		from := fault.A(s.Type)
		if s.From == protocol.CodecPickle {
			from += " of Python"
		} else if !own {
			from = "JSON of another program"
		}
		return fmt.Errorf("the artifact %s is %s, and the field %s.%s is of type %s: %w", f.name, from, p.typ, f.goName, f.typ, err)
	}
	return nil
}

// ownValue reports whether this SDK has stored a value, so that its type is Go's.
func ownValue(s protocol.Value) bool { return s.From == "" && s.Type != "json" }

// typeChanged is the error of a field that was stored with another type.
type typeChanged struct{ artifact, field, was, is string }

func (e *typeChanged) Error() string {
	return fmt.Sprintf("the artifact %s was stored as %s, but the field %s is of type %s now; resume at a step that sets it again, or give the field another name",
		e.artifact, e.was, e.field, e.is)
}

func (f *field) read(v reflect.Value, p *plan, s protocol.Value, data []byte, own bool) error {
	changed := func() error { return &typeChanged{f.name, p.typ.String() + "." + f.goName, s.Type, f.typ.String()} }
	switch s.Codec {
	case protocol.CodecFile:
		switch {
		case f.kind == asBytes:
			v.SetBytes(data)
		case f.typ.Kind() == reflect.String && s.Type == "str":
			v.SetString(string(data))
		default:
			return changed()
		}
		return nil
	case protocol.CodecNPY:
		if f.kind != asNPY {
			return changed()
		}
		return v.Addr().Interface().(npyValue).parseNPY(data)
	case protocol.CodecCSV:
		if f.kind != asCSV {
			return changed()
		}
		return v.Addr().Interface().(*Table).decode(data)
	}
	if own && s.Type != f.typ.String() {
		return changed()
	}
	if s.Codec == protocol.CodecJSON && (f.kind == asBytes || f.kind == asNPY || f.kind == asCSV || f.kind == asBinary) {
		if own && string(data) == "null" {
			v.SetZero()
			return nil
		}
		return changed()
	}
	if err := decodeAs(v, s.Codec, data, own); err != nil {
		return err
	}
	if own && s.Codec == protocol.CodecJSON && named(f.typ) {
		return notTaken(data, v) // the structs within may have changed, though the type's name has not
	}
	return nil
}

// named reports whether a type's text leaves open what is in it, for it has the name of a type of the user's.
func named(t reflect.Type) bool {
	if t.PkgPath() != "" && t != timeType {
		return t.Kind() > reflect.Complex128 && t.Kind() != reflect.String
	}
	switch t.Kind() {
	case reflect.Array, reflect.Slice, reflect.Pointer, reflect.Map:
		return named(t.Elem())
	case reflect.Struct:
		for i := range t.NumField() {
			if named(t.Field(i).Type) {
				return true
			}
		}
	}
	return false
}

// readStored returns the bytes of a value that came in a reply's body, or lies in a file.
func readStored(path, fifo string, size int64, body []byte) ([]byte, error) {
	if path == "" {
		path = fifo
	}
	if path == "" {
		return body, nil
	}
	src, err := openStored(path)
	if err != nil {
		return nil, err
	}
	defer src.Close()
	data := make([]byte, size)
	n, err := io.ReadFull(src, data)
	if err != nil {
		return data[:n], fmt.Errorf("read %s: %w", path, err)
	}
	return data, nil
}
