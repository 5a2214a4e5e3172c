// Package pickle reads and writes the plain part of Python's pickle format,
// protocols 0 to 5, and shows values as Python would, without running anything.
//
// A pickle is a program for a small stack machine; what makes it dangerous is
// that it may call any function that Python can import. [Decode] runs the
// machine but calls nothing: an import becomes a [Global], which is only a name,
// and a call an [Object], which is only the name and the arguments. Those of the
// standard library's types, numpy's and pandas' that matter for showing a value
// are then recognised by name.
//
// Input is foreign and may be hostile. Every length is held against what is
// left of the input before anything is allocated, memory is counted against a
// limit as it is taken, the machine has no loops, and nothing here recurses over
// input but printing, which is bounded in depth and in what it prints. So a
// pickle of n bytes costs time and memory in proportion to n and to the limit,
// whatever is in it. Values may share and contain one another, as in Python.
//
// There are such decoders (github.com/nlpodyssey/gopickle, which has had little
// done since 2023, and github.com/kisielk/og-rek); they build Go values for use
// by programs, bound neither memory nor nesting, and do not keep what printing
// as Python does needs: which object contains itself, the order of a dict, the
// arguments of a call.
package pickle

import (
	"errors"
	"fmt"
	"math"
	"math/big"

	"github.com/levadahq/levada/internal/fault"
)

// Value is a decoded value. It is one of
//
//	nil        None
//	bool, int64, float64
//	*big.Int   an int that is too large for int64
//	string     str; UTF-8, in which lone surrogates stand as Python's "surrogatepass" writes them
//	Bytes, *ByteArray
//	*List, *Tuple, *Dict, *Set
//	*Global    a class or function
//	*Object    anything else
//
// Pointers are compared to tell whether two places hold one object.
type Value any

// Bytes is a bytes object. It may be a part of the decoded input.
type Bytes []byte

// ByteArray is a bytearray.
type ByteArray struct{ Data []byte }

// List is a list.
type List struct{ Items []Value }

// Tuple is a tuple.
type Tuple struct{ Items []Value }

// Set is a set or frozenset, in the order in which it was pickled.
type Set struct {
	Items  []Value
	Frozen bool
}

// Dict is a dict, a frozendict, or one of the dicts of module collections.
type Dict struct {
	Entries []Entry
	Class   string // "" for dict, "OrderedDict", "defaultdict", "Counter", "frozendict"
	Factory Value  // of a defaultdict
}

// Entry is a key of a dict with its value. Keys that Python would find equal are
// not made one: a real pickle has no such keys.
type Entry struct{ Key, Value Value }

// Global is a class or a function, by name.
type Global struct{ Module, Name string }

// String returns the name with its module, if that is not builtins.
func (g *Global) String() string {
	if g.Module == "" || g.Module == "builtins" {
		return g.Name
	}
	return g.Module + "." + g.Name
}

// Object is what a class or function would have made.
type Object struct {
	Func    Value   // what was to be called: usually a *Global
	Args    []Value // positional arguments
	Kwargs  *Dict   // keyword arguments, usually nil
	New     bool    // made by the class's __new__, not by a call
	State   Value   // what the object's state was to be set from; nil without
	Items   []Value // appended or added to it
	Entries []Entry // set in it by key
}

// Class returns the class or function that was to be called, or one without a
// name if that was not imported but made.
func (o *Object) Class() *Global {
	if g, ok := o.Func.(*Global); ok {
		return g
	}
	return &Global{}
}

// Get returns an attribute of the object's state.
func (o *Object) Get(name string) (Value, bool) {
	for _, state := range o.states() {
		for _, e := range state.Entries {
			if key, ok := e.Key.(string); ok && key == name {
				return e.Value, true
			}
		}
	}
	return nil, false
}

// states returns the dicts that the state consists of: its attributes, and those in slots. Those of a model of
// pydantic's are its fields, the values that it has beside them, and what is private.
func (o *Object) states() []*Dict {
	var list []*Dict
	switch s := o.State.(type) {
	case *Dict:
		if len(s.Entries) != 4 || s.Entries[0].Key != Value("__dict__") || s.Entries[2].Key != Value("__pydantic_fields_set__") {
			return append(list, s)
		}
		for _, e := range s.Entries {
			if d, ok := e.Value.(*Dict); ok {
				list = append(list, d)
			}
		}
	case *Tuple:
		if len(s.Items) == 2 {
			for _, item := range s.Items {
				if d, ok := item.(*Dict); ok {
					list = append(list, d)
				}
			}
		}
	}
	return list
}

// Fields returns the attributes of an object of a class that is not known here, at most so many, and how many it has;
// none of any other value.
func Fields(v Value, most int) (fields []Entry, count int) {
	o, ok := v.(*Object)
	if !ok || (&printer{}).special(o) != nil || len(o.Items) > 0 || len(o.Entries) > 0 {
		return nil, 0
	}
	for _, state := range o.states() {
		count += len(state.Entries)
		fields = append(fields, state.Entries[:min(len(state.Entries), most-len(fields))]...)
	}
	return fields, count
}

// Limits bound what decoding may take. Zero fields have defaults.
type Limits struct {
	Memory int64 // bytes that the values may take, roughly; default 256 MiB
	Input  int64 // bytes of the pickle; default 1 GiB
}

// The limits for zero fields of [Limits].
const (
	DefaultMemory = 256 << 20
	DefaultInput  = 1 << 30
)

// ErrLimit is in the chain of the error for a pickle that exceeds [Limits], or an
// encoded value or JSON that exceeds its own.
var ErrLimit = errors.New("it is larger than the limit")

// Decode returns the value of a pickle. Bytes after its end are ignored, as
// Python does. It fails with a fault of kind Corrupt if data is not a pickle, of
// kind Invalid with [ErrLimit] if it exceeds the limits.
func Decode(data []byte, limits Limits) (Value, error) {
	if limits.Memory <= 0 {
		limits.Memory = DefaultMemory
	}
	if limits.Input <= 0 {
		limits.Input = DefaultInput
	}
	d := &decoder{data: data, budget: limits.Memory}
	if int64(len(data)) > limits.Input {
		return nil, d.fail(ErrLimit)
	}
	v, err := d.run()
	if err != nil {
		return nil, d.fail(err)
	}
	return v, nil
}

// errorf is what is wrong with a pickle.
func errorf(format string, args ...any) error { return fmt.Errorf(format, args...) }

// fail turns what is wrong into a fault.
func (d *decoder) fail(err error) error {
	if errors.Is(err, ErrLimit) {
		return fault.New(fault.Invalid, "the value is too large to be read here").Because(err).
			Do("Load it in Python.")
	}
	return fault.New(fault.Corrupt, "this is not a Python pickle that can be read (at byte %d)", d.at).Because(err)
}

// bigInt returns an int as a Value.
func bigInt(n *big.Int) Value {
	if n.IsInt64() {
		return n.Int64()
	}
	return n
}

// unsigned returns an unsigned int as a Value.
func unsigned(n uint64) Value {
	if n <= math.MaxInt64 {
		return int64(n)
	}
	return new(big.Int).SetUint64(n)
}
