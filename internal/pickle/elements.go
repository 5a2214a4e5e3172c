package pickle

import (
	"math"
	"strconv"
	"strings"
	"time"
)

// elements returns what shows the elements of an array of numpy's or pandas', in the order of C, and how many there
// are. What is missing is shown as pandas shows it. show is nil if the elements cannot be told. depth is how many
// arrays this one is a part of: a pickle may have made one a part of itself.
func elements(v Value, depth int) (show func(i int64) string, n int64) {
	o, ok := v.(*Object)
	if !ok || depth > 3 {
		return nil, 0
	}
	if _, ok := arrayOf(o); ok {
		return ofNumpy(o)
	}
	if a, ok := arrowOf(o); ok {
		return ofArrow(o, a)
	}
	class := o.Class()
	if strings.HasPrefix(class.Name, "__pyx_unpickle") && len(o.Args) > 0 {
		if c, ok := o.Args[0].(*Global); ok {
			class = c
		}
	}
	data, _ := dataArray(o, 0)
	switch name := short(class.Name); name {
	case "Categorical":
		return categories(o, data, depth)
	case "IntegerArray", "FloatingArray", "BooleanArray":
		return masked(o, depth)
	case "DatetimeArray":
		zone := time.UTC
		d, zoned := dtypeIn(o, "DatetimeTZDtype")
		if zoned {
			zone = namedZone(d.attr("tz"))
		}
		return moments(data, zone, zoned)
	case "TimedeltaArray", "StringArray", "PandasArray", "NumpyExtensionArray":
		if data != nil {
			return ofNumpy(data)
		}
	}
	return nil, 0
}

// ofNumpy shows the elements of an array of numpy's.
func ofNumpy(o *Object) (show func(i int64) string, n int64) {
	a, _ := arrayOf(o)
	if a.masked {
		return nil, 0
	}
	n, fits := count(a.shape)
	if !fits {
		return nil, 0
	}
	if numbers, ok := numbersOf(o); ok {
		place, ok := inOrder(numbers.fortran, numbers.shape)
		if !ok {
			return nil, 0
		}
		return func(i int64) string {
			text := numbers.text(place(i))
			if text == "" {
				return "NaN"
			}
			return text
		}, n
	}
	if strings.HasPrefix(a.dtype, "datetime64") {
		return moments(o, time.UTC, false)
	}
	if strings.HasPrefix(a.dtype, "timedelta64") {
		words, parts, n := words64(o)
		if words == nil {
			return nil, 0
		}
		return func(i int64) string {
			if words(i) == math.MinInt64 {
				return "NaT"
			}
			return spanText(words(i)/parts, words(i)%parts*(1e9/parts))
		}, n
	}
	state, ok := o.State.(*Tuple)
	if !ok || len(state.Items) < 5 {
		return nil, 0
	}
	items, ok := state.Items[4].(*List) // in the order of C, also of an array that is not
	if !ok || int64(len(items.Items)) != n {
		return nil, 0
	}
	return func(i int64) string { return shown(items.Items[i]) }, n
}

// count is how many elements an array has; not ok if there cannot be so many.
func count(shape []int64) (n int64, ok bool) {
	n = 1
	for _, s := range shape {
		if s < 0 || s > 0 && n > math.MaxInt32/s {
			return 0, false
		}
		n *= s
	}
	return n, true
}

// shown is a value in a cell of a table: text as it is, what is missing as pandas
// has it, anything else as its str or repr.
func shown(v Value) string {
	switch v := v.(type) {
	case string:
		return v
	case float64:
		if math.IsNaN(v) {
			return "NaN"
		}
	case *Object:
		if text, ok := strOf(v); ok {
			return text
		}
	}
	if isNA(v) {
		return "<NA>"
	}
	return Repr(v, 200)
}

// inOrder returns where the element lies that is number i as C orders them; not ok if that is not known here.
func inOrder(fortran bool, shape []int64) (place func(i int64) int64, ok bool) {
	switch {
	case !fortran || len(shape) < 2:
		return func(i int64) int64 { return i }, true
	case len(shape) == 2 && shape[1] > 0:
		return func(i int64) int64 { return i/shape[1] + i%shape[1]*shape[0] }, true
	}
	return nil, len(shape) == 2
}

