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

	"github.com/levadahq/levada/internal/protocol"
)

// accepted are the codecs that this SDK reads, the ones it likes best first.
var accepted = []string{protocol.CodecJSON, protocol.CodecFile, protocol.CodecNPY, protocol.CodecCSV, protocol.CodecGob, protocol.CodecBinary}

// encoded is a value as it is stored.
type encoded struct {
	codec, typ string
	data       []byte
}

// encode returns what is stored of a field's value.
func (f *field) encode(v reflect.Value) (encoded, error) {
	e := encoded{typ: f.typ.String()}
	var err error
	switch f.kind {
	case asBytes:
		e.codec, e.typ, e.data = protocol.CodecFile, "bytes", v.Bytes()
	case asNPY:
		e.codec, e.data = protocol.CodecNPY, v.Addr().Interface().(npyValue).appendNPY(nil)
	case asCSV:
		e.codec = protocol.CodecCSV
		e.data, err = v.Addr().Interface().(*Table).encode()
	case asBinary:
		e.codec = protocol.CodecBinary
		e.data, err = marshaler(v).MarshalBinary()
	case asGob:
		e.codec, e.data, err = asGobBytes(v)
	default:
		e.codec = protocol.CodecJSON
		e.data, err = asJSONBytes(v)
		var unsupported *json.UnsupportedValueError
		if errors.As(err, &unsupported) && !strings.Contains(unsupported.Str, "cycle") { // NaN and the infinities
			e.codec, e.data, err = asGobBytes(v)
		}
	}
	if err != nil {
		return e, fmt.Errorf("the artifact %s, a %s, cannot be stored: %w", f.name, f.typ, err)
	}
	return e, nil
}

func marshaler(v reflect.Value) encoding.BinaryMarshaler {
	if m, ok := v.Interface().(encoding.BinaryMarshaler); ok {
		return m
	}
	return v.Addr().Interface().(encoding.BinaryMarshaler)
}

func asGobBytes(v reflect.Value) (string, []byte, error) {
	var b bytes.Buffer
	err := gob.NewEncoder(&b).EncodeValue(v)
	return protocol.CodecGob, b.Bytes(), err
}

func asJSONBytes(v reflect.Value) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	// The pointer lets a MarshalJSON with a pointer receiver be found.
	if err := enc.Encode(v.Addr().Interface()); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// decode gives a field the value that was stored.
func (f *field) decode(v reflect.Value, p *plan, s protocol.Value, data []byte) error {
	own := s.From == "" && s.Type != "json" // stored by this SDK, so the type is Go's
	if err := f.read(v, p, s, data, own); err != nil {
		var changed *typeChanged
		if errors.As(err, &changed) {
			return err
		}
		from := "a " + s.Type
		if s.From == protocol.CodecPickle {
			from = "a " + s.Type + " of Python"
		} else if !own {
			from = "JSON of another program"
		}
		return fmt.Errorf("the artifact %s is %s, and the field %s.%s is of type %s: %w", f.name, from, p.typ, f.goName, f.typ, err)
	}
	return nil
}

// typeChanged is the error of a field that was stored with another type.
type typeChanged struct{ artifact, field, was, is string }

func (e *typeChanged) Error() string {
	return fmt.Sprintf("the artifact %s was stored as %s, but the field %s is of type %s now; resume at a step that sets it anew, or give the field another name",
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
	switch s.Codec {
	case protocol.CodecJSON:
		if f.kind == asBytes || f.kind == asNPY || f.kind == asCSV || f.kind == asBinary {
			return changed()
		}
		d := json.NewDecoder(bytes.NewReader(data))
		if own {
			d.DisallowUnknownFields() // what was a field of a struct must not get lost unseen
		}
		if err := d.Decode(v.Addr().Interface()); err != nil {
			return err
		}
		return nil
	case protocol.CodecGob:
		return gob.NewDecoder(bytes.NewReader(data)).DecodeValue(v.Addr())
	case protocol.CodecBinary:
		return v.Addr().Interface().(encoding.BinaryUnmarshaler).UnmarshalBinary(data)
	}
	return fmt.Errorf("the codec %q is not known", s.Codec)
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
