package pickle

import (
	"fmt"
	"slices"
	"strings"
)

// Refusal says why a value has no form that other languages read.
type Refusal struct {
	Why string // such as: its column "when" has the dtype datetime64[us]; "" if there is nothing to say
	Do  string // what to do in Python instead
}

var (
	unreadable = Refusal{"it was pickled by a version of pandas whose frames cannot be read without Python", "write it as text, with to_csv, in a step before"}
	unnamed    = Refusal{"the names of its columns are not all text", "give it names that are text: frame.columns = frame.columns.map(str)"}

	unreadableNames = Refusal{"the names of its columns are kept in a way that cannot be read without Python", "keep them as objects: frame.columns = pandas.Index(frame.columns.tolist(), dtype=object)"}
)

// mostColumns is how many of the columns that are not plain are named.
const mostColumns = 5

// notPlain names the columns of a frame of which there is no text, with their types.
func notPlain(names []string, blocks []Value, columns []func(int64) string) Refusal {
	types := make([]string, len(names))
	holds := make([]string, len(names))
	for _, b := range blocks {
		o, ok := b.(*Object)
		if !ok || len(o.Args) < 2 {
			continue
		}
		places, _ := placesOf(o.Args[1])
		for i, at := range places {
			if at >= 0 && at < int64(len(types)) && types[at] == "" {
				types[at] = blockType(b)
				holds[at] = strange(o.Args[0], i, len(places))
			}
		}
	}
	var told []string
	var do []string
	count := 0
	for i, c := range columns {
		if c != nil {
			continue
		}
		if count++; count > mostColumns {
			continue
		}
		name, dtype := clip(names[i]), types[i]
		if dtype == "" {
			dtype = "unknown"
		}
		text := fmt.Sprintf("column %q has the dtype %s", name, dtype)
		if holds[i] != "" {
			text += " and holds a " + holds[i]
		}
		told = append(told, text)
		if advice := fmt.Sprintf("frame[%q] = frame[%q]%s", name, name, plainColumn(dtype)); !slices.Contains(do, advice) {
			do = append(do, advice)
		}
	}
	if count > mostColumns {
		told = append(told, fmt.Sprintf("and %d more columns are not plain either", count-mostColumns))
	}
	if count == 0 {
		return unreadable
	}
	return Refusal{strings.Join(told, ", "), "make such columns numbers or text in a step before: " + strings.Join(do, "; ")}
}

// strange returns the type of the first element of a column of objects that is neither text, a number nor
// missing, "" if there is none or it is unknown.
func strange(v Value, column, columns int) string {
	a, ok := dataArray(v, 0)
	if !ok {
		return ""
	}
	state, ok := a.State.(*Tuple)
	if !ok || len(state.Items) < 5 {
		return ""
	}
	list, ok := state.Items[4].(*List)
	if !ok || columns == 0 {
		return ""
	}
	rows := len(list.Items) / columns
	for i := range rows {
		switch item := list.Items[column*rows+i].(type) {
		case nil, string, bool, int64, float64:
		default:
			if !isNA(item) {
				return clip(Type(item))
			}
		}
	}
	return ""
}

// plainColumn is what makes a column of a dtype a plain one, in Python.
func plainColumn(dtype string) string {
	switch {
	case strings.HasPrefix(dtype, "Int"), strings.HasPrefix(dtype, "UInt"), strings.HasPrefix(dtype, "Float"), dtype == "boolean":
		return `.astype("float64")` // in which a missing value is NaN
	case strings.HasPrefix(dtype, "Sparse"):
		return ".sparse.to_dense()"
	case dtype == "float128":
		return `.astype("float64")`
	case dtype == "str", dtype == "string", strings.HasSuffix(dtype, "string[pyarrow]"):
		return ".astype(object)" // it is text already, but kept in a way that is not read here
	case dtype == "string_view[pyarrow]":
		return ".tolist()" // pandas converts it in no other way
	}
	return ".astype(str)"
}

// NotNPY says why an array of numpy's, or a series or index of pandas', has no form
// as npy; Why is "" if v is none of them.
func NotNPY(v Value) Refusal {
	if a, ok := arrayOf(v); ok {
		if a.masked {
			return Refusal{"an array goes only if no element of it may be missing", plainArray(a)}
		}
		return Refusal{
			fmt.Sprintf("an array goes only if its dtype is a bool, an integer or a float of up to 64 bits, and this one has the dtype %s", a.name()),
			plainArray(a),
		}
	}
	o, ok := v.(*Object)
	if !ok {
		return Refusal{}
	}
	switch name := objectType(o); {
	case strings.HasPrefix(name, "pandas.") && strings.HasSuffix(name, ".Series") || name == "pandas.Series":
		dtype := ""
		if _, blocks, ok := manager(o.attr("_mgr")); ok && len(blocks) == 1 {
			if t := blockType(blocks[0]); t != "" {
				dtype = " (its dtype is " + t + ")"
			}
		}
		return Refusal{"a series does not go by itself" + dtype, "make it a data frame, series.to_frame(), or a list, series.tolist(), in a step before"}
	case strings.HasPrefix(name, "pandas.") && strings.HasSuffix(name, "Index"):
		return Refusal{"an index does not go by itself", "make it a list, index.tolist(), or a data frame, index.to_frame(), in a step before"}
	}
	return Refusal{}
}

// plainArray says what makes an array one that goes, in Python.
func plainArray(a array) string {
	do := `make it text, array.astype(str).tolist()`
	switch {
	case a.masked:
		do = `fill what is masked, array.filled(0)`
	case strings.HasPrefix(a.dtype, "struct"):
		do = `make it a data frame, pandas.DataFrame(array)`
	case strings.Contains(a.dtype, "complex"), strings.Contains(a.dtype, ">c"):
		do = `store array.real and array.imag`
	case a.dtype == "float128", a.dtype == ">f16":
		do = `make it an array of floats, array.astype("float64")`
	case a.dtype == "object", strings.Contains(a.dtype, "U"), strings.HasPrefix(a.dtype, "StringDType"):
		do = `make it a list, array.tolist()`
	case strings.HasPrefix(a.dtype, "S"), strings.HasPrefix(a.dtype, "V"):
		do = `make it bytes, array.tobytes()`
	}
	return do + ", in a step before"
}
