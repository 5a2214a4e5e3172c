package pickle

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Refusal says why a value has no form that other languages read.
type Refusal struct {
	Why string // such as: its column "when" has the dtype datetime64[us]; "" if there is nothing to say
	Do  string // what to do in Python instead
}

var (
	unreadable = Refusal{"it was pickled by a version of pandas whose frames cannot be read without Python", "write it as text, with to_csv, in a step before"}
	unnamed    = Refusal{"the names of its columns are not all text, numbers or times", "give it names that are text: frame.columns = frame.columns.map(str)"}

	namedInLevels   = Refusal{"its columns are named on several levels", `join the names of each: frame.columns = ["_".join(map(str, names)) for names in frame.columns]`}
	unreadableNames = Refusal{"the names of its columns are kept in a way that cannot be read without Python", "keep them as objects: frame.columns = pandas.Index(frame.columns.tolist(), dtype=object)"}
)

// What text has that is no UTF-8: Python keeps in it what it could not decode.
const (
	halves    = "halves of characters (surrogates), which UTF-8 has not"
	wholeText = `replace them, text.encode(errors="replace").decode()`
)

const storeOtherwise = "store numbers as an array of numpy's, a table as a data frame, and anything else as bytes"

// What is too large is said of any value.
var (
	tooMuchJSON = Refusal{
		"it takes more than " + strconv.Itoa(DefaultJSON>>20) + " MiB as JSON",
		storeOtherwise + ", in a step before",
	}
	tooMuchCSV = Refusal{"its text is too large for CSV", "store its columns one by one, or the table as bytes, in a step before"}
)

// mostColumns is how many of the columns that are not plain are named.
const mostColumns = 5

// refused says why a table has no text: it names the columns of which there is none, with their types.
func (t *csvTable) refused() Refusal {
	if t.left < 0 {
		return tooMuchCSV
	}
	var told []string
	var do []string
	count := 0
	for _, c := range t.columns {
		if c.append != nil {
			continue
		}
		if count++; count > mostColumns {
			continue
		}
		name, dtype := clip(c.name), c.dtype
		if dtype == "" {
			dtype = "unknown"
		}
		text := fmt.Sprintf("column %q has the dtype %s", name, dtype)
		if c.holds != "" {
			text += " and holds " + c.holds
		}
		told = append(told, text)
		way := plainColumn(dtype)
		if strings.HasSuffix(c.holds, halves) {
			way = `.str.encode("utf-8", "replace").str.decode("utf-8")`
		}
		if advice := fmt.Sprintf("frame[%q] = frame[%q]%s", name, name, way); !slices.Contains(do, advice) {
			do = append(do, advice)
		}
	}
	if count > mostColumns {
		told = append(told, fmt.Sprintf("and %d more columns are not plain either", count-mostColumns))
	}
	if count == 0 {
		return Refusal{}
	}
	if t.do != "" {
		return Refusal{strings.Join(told, ", "), t.do}
	}
	return Refusal{strings.Join(told, ", "), "make such columns numbers, times or text in a step before: " + strings.Join(do, "; ")}
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

// instead says what to write in Python in place of a value that is not plain data, "" if that is not known here.
func instead(v Value) string {
	if a, ok := arrayOf(v); ok {
		return plainArray(a)
	}
	switch name := Type(v); {
	case strings.HasPrefix(name, "pandas.") && strings.HasSuffix(name, ".DataFrame"):
		return `make it a list of dicts, frame.to_dict("records"), or an artifact of its own`
	case strings.HasPrefix(name, "pandas.") && strings.HasSuffix(name, ".Series"):
		return "make it text, series.astype(str).tolist()"
	case name == "pandas.MultiIndex":
		return "make it a data frame, index.to_frame()"
	case strings.HasPrefix(name, "pandas.") && strings.HasSuffix(name, "Index"):
		return "make it text, index.astype(str).tolist()"
	case strings.HasPrefix(name, "pandas.") && strings.HasSuffix(name, "Array"), name == "pandas.Categorical":
		return "make it text, array.astype(str).tolist()"
	case strings.HasPrefix(name, "polars.") && strings.HasSuffix(name, "DataFrame"):
		return "make it a list of dicts, frame.to_dicts()"
	case strings.HasPrefix(name, "polars.") && strings.HasSuffix(name, "LazyFrame"):
		return "compute it, frame.collect()"
	case strings.HasPrefix(name, "polars.") && strings.HasSuffix(name, "Series"):
		return "make it a list, series.to_list()"
	case strings.HasPrefix(name, "pyarrow.lib."):
		return "make it a list, .to_pylist()"
	case name == "collections.deque", name == "range":
		return "make it a list, list(value)"
	case name == "pandas.Interval", name == "pandas.Period":
		return "make it text, str(value)"
	case name == "set", name == "frozenset":
		return "make it a list, sorted(value)"
	case name == "bytes", name == "bytearray":
		return "make it an artifact of its own"
	case name == "complex", strings.HasPrefix(name, "numpy.complex"):
		return "make it a list, [value.real, value.imag]"
	case name == "numpy.longdouble":
		return "make it a float, float(value)"
	case name == "numpy.void", name == "numpy.record":
		return "make it a tuple, value.item()"
	case strings.HasPrefix(name, "scipy.sparse."):
		return "store its parts as arrays, m = matrix.tocoo() with m.row, m.col and m.data, or all of it, matrix.toarray()"
	case name == "torch.Tensor":
		return "make it an array, tensor.numpy(force=True)"
	case name == "decimal.Decimal", name == "fractions.Fraction", name == "uuid.UUID", strings.HasPrefix(name, "pathlib."):
		return "make it text, str(value)"
	}
	if o, ok := v.(*Object); ok && o.Class().Module != "builtins" {
		return ofAnyClass
	}
	return ""
}

// ofAnyClass is what to do with an object of a class that is not known here. Its pickle does not tell which of these it
// is: that of an enum and that of a named tuple are calls like others.
const ofAnyClass = "store what is in it as plain data: dataclasses.asdict(value) of a data class, value._asdict() of a named tuple, " +
	"value.value of an enum, vars(value) of most other objects"

// plainArray says what makes an array one that goes, in Python.
func plainArray(a array) string {
	switch {
	case a.masked:
		return `fill what is masked, array.filled(0)`
	case strings.HasPrefix(a.dtype, "struct"):
		return `make it a list of tuples, array.tolist()`
	case strings.Contains(a.dtype, "complex"), strings.Contains(a.dtype, ">c"):
		return `store array.real and array.imag`
	case a.dtype == "float128", a.dtype == ">f16":
		return `make it an array of floats, array.astype("float64")`
	case a.dtype == "object", strings.Contains(a.dtype, "U"), strings.HasPrefix(a.dtype, "StringDType"):
		return `make it a list, array.tolist()`
	case strings.HasPrefix(a.dtype, "S"), strings.HasPrefix(a.dtype, "V"):
		return `make it bytes, array.tobytes()`
	}
	return `make it text, array.astype(str).tolist()`
}
