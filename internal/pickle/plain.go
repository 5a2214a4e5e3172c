package pickle

import (
	"math"
	"strconv"
	"strings"
	"time"
)

// Moment returns the time that a datetime, a date, a datetime64 of numpy's or a Timestamp of pandas' stands for. One
// without a zone, and a date, is in zone; one whose zone is known only by a name that the system does not have is not
// ok.
func Moment(v Value, zone *time.Location) (t time.Time, ok bool) {
	if m, isMoment := v.(moment); isMoment { // an element
		t, ok := m.time()
		if !m.zoned {
			t = clockIn(t, zone)
		}
		return t, ok
	}
	o, isObject := v.(*Object)
	if !isObject {
		return t, false
	}
	switch objectType(o) {
	case "pandas.Timestamp":
		t, zoned, ok := timestamp(o)
		if ok && !zoned {
			t = clockIn(t, zone)
		}
		return t, ok
	case "numpy.datetime64":
		m, _ := single(o)
		return Moment(m, zone)
	case "datetime.date":
		if b := stateBytes(o, 4); b != nil {
			return time.Date(int(b[0])<<8|int(b[1]), time.Month(b[2]), int(b[3]), 0, 0, 0, 0, zone), true
		}
	case "datetime.datetime":
		b := stateBytes(o, 10)
		if b == nil {
			return t, false
		}
		if len(o.Args) > 1 && o.Args[1] != nil {
			if zone = zoneOf(o.Args[1]); zone == nil {
				return t, false
			}
		}
		micro := int(b[7])<<16 | int(b[8])<<8 | int(b[9])
		clock := time.Date(int(b[0])<<8|int(b[1]), time.Month(b[2]&0x7f), int(b[3]), int(b[4]), int(b[5]), int(b[6]), micro*1000, time.UTC)
		if offset, ok := pytzOffset(o.Args); ok {
			return clock.Add(-offset).In(zone), true
		}
		return inZone(clock, zone, b[2]&0x80 != 0), true
	}
	return t, false
}

// clockIn returns when clocks in a zone show what those of t show.
func clockIn(t time.Time, zone *time.Location) time.Time {
	return time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), zone)
}

// pytzOffset returns the offset of a datetime whose zone is one of package pytz, which keeps with it which of the
// offsets of the zone it has.
func pytzOffset(args []Value) (offset time.Duration, ok bool) {
	if len(args) < 2 {
		return 0, false
	}
	zone, ok := args[1].(*Object)
	if !ok || zone.Class().String() != "pytz._p" || len(zone.Args) < 2 {
		return 0, false
	}
	seconds, ok := zone.Args[1].(int64)
	return time.Duration(seconds) * time.Second, ok && seconds > -86400 && seconds < 86400
}

// inZone returns when clocks in a zone show what clock shows in UTC. Of an hour that comes twice, later tells which is
// meant; one that is left out is counted as Python does, from the offset that holds before it, or, if later, after it.
func inZone(clock time.Time, zone *time.Location, later bool) time.Time {
	at := func(near time.Duration) time.Time {
		_, offset := clock.Add(near).In(zone).Zone()
		return clock.Add(time.Duration(-offset) * time.Second).In(zone)
	}
	first, second := at(-24*time.Hour), at(24*time.Hour)
	if later {
		first, second = second, first
	}
	shows := func(t time.Time) bool {
		_, offset := t.Zone()
		return t.Add(time.Duration(offset) * time.Second).Equal(clock)
	}
	if shows(second) && !shows(first) {
		return second
	}
	return first
}

// zoneOf returns a fixed zone or one of the zone database, of Python's own, pytz' or dateutil's; nil if it is none.
func zoneOf(v Value) *time.Location {
	o, ok := v.(*Object)
	if !ok {
		return nil
	}
	fixed := func(offset time.Duration, ok bool) *time.Location {
		switch {
		case !ok || offset <= -24*time.Hour || offset >= 24*time.Hour:
			return nil
		case offset == 0:
			return time.UTC
		}
		return time.FixedZone("", int(offset/time.Second))
	}
	switch o.Class().String() {
	case "datetime.timezone":
		return fixed(Duration(first(o.Args)))
	case "pytz.FixedOffset":
		minutes, ok := first(o.Args).(int64)
		return fixed(time.Duration(minutes)*time.Minute, ok && minutes > -1440 && minutes < 1440)
	case "dateutil.tz.tz.tzoffset":
		return fixed(Duration(o.attr("_offset")))
	case "pytz._UTC", "dateutil.tz.tz.tzutc":
		return time.UTC
	case "zoneinfo.ZoneInfo._unpickle", "pytz._p":
		name, ok := first(o.Args).(string)
		if !ok || name == "" || len(name) > 100 {
			return nil
		}
		if zone, err := time.LoadLocation(name); err == nil {
			return zone
		}
	}
	return nil
}

// Missing reports whether a value is what numpy or pandas has for one that is missing: NaT and NA.
func Missing(v Value) bool {
	if _, missing := v.(absent); missing { // an element
		return true
	}
	if o, ok := v.(*Object); ok {
		one, _ := single(o)
		_, missing := one.(absent)
		return missing
	}
	return isNA(v)
}

