package pickle

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// pandas returns how to print one of pandas' objects, nil if it is not known.
func (p *printer) pandas(o *Object) func() {
	name := objectType(o)
	class := short(name)
	switch {
	case class == "DataFrame" || class == "Series":
		axes, blocks, ok := manager(o.attr("_mgr"))
		if !ok {
			axes, blocks, ok = manager(o.attr("_data")) // pandas before 1.1
		}
		if !ok {
			return nil
		}
		return func() { p.frame(name, class, o, axes, blocks) }
	case strings.HasPrefix(class, "Arrow"):
		a, ok := arrowOf(o)
		if !ok {
			return nil
		}
		return func() {
			p.str("<" + clip(name) + " shape=" + shapeText([]int64{a.length}) + " dtype=" + extensionType(o) + ">")
		}
	case isIndex(o):
		return func() { p.str("<" + clip(name) + " shape=" + shapeText([]int64{indexLength(o)}) + ">") }
	case class == "Interval" && len(o.Args) == 3:
		return func() {
			p.list("Interval(", o.Args[:2], ", closed=")
			p.value(o.Args[2])
			p.str(")")
		}
	case class == "Period" && len(o.Args) == 3:
		if text := periodText(o); text != "" {
			return func() { p.str(text) }
		}
		return func() {
			p.str("<" + clip(name) + " freq=" + periodUnit(o.Args[1]) + " ordinal=")
			p.value(o.Args[2])
			p.str(">")
		}
	case class == "IntegerArray" || class == "FloatingArray" || class == "BooleanArray":
		_, n := masked(o, 0)
		return func() {
			p.str("<" + clip(name) + " shape=" + shapeText([]int64{n}) + " dtype=" + extensionType(o) + ">")
		}
	case strings.HasPrefix(o.Class().Name, "__pyx_unpickle_NDArrayBacked"):
		return func() {
			p.str("<" + clip(name) + " shape=" + shapeText([]int64{dataLength(o, 0)}) + " dtype=" + extensionType(o) + ">")
		}
	}
	text, ok := pandasTime(o)
	switch {
	case !ok:
		return nil
	case text == "NaT":
		return func() { p.str(text) }
	case class == "Timestamp" && o.Args[2] != nil:
		zone, _ := zoneName(o.Args[2])
		text = text[:len(text)-3] + text[len(text)-2:] // the repr has +0100 where str has +01:00
		return func() { p.str("Timestamp('" + text + "', tz='" + zone + "')") }
	}
	return func() { p.str(class + "('" + text + "')") }
}

// short is the name of a class without its module.
func short(name string) string { return clip(name[strings.LastIndexByte(name, '.')+1:]) }

// timestamp returns the time of a Timestamp, in its zone, or, if it has none, as if it were in UTC.
func timestamp(o *Object) (t time.Time, zoned, ok bool) {
	if len(o.Args) < 3 { // count of units since 1970, freq, zone, unit
		return t, false, false
	}
	n, isInt := o.Args[0].(int64)
	parts := partsOf(o.Args, 3)
	if !isInt || parts == 0 || n/parts > 1e12 || n/parts < -1e12 {
		return t, false, false
	}
	zone := time.UTC
	if o.Args[2] != nil {
		if zone = zoneOf(o.Args[2]); zone == nil {
			return t, false, false
		}
	}
	return time.Unix(n/parts, n%parts*(1e9/parts)).In(zone), o.Args[2] != nil, true
}

// pandasTime returns what str gives for a Timestamp, a Timedelta or NaT.
func pandasTime(o *Object) (text string, ok bool) {
	switch objectType(o) {
	case "pandas.api.typing.NaTType":
		return "NaT", true
	case "pandas.Timestamp":
		t, zoned, ok := timestamp(o)
		if !ok {
			return "", false
		}
		layout := "2006-01-02 15:04:05" + fractionLayout(int64(t.Nanosecond()))
		if zoned {
			layout += "-07:00"
		}
		text = momentText(t, layout)
		return text, text != ""
	case "pandas.Timedelta": // count of units, unit
		if len(o.Args) < 1 {
			return "", false
		}
		n, isInt := o.Args[0].(int64)
		parts := partsOf(o.Args, 1)
		if !isInt || parts == 0 {
			return "", false
		}
		return spanText(n/parts, n%parts*(1e9/parts)), true
	}
	return "", false
}

