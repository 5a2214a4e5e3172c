// Package convert converts values from the format of one language into one that others can read.
//
// Python stores pickles, Go stores JSON. What both have is exchanged as follows: numbers, text, times, lists, dicts
// with text as keys, series and arrays of these as JSON, in which decimals, UUIDs, paths and the like are text; bytes
// as they are; arrays of numbers as npy, the format of numpy.save; tables of plain columns as CSV. Package pickle
// reads pickles without executing anything. Anything else is refused, with what it is and what to do: nothing is
// converted partially.
//
// Tables are CSV and not Arrow, because every language and every shell reads CSV without a library, and an Arrow
// library in pure Go would be larger than all of Levada. CSV loses the types of columns, which its readers infer.
//
// The package is pure.
package convert

import (
	"errors"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/levadahq/levada/internal/fault"
	"github.com/levadahq/levada/internal/pickle"
)

// Value is an encoded value.
type Value struct {
	Codec string // "pickle", "json", "file", "npy", "csv", "gob", "binary"
	Type  string // as its language names it
	Data  []byte
}

// Language names the language that stores values with a codec.
func Language(codec string) string {
	switch codec {
	case "pickle":
		return "Python"
	case "gob", "binary":
		return "Go"
	}
	return "a program"
}

// crossing is what may cross between languages.
const crossing = "languages can exchange plain data (numbers, text, times, lists, dicts with text as keys, series), bytes, numpy arrays of numbers, and tables of plain columns"

// advice is what to do with a value of which no more is known than that it may not cross.
const advice = crossing + "; convert it to one of these in an earlier step"

// To converts a value into one of the codecs, the first that fits. Invalid if none does.
func To(v Value, codecs []string) (Value, error) {
	if slices.Contains(codecs, v.Codec) {
		return v, nil
	}
	if v.Codec != "pickle" {
		return v, fault.New(fault.Invalid, "it is %s, stored as %s", fault.A(v.Type), v.Codec).Do("%s", advice)
	}
	p, err := pickle.Decode(v.Data, pickle.Limits{})
	if errors.Is(err, pickle.ErrLimit) {
		return v, fault.New(fault.Invalid, "it is %s that is too large to be converted", fault.A(v.Type)).
			Do("store numbers as an array of numpy's, a table as a data frame, and anything else as bytes, in a step before")
	}
	if err != nil {
		return v, fault.New(fault.Invalid, "it is %s, which cannot be read without Python: %v", fault.A(v.Type), err).Do("%s", advice)
	}
	typ := v.Type
	if typ == "" {
		typ = pickle.Type(p)
	}
	if slices.Contains(codecs, "file") {
		if data, typ, ok := bytesOf(p); ok {
			return Value{"file", typ, data}, nil
		}
	}
	if slices.Contains(codecs, "npy") {
		if data, ok := pickle.NPY(p); ok {
			return Value{"npy", typ, data}, nil
		}
	}
	if slices.Contains(codecs, "csv") {
		data, why, ok := pickle.CSV(p, max(pickle.DefaultMemory, mostGrowth*len(v.Data)))
		if ok {
			return Value{"csv", typ, data}, nil
		}
		if why.Why != "" {
			return v, refused(typ+":", why)
		}
	}
	if slices.Contains(codecs, "json") {
		data, why := pickle.PlainJSON(p)
		if why.Why == "" {
			return Value{"json", typ, data}, nil
		}
		return v, refused(typ+", and", why)
	}
	return v, fault.New(fault.Invalid, "it is %s, which cannot be converted to %s", fault.A(typ), strings.Join(codecs, ", ")).Do("%s", advice)
}

// mostGrowth is how many times as large as its pickle a table may become as CSV, where that is more than pickles may
// take in memory: bools, the largest of plain columns, grow to six times their size.
const mostGrowth = 16

// refused is the error for what may not cross.
func refused(what string, why pickle.Refusal) error {
	err := fault.New(fault.Invalid, "it is %s %s", fault.A(what), why.Why)
	if why.Do == "" {
		return err.Do("%s", advice)
	}
	return err.Do("%s; %s", why.Do, crossing)
}

// bytesOf returns the content of bytes and bytearrays.
func bytesOf(p pickle.Value) ([]byte, string, bool) {
	switch p := p.(type) {
	case pickle.Bytes:
		return p, "bytes", true
	case *pickle.ByteArray:
		return p.Data, "bytes", true
	}
	return nil, "", false
}

// Extension returns the end of the name of a file that holds a value.
func Extension(v Value) string {
	switch {
	case v.Codec == "file" && v.Type == "str":
		return ".txt"
	case v.Codec == "file":
		return ".bin"
	}
	return "." + v.Codec
}

// FromFile tells the codec and type of a value in a file by the end of its name, ok false if it is none that is known.
func FromFile(extension string) (codec, typ string, ok bool) {
	switch extension {
	case ".json", ".npy", ".csv":
		return extension[1:], extension[1:], true
	case ".txt":
		return "file", "str", true
	case ".bin":
		return "file", "bytes", true
	}
	return "", "", false
}

// Text reports whether bytes are text as Python and Go have it.
func Text(data []byte) bool { return utf8.Valid(data) }