// Duration returns the duration that a timedelta, a timedelta64 of numpy's or a Timedelta of pandas' stands for; not ok
// if it is longer than Go's durations, which end at 292 years.
func Duration(v Value) (time.Duration, bool) {
	if s, ok := v.(span); ok { // an element
		if s.seconds > 9e9 || s.seconds < -9e9 {
			return 0, false
		}
		return time.Duration(s.seconds)*time.Second + time.Duration(s.nano), true
	}
	o, ok := v.(*Object)
	if !ok {
		return 0, false
	}
	if objectType(o) == "pandas.Timedelta" && len(o.Args) > 0 {
		n, isInt := o.Args[0].(int64)
		parts := partsOf(o.Args, 1)
		if !isInt || parts == 0 || n/parts > 9e9 || n/parts < -9e9 {
			return 0, false
		}
		return time.Duration(n * (1e9 / parts)), true
	}
	if objectType(o) == "numpy.timedelta64" {
		s, _ := single(o)
		return Duration(s)
	}
	d, ok := delta(o)
	if !ok || d[0] > 106_000 || d[0] < -106_000 || d[1] > 1e9 || d[1] < -1e9 || d[2] > 1e12 || d[2] < -1e12 {
		return 0, false
	}
	return time.Duration(d[0])*24*time.Hour + time.Duration(d[1])*time.Second + time.Duration(d[2])*time.Microsecond, true
}

// Text returns what Python's str gives for a Decimal, a Fraction, a UUID, an address, a date, a time
// or a path, those of numpy and pandas too.
func Text(v Value) (string, bool) {
	if o, ok := v.(*Object); ok {
		return strOf(o)
	}
	return "", false
}

// Scalar returns the value of a numpy scalar: a bool, int64, *big.Int, float64, string or Bytes.
func Scalar(v Value) (Value, bool) {
	_, value, ok := scalar(v)
	return value, ok
}

// Array is a numpy array of numbers or bools.
type Array struct {
	Shape   []int
	Kind    byte // 'b' bool, 'i' signed, 'u' unsigned, 'f' float
	Size    int  // bytes of an element: 1, 2, 4 or 8
	Big     bool // the bytes of an element come in big-endian order
	Fortran bool // the first index varies fastest
	Data    []byte
}

// Len returns the number of elements.
func (a *Array) Len() int {
	n := 1
	for _, d := range a.Shape {
		n *= d
	}
	return n
}

// ArrayOf returns the array that a value is; not ok if it is none, or one of other elements.
func ArrayOf(v Value) (*Array, bool) {
	o, ok := v.(*Object)
	if !ok {
		return nil, false
	}
	known, ok := arrayOf(o)
	if !ok || known.masked { // what is masked would be shown
		return nil, false
	}
	var dtype, data Value
	a := &Array{}
	if state, isState := o.State.(*Tuple); isState { // _reconstruct: version, shape, dtype, Fortran, bytes
		if len(state.Items) < 5 {
			return nil, false
		}
		dtype, data = state.Items[2], state.Items[4]
		a.Fortran, _ = state.Items[3].(bool)
	} else { // _frombuffer: buffer, dtype, shape, order
		dtype, data = o.Args[1], o.Args[0]
		if len(o.Args) > 3 {
			a.Fortran = o.Args[3] == Value("F")
		}
	}
	switch d := data.(type) {
	case Bytes:
		a.Data = d
	case *ByteArray:
		a.Data = d.Data
	default:
		return nil, false
	}
	code, order := dtypeCode(dtype)
	if code == "" || !strings.ContainsRune("biuf", rune(code[0])) {
		return nil, false
	}
	a.Kind, a.Big = code[0], order == '>'
	size, err := strconv.Atoi(code[1:])
	if err != nil || size != 1 && size != 2 && size != 4 && size != 8 || a.Kind == 'b' && size != 1 || a.Kind == 'f' && size == 1 {
		return nil, false
	}
	a.Size = size
	bytes := int64(size)
	for _, n := range known.shape {
		if n < 0 || n > math.MaxInt32*int64(1<<16) || n > 0 && bytes > math.MaxInt64/n {
			return nil, false
		}
		bytes *= n
		a.Shape = append(a.Shape, int(n))
	}
	return a, bytes == int64(len(a.Data))
}

// ListOf returns the elements of an array, a series or an index as a list, nested as deep as an array has dimensions:
// plain values, and times, spans of time and what is missing, which Moment, Duration and Missing know. It is not ok if
// the value is none of these, if its elements cannot be told, or if they are more than most.
func ListOf(v Value, most int) (*List, bool) {
	o, isObject := v.(*Object)
	if !isObject {
		return nil, false
	}
	g, ok := listing(o)
	if !ok || len(g.shape) == 0 {
		return nil, false
	}
	lists := int64(1) // of which there may be many without an element
	for _, n := range g.shape {
		if n < 0 || lists > int64(most) {
			return nil, false
		}
		lists *= min(n, int64(most)+1)
	}
	if lists > int64(most) {
		return nil, false
	}
	next := int64(0)
	var list func(shape []int64) *List
	list = func(shape []int64) *List {
		l := &List{Items: make([]Value, shape[0])}
		for i := range l.Items {
			if len(shape) > 1 {
				l.Items[i] = list(shape[1:])
				continue
			}
			switch v := g.at(next).(type) {
			case float32:
				l.Items[i] = float64(v)
			case sight:
				ok = false
			default:
				l.Items[i] = v
			}
			next++
		}
		return l
	}
	return list(g.shape), ok
}

// Attributes returns what the state of an object holds by name, that in slots too; not ok if it has no such state.
func (o *Object) Attributes() ([]Entry, bool) {
	var list []Entry
	states := o.states()
	for _, state := range states {
		list = append(list, state.Entries...)
	}
	return list, len(states) > 0
}