// spanText is a span of time as pandas writes it.
func spanText(seconds, nano int64) string {
	if nano < 0 {
		seconds, nano = seconds-1, nano+1e9
	}
	days, clock := seconds/86400, seconds%86400
	if clock < 0 {
		days, clock = days-1, clock+86400
	}
	sign := ""
	if days < 0 {
		sign = "+" // what follows the days is added to them
	}
	return fmt.Sprintf("%d days %s", days, sign) + time.Unix(clock, nano).UTC().Format("15:04:05"+fractionLayout(nano))
}

// partsOf returns how many of the units of a time are a second, 0 if there is no such unit: the argument with that
// place is numpy's number of the unit. Before pandas 2 there were only nanoseconds, and no such argument.
func partsOf(args []Value, place int) int64 {
	if len(args) <= place {
		return 1e9
	}
	unit, _ := args[place].(int64)
	return map[int64]int64{7: 1, 8: 1e3, 9: 1e6, 10: 1e9}[unit]
}

// fractionLayout is how much of a second pandas prints: nothing, six digits, or nine.
func fractionLayout(nano int64) string {
	switch {
	case nano == 0:
		return ""
	case nano%1000 == 0:
		return ".000000"
	}
	return ".000000000"
}

// zoneName returns the name of a zone; ok is false if it is not known.
func zoneName(v Value) (name string, ok bool) {
	o, isObject := v.(*Object)
	if !isObject {
		return "", false
	}
	switch o.Class().String() {
	case "zoneinfo.ZoneInfo._unpickle", "pytz._p":
		name, ok = first(o.Args).(string)
		return clip(name), ok
	}
	switch zone := zoneOf(v); zone {
	case nil:
		return "", false
	case time.UTC:
		return "UTC", true
	default:
		return time.Unix(0, 0).In(zone).Format("UTC-07:00"), true
	}
}

// periodText returns the repr of a period of pandas', "" if its unit is not known here.
func periodText(o *Object) string {
	n, ok := o.Args[2].(int64)
	unit := periodUnit(o.Args[1])
	text := periodIn(n, unit)
	if !ok || text == "" {
		return ""
	}
	return "Period('" + text + "', '" + unit + "')"
}

// periodUnit returns the short name of the frequency of periods, or its class if it has none here.
func periodUnit(v Value) string {
	o, ok := v.(*Object)
	if !ok {
		return "unknown"
	}
	name := short(o.Class().Name)
	unit, ok := map[string]string{"MonthEnd": "M", "Day": "D", "Hour": "h", "Minute": "min", "Second": "s"}[name]
	if !ok {
		return name
	}
	if len(o.Args) > 0 && o.Args[0] != Value(int64(1)) {
		return Repr(o.Args[0], 20) + unit
	}
	return unit
}

// isNA reports whether a value is what pandas has for one that is missing.
func isNA(v Value) bool {
	g, ok := v.(*Global)
	return ok && strings.HasPrefix(g.Module, "pandas") && (g.Name == "NA" || strings.HasSuffix(g.Name, ".NA"))
}

// mostShown is how many columns are shown by name and type.
const mostShown = 20

// frame prints the shape of a data frame or series, its columns and types.
func (p *printer) frame(name, short string, o *Object, axes, blocks []Value) {
	p.str("<" + clip(name))
	var types []string
	for _, b := range blocks[:min(len(blocks), mostShown)] {
		types = append(types, blockType(b))
	}
	if short == "Series" {
		length := int64(-1)
		if len(axes) == 1 {
			length = indexLength(axes[0])
		}
		p.str(" shape=" + shapeText([]int64{length}))
		if series := o.attr("_name"); series != nil {
			p.str(" name=")
			p.value(series)
		}
	} else if len(axes) == 2 {
		p.str(" shape=" + shapeText([]int64{indexLength(axes[1]), indexLength(axes[0])}))
		if names, ok := firstLabels(axes[0], mostShown+1); ok {
			p.columns(names, len(names))
		}
	}
	p.types(types, len(blocks) > len(types))
	p.str(">")
}

// columns prints the names of the first of so many columns.
func (p *printer) columns(names []Value, count int) {
	names = names[:min(mostShown, len(names))]
	p.list(" columns=[", names, "")
	if count > len(names) {
		p.str(", ...")
	}
	p.str("]")
}

