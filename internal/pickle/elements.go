package pickle

import (
	"math"
	"strconv"
	"strings"
	"time"
)

// What elements of arrays are beside the values of pickles. A [moment] and a [span] are two more, and a float of 32
// bits or fewer is a float32.
type (
	absent string // what is missing, as pandas shows it
	sight  string // what is known of an element only as it is shown
)

// elements returns what shows the elements of an array of numpy's or pandas', in the order of C, and how many there
// are. What is missing is shown as pandas shows it. show is nil if the elements cannot be told.
func elements(v Value) (show func(i int64) string, n int64) {
	at, n := valuesOf(v, 0)
	if at == nil {
		return nil, 0
	}
	return func(i int64) string { return shown(at(i)) }, n
}

// valuesOf returns the elements of an array of numpy's or pandas', in the order of C, and how many there are; at is nil
// if they cannot be told. depth is how many arrays this one is a part of: a pickle may have made one a part of itself.
func valuesOf(v Value, depth int) (at func(i int64) Value, n int64) {
	o, ok := v.(*Object)
	if !ok || depth > mostWrapped {
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
	case "PeriodArray":
		return periods(o, data)
	case "IntervalArray": // its state is alone in a tuple
		if t, ok := o.State.(*Tuple); ok && len(t.Items) > 0 {
			if d, ok := t.Items[0].(*Dict); ok {
				of := &Object{State: d}
				dtype, _ := of.attr("_dtype").(*Object)
				if dtype == nil {
					return nil, 0
				}
				closed, _ := dtype.attr("closed").(string)
				return intervals(of.attr("_left"), of.attr("_right"), closed, depth+1)
			}
		}
	case "TimedeltaArray", "StringArray", "PandasArray", "NumpyExtensionArray":
		if data != nil {
			return ofNumpy(data)
		}
	}
	return nil, 0
}

// mostWrapped is how many arrays an array may be a part of whose elements are told.
const mostWrapped = 5

// intervals returns the intervals between the elements of two indexes or arrays, as pandas writes them.
func intervals(left, right Value, closed string, depth int) (at func(i int64) Value, n int64) {
	ends := func(v Value) (func(i int64) Value, int64) {
		if at, n := valuesOf(v, depth); at != nil {
			return at, n
		}
		return labelsOf(v, depth)
	}
	if depth > mostWrapped {
		return nil, 0
	}
	from, n := ends(left)
	to, m := ends(right)
	if n < 0 || n != m || closed == "" {
		return nil, 0
	}
	opening, closing := "(", ")"
	if closed == "left" || closed == "both" {
		opening = "["
	}
	if closed == "right" || closed == "both" {
		closing = "]"
	}
	return func(i int64) Value {
		a, b := from(i), to(i)
		for _, end := range []Value{a, b} {
			if unknown, ok := end.(sight); ok {
				return unknown
			}
			if text := shown(end); text == "NaN" || text == "NaT" {
				return absent("NaN")
			}
		}
		return opening + shown(a) + ", " + shown(b) + closing
	}, n
}

// periods returns the periods that an array counts, as pandas writes them.
func periods(o, data *Object) (at func(i int64) Value, n int64) {
	d, ok := dtypeIn(o, "PeriodDtype")
	if !ok || data == nil || len(d.Args) == 0 {
		return nil, 0
	}
	dtype, _ := d.Args[0].(string)
	unit := strings.TrimSuffix(strings.TrimPrefix(dtype, "period["), "]")
	counts, n := ofNumpy(data)
	if counts == nil || periodIn(0, unit) == "" {
		return nil, 0
	}
	return func(i int64) Value {
		count, ok := counts(i).(int64)
		if text := periodIn(count, unit); ok && text != "" {
			return text
		}
		if count == math.MinInt64 {
			return absent("NaT")
		}
		return sight(strconv.FormatInt(count, 10))
	}, n
}