// words64 reads the elements of an array of times or spans of time, and how many of
// them are a second; nil of another array.
func words64(o *Object) (words func(i int64) int64, parts, n int64) {
	var data Bytes
	var dtype, shape Value
	fortran := false
	switch state, ok := o.State.(*Tuple); {
	case ok && len(state.Items) >= 5: // of _reconstruct
		shape, dtype = state.Items[1], state.Items[2]
		fortran, _ = state.Items[3].(bool)
		data = rawBytes(state.Items[4])
	case len(o.Args) > 2: // of _frombuffer
		data, dtype, shape = rawBytes(o.Args[0]), o.Args[1], o.Args[2]
		fortran = len(o.Args) > 3 && o.Args[3] == Value("F")
	}
	lengths, ok := shapeOf(shape)
	d, isObject := dtype.(*Object)
	if !ok || !isObject {
		return nil, 0, 0
	}
	place, ok := inOrder(fortran, lengths)
	code, order := dtypeCode(d)
	parts = unitParts[dtypeUnit(d)]
	n, fits := count(lengths)
	if !ok || !fits || n*8 != int64(len(data)) || code != "M8" && code != "m8" || parts == 0 {
		return nil, 0, 0
	}
	return func(i int64) int64 { return int64(wordOf(data[8*place(i):][:8], order)) }, parts, n
}

func rawBytes(v Value) Bytes {
	switch v := v.(type) {
	case Bytes:
		return v
	case *ByteArray:
		return v.Data
	}
	return nil
}

// moments shows times, in a zone if they have one.
func moments(o *Object, zone *time.Location, zoned bool) (show func(i int64) string, n int64) {
	if o == nil {
		return nil, 0
	}
	words, parts, n := words64(o)
	if words == nil {
		return nil, 0
	}
	return func(i int64) string {
		word := words(i)
		if word == math.MinInt64 {
			return "NaT"
		}
		if text := momentAt(word, parts, zone, zoned); text != "" {
			return text
		}
		return strconv.FormatInt(word, 10)
	}, n
}

// momentAt writes the time that is so many parts of a second after 1970, with its offset if it is in a zone; "" if
// the year is no common one.
func momentAt(n, parts int64, zone *time.Location, zoned bool) string {
	t := time.Unix(n/parts, n%parts*(1e9/parts)).In(zone)
	layout := "2006-01-02 15:04:05" + fractionLayout(int64(t.Nanosecond()))
	if zoned {
		layout += "-07:00"
	}
	return momentText(t, layout)
}

// namedZone is a time zone, UTC if it is not known here: the moment is the same.
func namedZone(v Value) *time.Location {
	if zone := zoneOf(v); zone != nil {
		return zone
	}
	if name, ok := zoneName(v); ok && name != "" && name != "Local" {
		if zone, err := time.LoadLocation(name); err == nil {
			return zone
		}
	}
	return time.UTC
}

// masked shows the elements of an array in which some are marked as missing.
func masked(o *Object, depth int) (show func(i int64) string, n int64) {
	values, n := elements(o.attr("_data"), depth+1)
	mask, m := elements(o.attr("_mask"), depth+1)
	if values == nil || mask == nil || n != m {
		return nil, 0
	}
	return func(i int64) string {
		if mask(i) == "True" {
			return "<NA>"
		}
		return values(i)
	}, n
}

// categories shows the elements of an array that holds numbers of its categories.
func categories(o, codes *Object, depth int) (show func(i int64) string, n int64) {
	d, ok := dtypeIn(o, "CategoricalDtype")
	if !ok || codes == nil {
		return nil, 0
	}
	label, count := columnLabels(d.attr("categories"), depth+1)
	code, n := elements(codes, depth+1)
	if code == nil {
		return nil, 0
	}
	return func(i int64) string {
		at, err := strconv.ParseInt(code(i), 10, 64)
		if err != nil || at < 0 || at >= count {
			return "NaN"
		}
		return label(int(at))
	}, n
}