// types prints the first different types of columns; more tells that there are columns whose types are not in the list.
func (p *printer) types(list []string, more bool) {
	const most = 8
	var types []string
	for _, t := range list {
		switch {
		case t == "" || slices.Contains(types, t):
		case len(types) == most:
			more = true
		default:
			types = append(types, t)
		}
	}
	if len(types) == 0 {
		return
	}
	p.str(" dtype=" + strings.Join(types, ","))
	if more {
		p.str(",...")
	}
}

// manager returns the axes and blocks of what holds a frame's data, as the
// versions of pandas have pickled it.
func manager(v Value) (axes, blocks []Value, ok bool) {
	o, isObject := v.(*Object)
	if !isObject {
		return nil, nil, false
	}
	if len(o.Args) == 2 { // blocks, axes
		b, ok1 := o.Args[0].(*Tuple)
		a, ok2 := o.Args[1].(*List)
		if ok1 && ok2 {
			return a.Items, b.Items, true
		}
	}
	state, isTuple := o.State.(*Tuple) // axes, blocks, items, ...
	if !isTuple || len(state.Items) < 2 {
		return nil, nil, false
	}
	a, ok1 := state.Items[0].(*List)
	b, ok2 := state.Items[1].(*List)
	if !ok1 || !ok2 {
		return nil, nil, false
	}
	return a.Items, b.Items, true
}

// blockType returns the dtype of a block of columns.
func blockType(v Value) string {
	if a, ok := arrayOf(v); ok {
		return a.dtype
	}
	o, ok := v.(*Object)
	if !ok {
		return ""
	}
	if strings.HasSuffix(o.Class().Name, "_unpickle_block") && len(o.Args) > 0 {
		if inner, ok := o.Args[0].(*Object); ok && inner != o && !strings.HasSuffix(inner.Class().Name, "_unpickle_block") {
			return blockType(inner)
		}
		return ""
	}
	return extensionType(o)
}

// extensionType returns the dtype of an array of pandas': its class says the kind, and what it wraps the rest.
func extensionType(o *Object) string {
	class := o.Class()
	if strings.HasPrefix(class.Name, "__pyx_unpickle") && len(o.Args) > 0 {
		if c, ok := o.Args[0].(*Global); ok {
			class = c
		}
	}
	inner := ""
	if a, ok := dataArray(o, 0); ok {
		inner = dtypeOf(a)
	}
	name := strings.TrimSuffix(short(class.Name), "Array")
	switch name {
	case "String", "ArrowString", "ArrowStringArrayNumpySemantics":
		return textType(o)
	case "ArrowExtension":
		if a, ok := arrowOf(o); ok && a.typ.kind != "" {
			return a.typ.String() + "[pyarrow]"
		}
		return "unknown[pyarrow]"
	case "Categorical":
		return "category"
	case "Integer", "Floating": // Int64 is int64 with missing values
		if inner != "" {
			return strings.NewReplacer("uint", "UInt", "int", "Int", "float", "Float").Replace(inner)
		}
	case "Timedelta":
		if inner != "" {
			return inner
		}
	case "Datetime":
		if d, ok := dtypeIn(o, "DatetimeTZDtype"); ok {
			return zonedType(d)
		}
		if inner != "" {
			return inner
		}
	case "Sparse":
		if values, ok := o.attr("_sparse_values").(*Object); ok && dtypeOf(values) != "" {
			return "Sparse[" + dtypeOf(values) + "]"
		}
		return "Sparse"
	case "Period":
		if d, ok := dtypeIn(o, "PeriodDtype"); ok {
			if len(d.Args) > 0 { // which is the text of it
				if text, ok := d.Args[0].(string); ok {
					return clip(text)
				}
			}
		}
	}
	return strings.ToLower(clip(name))
}

// dtypeOf returns the dtype of an array of numpy's, "" if it is none.
func dtypeOf(o *Object) string {
	a, _ := arrayOf(o)
	return a.dtype
}

// zonedType returns the dtype of times with a zone.
func zonedType(dtype *Object) string {
	zone, ok := zoneName(dtype.attr("tz"))
	if !ok {
		zone = "a time zone"
	}
	unit, _ := dtype.attr("unit").(string)
	return "datetime64[" + clip(unit) + ", " + zone + "]"
}

// inState returns the first values of an object's state, at most so many.
func inState(o *Object, most int) []Value {
	var inside []Value
	switch s := o.State.(type) {
	case *Tuple:
		inside = s.Items
	case *Dict:
		for _, e := range s.Entries[:min(most, len(s.Entries))] {
			inside = append(inside, e.Value)
		}
	}
	return inside[:min(most, len(inside))]
}