// ofNumpy returns the elements of an array of numpy's.
func ofNumpy(o *Object) (at func(i int64) Value, n int64) {
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
		return func(i int64) Value { return numbers.value(place(i)) }, n
	}
	if strings.HasPrefix(a.dtype, "timedelta64") || strings.HasPrefix(a.dtype, ">m8") {
		words, unit, n := words64(o)
		if words == nil {
			return nil, 0
		}
		return func(i int64) Value {
			word := words(i)
			if word == math.MinInt64 {
				return absent("NaT")
			}
			if s, ok := spanIn(word, unit); ok {
				return s
			}
			return sight(strconv.FormatInt(word, 10))
		}, n
	}
	if strings.HasPrefix(a.dtype, "datetime64") || strings.HasPrefix(a.dtype, ">M8") {
		return moments(o, time.UTC, false)
	}
	if at, n := texts(o); at != nil {
		return at, n
	}
	state, ok := o.State.(*Tuple)
	if !ok || len(state.Items) < 5 {
		return nil, 0
	}
	items, ok := state.Items[4].(*List) // in the order of C, also of an array that is not
	if !ok || int64(len(items.Items)) != n {
		return nil, 0
	}
	return func(i int64) Value { return items.Items[i] }, n
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
	case absent:
		return string(v)
	case sight:
		return string(v)
	case moment:
		return v.text()
	case span:
		return spanText(v.seconds, v.nano)
	case float32:
		if v == v {
			return string(appendFloat(nil, float64(v), 32))
		}
		return "NaN"
	case float64:
		if math.IsNaN(v) {
			return "NaN"
		}
	case *Object:
		if text, ok := strOf(v); ok {
			return text
		}
		if name, x, ok := scalar(v); ok {
			if f, isFloat := x.(float64); isFloat && name != "float64" {
				return shown(float32(f)) // which has fewer digits
			}
			return shown(x)
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

// words64 returns the elements of an array of times or spans of time, and the unit that they count; nil of another
// array.
func words64(o *Object) (words func(i int64) int64, unit string, n int64) {
	a := bytesIn(o)
	code, order := dtypeCode(a.dtype)
	if code != "M8" && code != "m8" {
		return nil, "", 0
	}
	unit = dtypeUnit(a.dtype)
	place, n, ok := a.places(8)
	if _, known := counted(code, 0, unit, nil); !known || !ok {
		return nil, "", 0
	}
	return func(i int64) int64 { return int64(wordOf(a.data[8*place(i):][:8], order)) }, unit, n
}

// texts returns the elements of an array of text of a fixed width; nil of another array.
func texts(o *Object) (at func(i int64) Value, n int64) {
	a := bytesIn(o)
	code, order := dtypeCode(a.dtype)
	width, err := strconv.ParseInt(strings.TrimPrefix(code, "U"), 10, 32)
	if err != nil || code[0] != 'U' || width <= 0 {
		return nil, 0
	}
	place, n, ok := a.places(4 * width)
	if !ok {
		return nil, 0
	}
	return func(i int64) Value { return wideText(a.data[4*width*place(i):][:4*width], order) }, n
}

// arrayBytes is an array of numpy's whose elements are bytes one after the other.
type arrayBytes struct {
	shape   []int64
	dtype   *Object
	fortran bool
	data    Bytes
}

// bytesIn returns the bytes of an array, none of one that has other elements.
func bytesIn(o *Object) (a arrayBytes) {
	var shape, dtype Value
	switch state, ok := o.State.(*Tuple); {
	case ok && len(state.Items) >= 5: // of _reconstruct
		shape, dtype = state.Items[1], state.Items[2]
		a.fortran, _ = state.Items[3].(bool)
		a.data = rawBytes(state.Items[4])
	case len(o.Args) > 2: // of _frombuffer
		a.data, dtype, shape = rawBytes(o.Args[0]), o.Args[1], o.Args[2]
		a.fortran = len(o.Args) > 3 && o.Args[3] == Value("F")
	}
	a.shape, _ = shapeOf(shape)
	if a.dtype, _ = dtype.(*Object); a.dtype == nil {
		a.dtype = &Object{} // which is none
	}
	return a
}

// places returns where each element lies, in the order of C, and how many there are, if each has so many bytes.
func (a *arrayBytes) places(size int64) (place func(i int64) int64, n int64, ok bool) {
	n, fits := count(a.shape)
	place, ok = inOrder(a.fortran, a.shape)
	return place, n, ok && fits && n <= int64(len(a.data))/size && n*size == int64(len(a.data))
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

// moments returns times, in a zone if they have one.
func moments(o *Object, zone *time.Location, zoned bool) (at func(i int64) Value, n int64) {
	if o == nil {
		return nil, 0
	}
	words, unit, n := words64(o)
	if words == nil {
		return nil, 0
	}
	return func(i int64) Value {
		word := words(i)
		if word == math.MinInt64 {
			return absent("NaT")
		}
		return moment{word, unit, zone, zoned}
	}, n
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

// masked returns the elements of an array in which some are marked as missing.
func masked(o *Object, depth int) (at func(i int64) Value, n int64) {
	values, n := valuesOf(o.attr("_data"), depth+1)
	mask, m := valuesOf(o.attr("_mask"), depth+1)
	if values == nil || mask == nil || n != m {
		return nil, 0
	}
	return func(i int64) Value {
		if mask(i) == Value(true) {
			return absent("<NA>")
		}
		return values(i)
	}, n
}

// categories returns the elements of an array that holds numbers of its categories.
func categories(o, codes *Object, depth int) (at func(i int64) Value, n int64) {
	d, ok := dtypeIn(o, "CategoricalDtype")
	if !ok || codes == nil {
		return nil, 0
	}
	label, count := labelsOf(d.attr("categories"), depth+1)
	code, n := valuesOf(codes, depth+1)
	if code == nil {
		return nil, 0
	}
	return func(i int64) Value {
		place, ok := code(i).(int64)
		switch {
		case !ok || place >= count:
			return sight("NaN") // a number that no category has
		case place < 0:
			return absent("NaN")
		}
		return label(place)
	}, n
}