// dtypeIn finds a dtype of the given class in the state of an array.
func dtypeIn(o *Object, class string) (*Object, bool) {
	for _, v := range inState(o, 8) {
		if d, ok := v.(*Object); ok && short(d.Class().Name) == class {
			return d, true
		}
	}
	return nil, false
}

// indexLength returns the length of an index, -1 if that is not known.
func indexLength(v Value) int64 {
	d, ok := indexData(v)
	if !ok {
		return -1
	}
	var start, stop, step Value
	for _, e := range d.Entries[:min(16, len(d.Entries))] {
		switch e.Key {
		case "start":
			start = e.Value
		case "stop":
			stop = e.Value
		case "step":
			step = e.Value
		case "data":
			return dataLength(e.Value, 0)
		case "left": // of intervals
			return plainLength(e.Value)
		case "codes":
			if codes, ok := e.Value.(*List); ok && len(codes.Items) > 0 {
				return dataLength(codes.Items[0], 0)
			}
		}
	}
	from, ok1 := start.(int64)
	to, ok2 := stop.(int64)
	by, ok3 := step.(int64)
	if !ok1 || !ok2 || !ok3 || by == 0 {
		return -1
	}
	if by < 0 {
		from, to, by = -from, -to, -by
	}
	if to <= from || by <= 0 || to-from < 0 {
		return 0
	}
	return (to-from-1)/by + 1
}

// plainLength returns the length of an index that is made from an array, -1 of another: it looks
// no deeper, however a pickle may be made.
func plainLength(v Value) int64 {
	d, ok := indexData(v)
	if !ok {
		return -1
	}
	for _, e := range d.Entries[:min(16, len(d.Entries))] {
		if e.Key == Value("data") {
			return dataLength(e.Value, 0)
		}
	}
	return -1
}

// isIndex reports whether an object is an index.
func isIndex(o *Object) bool {
	switch short(o.Class().Name) {
	case "_new_Index", "_new_DatetimeIndex", "_new_TimedeltaIndex", "_new_IntervalIndex":
		return true
	}
	return false
}

// indexData returns what an index is made from.
func indexData(v Value) (*Dict, bool) {
	o, ok := v.(*Object)
	if !ok || !isIndex(o) || len(o.Args) < 2 {
		return nil, false
	}
	d, ok := o.Args[1].(*Dict)
	return d, ok
}

// dataArray finds the array in an array, or in an array that wraps one.
func dataArray(v Value, depth int) (*Object, bool) {
	o, ok := v.(*Object)
	if !ok || depth > 4 {
		return nil, false
	}
	if _, ok := arrayOf(o); ok {
		return o, true
	}
	for _, item := range inState(o, 4) {
		if a, ok := dataArray(item, depth+1); ok {
			return a, true
		}
	}
	return nil, false
}

func dataLength(v Value, depth int) int64 {
	if a, ok := arrowOf(v); ok {
		return a.length
	}
	if a, ok := dataArray(v, depth); ok {
		if arr, ok := arrayOf(a); ok && len(arr.shape) > 0 {
			return arr.shape[len(arr.shape)-1]
		}
	}
	return -1
}

// firstLabels returns the labels of an index of objects or text: all, or at least the first so many.
func firstLabels(index Value, most int) ([]Value, bool) {
	d, ok := indexData(index)
	if !ok {
		return nil, false
	}
	for _, e := range d.Entries[:min(16, len(d.Entries))] {
		if e.Key == Value("data") {
			if a, ok := arrowOf(e.Value); ok {
				return a.labels(most)
			}
		}
	}
	return indexNames(index)
}

// indexNames returns the labels of an index of objects.
func indexNames(v Value) ([]Value, bool) {
	d, ok := indexData(v)
	if !ok {
		return nil, false
	}
	for _, e := range d.Entries[:min(16, len(d.Entries))] {
		if e.Key != Value("data") {
			continue
		}
		a, ok := dataArray(e.Value, 0)
		if !ok {
			return nil, false
		}
		state, ok := a.State.(*Tuple)
		if !ok || len(state.Items) < 5 {
			return nil, false
		}
		labels, ok := state.Items[4].(*List)
		if !ok {
			return nil, false
		}
		return labels.Items, true
	}
	return nil, false
}
