package pickle

import (
	"encoding/hex"
	"fmt"
	"math"
	"math/big"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// attr returns an attribute of an object that should have few.
func (o *Object) attr(name string) Value {
	for _, state := range o.states() {
		for _, e := range state.Entries[:min(64, len(state.Entries))] {
			if e.Key == Value(name) {
				return e.Value
			}
		}
	}
	return nil
}

// objectType returns the type of what an object's call would have made.
func objectType(o *Object) string {
	g := o.Class()
	name := g.String()
	switch name {
	case "numpy.core.multiarray._reconstruct", "numpy._core.multiarray._reconstruct", "numpy.ma.core._mareconstruct":
		if len(o.Args) > 0 {
			if class, ok := o.Args[0].(*Global); ok {
				return class.String()
			}
		}
		return "numpy.ndarray"
	case "numpy.core.numeric._frombuffer", "numpy._core.numeric._frombuffer":
		return "numpy.ndarray"
	case "numpy.core.multiarray.scalar", "numpy._core.multiarray.scalar":
		if len(o.Args) > 0 {
			return "numpy." + scalarType(o.Args[0])
		}
	case "pandas._libs.tslibs.timestamps._unpickle_timestamp":
		return "pandas.Timestamp"
	case "pandas._libs.tslibs.timedeltas._timedelta_unpickle":
		return "pandas.Timedelta"
	case "pandas._libs.tslibs.nattype._nat_unpickle":
		return "pandas.api.typing.NaTType"
	case "pandas.core.indexes.base._new_Index", "pandas.core.indexes.datetimes._new_DatetimeIndex", "pandas.core.indexes.timedeltas._new_TimedeltaIndex",
		"pandas.core.indexes.interval._new_IntervalIndex", "pandas._libs.arrays.__pyx_unpickle_NDArrayBacked":
		if len(o.Args) > 0 {
			if class, ok := o.Args[0].(*Global); ok {
				return class.String()
			}
		}
	case "zoneinfo.ZoneInfo._unpickle":
		return "zoneinfo.ZoneInfo"
	case "re._compile":
		return "re.Pattern"
	case "array._array_reconstructor":
		return "array.array"
	case "torch._utils._rebuild_tensor", "torch._utils._rebuild_tensor_v2", "torch._utils._rebuild_tensor_v3":
		return "torch.Tensor"
	case "torch._utils._rebuild_parameter", "torch._utils._rebuild_parameter_with_state":
		return "torch.nn.parameter.Parameter"
	case "jax._src.array._reconstruct_array":
		return "jaxlib._jax.ArrayImpl"
	case "numpy.random._pickle.__generator_ctor":
		return "numpy.random._generator.Generator"
	case "pyarrow.lib.chunked_array", "pyarrow.lib._restore_array", "pyarrow.lib._reconstruct_table", "pyarrow.lib._reconstruct_record_batch":
		return strings.Replace(arrowClasses[name], ".", ".lib.", 1)
	case "":
		return "object"
	}
	return name
}

// special returns how to print an object whose class is known, nil otherwise.
func (p *printer) special(o *Object) func() {
	if text, ok := plainText(o); ok {
		return func() { p.str(text) }
	}
	g := o.Class()
	switch name := g.String(); name {
	case "datetime.timezone":
		if len(o.Args) == 1 && isZeroDelta(o.Args[0]) {
			return func() { p.str("datetime.timezone.utc") }
		}
		return p.made(name, o)
	case "datetime.datetime", "datetime.time":
		if text, rest, ok := dateTime(o); ok {
			return func() {
				p.str(name + "(" + text)
				if rest.zone != nil {
					p.str(", tzinfo=")
					p.value(rest.zone)
				}
				if rest.fold {
					p.str(", fold=1")
				}
				p.str(")")
			}
		}
	case "functools.partial":
		if fn, args, kwargs, ok := partial(o); ok {
			return p.made(name, &Object{Args: append([]Value{fn}, args[:min(len(args), p.max)]...), Kwargs: kwargs})
		}
	case "range", "slice":
		if len(o.Args) > 0 && o.State == nil {
			if name == "range" && len(o.Args) == 3 && o.Args[2] == Value(int64(1)) {
				return func() { p.list("range(", o.Args[:2], ")") }
			}
			return p.made(name, o)
		}
	case "collections.deque":
		return func() {
			p.list("deque([", o.Items, "]")
			if len(o.Args) == 2 && o.Args[1] != nil {
				p.str(", maxlen=")
				p.value(o.Args[1])
			}
			p.str(")")
		}
	case "re._compile":
		if len(o.Args) == 2 {
			return func() {
				p.list("re.compile(", o.Args[:1], "")
				p.str(patternFlags(o.Args[1]) + ")")
			}
		}
	case "array._array_reconstructor":
		if code, numbers, ok := machineArray(o, p.max); ok {
			if len(numbers) == 0 {
				return func() { p.str("array(" + code + ")") }
			}
			return func() { p.list("array("+code+", [", numbers, "])") }
		}
	case "array.array": // by older protocols
		if len(o.Args) == 2 {
			if list, ok := o.Args[1].(*List); ok && len(list.Items) == 0 {
				return p.made("array", &Object{Args: o.Args[:1]})
			}
		}
	case "numpy.random._pickle.__generator_ctor":
		if bits, ok := first(o.Args).(*Object); ok {
			if class, ok := first(bits.Args).(*Global); ok {
				return func() { p.str("Generator(" + short(class.Name) + ")") }
			}
		}
	case "zoneinfo.ZoneInfo._unpickle":
		if len(o.Args) > 0 {
			return func() {
				p.str("zoneinfo.ZoneInfo(key=")
				p.value(o.Args[0])
				p.str(")")
			}
		}
	}
	if t, ok := tableOf(o, mostShown); ok {
		return func() { p.table(&t) }
	}
	if text := figureText(o) + pictureText(o); text != "" {
		return func() { p.str(text) }
	}
	if a, ok := tensorOf(o); ok {
		return func() { p.str(a.text()) }
	}
	if b := rawBytes(o.State); len(b) > mostStateBytes && len(o.Args) == 0 {
		return func() { p.str("<" + clip(Type(o)) + ", " + strconv.Itoa(len(b)) + " bytes, readable only in Python>") }
	}
	if strings.HasPrefix(g.Module, "numpy") {
		return p.numpy(o)
	}
	if strings.HasPrefix(g.Module, "pandas") {
		return p.pandas(o)
	}
	return nil
}

// mostStateBytes is how many bytes are shown that an object is kept as, in a form of its own.
const mostStateBytes = 64

// first returns the first of some values, nil if there is none.
func first(list []Value) Value {
	if len(list) == 0 {
		return nil
	}
	return list[0]
}

// patternFlags returns the flags of a regular expression as its repr has them, "" if it has none but that of its kind.
func patternFlags(v Value) string {
	flags, _ := v.(int64)
	var names []string
	for _, f := range []struct {
		bit  int64
		name string
	}{{2, "IGNORECASE"}, {4, "LOCALE"}, {8, "MULTILINE"}, {16, "DOTALL"}, {64, "VERBOSE"}, {256, "ASCII"}} {
		if flags&f.bit != 0 {
			names = append(names, "re."+f.name)
		}
	}
	if len(names) == 0 {
		return ""
	}
	return ", " + strings.Join(names, "|")
}

// machineForms is how the numbers of an array of module array lie in memory, as numpy says it, by the number that its
// pickle has of that. Texts, 18 to 21, are not read here.
var machineForms = []string{"|u1", "|i1", "<u2", ">u2", "<i2", ">i2", "<u4", ">u4", "<i4", ">i4", "<u8", ">u8", "<i8", ">i8", "<f4", ">f4", "<f8", ">f8"}

// machineArray returns the first numbers of an array of module array, at most so many, and the code of their type.
func machineArray(o *Object, most int) (code string, list []Value, ok bool) {
	if len(o.Args) != 4 { // class, code, form, bytes
		return "", nil, false
	}
	letter, ok1 := o.Args[1].(string)
	form, ok2 := o.Args[2].(int64)
	data, ok3 := o.Args[3].(Bytes)
	if !ok1 || !ok2 || !ok3 || len(letter) != 1 || form < 0 || form >= int64(len(machineForms)) {
		return "", nil, false
	}
	descr := machineForms[form]
	size := int(descr[2] - '0')
	for ; len(data) >= size && len(list) < most; data = data[size:] {
		n := numbers{descr: descr, size: size, data: slices.Clone(data[:size])}
		if descr[0] == '>' {
			slices.Reverse(n.data)
		}
		v := n.value(0)
		if f, isFloat := v.(float32); isFloat {
			v = float64(f)
		}
		list = append(list, v)
	}
	return string(appendText(nil, letter, 10)), list, true
}

// caughtText returns what @catch stored of an exception as the exception's repr, "" of any other object.
func caughtText(o *Object) string {
	g := o.Class()
	if g.Name != "MetaflowExceptionWrapper" || g.Module != "levada.exceptions" && g.Module != "metaflow.exception" {
		return ""
	}
	class, _ := o.attr("type").(string)
	said, ok := o.attr("exception").(string)
	if class == "" || !ok {
		return ""
	}
	return short(class) + "(" + string(appendText(nil, said, 1000)) + ")"
}

// figureText returns the repr of a figure of matplotlib's, "" of any other object.
func figureText(o *Object) string {
	if o.Class().String() != "matplotlib.figure.Figure" {
		return ""
	}
	text := "<Figure"
	dpi, _ := o.attr("_dpi").(float64)
	if box, ok := o.attr("bbox_inches").(*Object); ok {
		// Two corners.
		if points, ok := numbersOf(box.attr("_points")); ok && points.descr == "<f8" && len(points.data) == 32 {
			at := func(i int64) float64 { return math.Float64frombits(uint64(points.int(i))) }
			text += fmt.Sprintf(" size %.0fx%.0f", (at(2)-at(0))*dpi, (at(3)-at(1))*dpi)
		}
	}
	if axes, ok := o.attr("_localaxes").(*List); ok {
		text += fmt.Sprintf(" with %d Axes", len(axes.Items))
	}
	return text + ">"
}

// made prints an object as the call that makes it.
func (p *printer) made(name string, o *Object) func() {
	return func() {
		p.str(name)
		p.str("(")
		p.arguments(o)
		p.str(")")
	}
}

// plainText returns the repr of objects that contain no others.
func plainText(o *Object) (string, bool) {
	g := o.Class()
	switch name := g.String(); name {
	case "complex":
		if len(o.Args) == 2 {
			re, ok1 := o.Args[0].(float64)
			im, ok2 := o.Args[1].(float64)
			if ok1 && ok2 {
				return complexText(re, im), true
			}
		}
	case "datetime.date":
		if b := stateBytes(o, 4); b != nil {
			return fmt.Sprintf("datetime.date(%d, %d, %d)", int(b[0])<<8|int(b[1]), b[2], b[3]), true
		}
	case "datetime.timedelta":
		if d, ok := delta(o); ok {
			var parts []string
			for i, unit := range []string{"days", "seconds", "microseconds"} {
				if d[i] != 0 {
					parts = append(parts, fmt.Sprintf("%s=%d", unit, d[i]))
				}
			}
			if len(parts) == 0 {
				parts = []string{"0"}
			}
			return "datetime.timedelta(" + strings.Join(parts, ", ") + ")", true
		}
	case "decimal.Decimal":
		if s, ok := shortText(o); ok {
			return "Decimal(" + string(appendText(nil, s, 2000)) + ")", true
		}
	case "fractions.Fraction":
		if num, den, ok := fraction(o); ok {
			return "Fraction(" + num + ", " + den + ")", true
		}
	case "uuid.UUID":
		if s, ok := uuid(o); ok {
			return "UUID('" + s + "')", true
		}
	case "ipaddress.IPv4Address", "ipaddress.IPv6Address":
		if s, ok := addressText(o); ok {
			return g.Name + "('" + s + "')", true
		}
	case "numpy.dtype", "numpy.dtypes.StringDType":
		if s := dtypeName(o); s != "" {
			return "dtype('" + s + "')", true
		}
	}
	if s, ok := pathText(o); ok {
		name := g.Name[strings.LastIndexByte(g.Name, '.')+1:]
		return name + "(" + string(appendText(nil, s, 5000)) + ")", true
	}
	return "", false
}

func complexText(re, im float64) string {
	text := complexOf(re, im, 64)
	if re == 0 && !math.Signbit(re) { // only the imaginary part is there
		return text
	}
	return "(" + text + ")"
}

// stateBytes returns the bytes that dates and times are made from.
func stateBytes(o *Object, size int) []byte {
	if len(o.Args) == 0 {
		return nil
	}
	b, ok := o.Args[0].(Bytes)
	if !ok || len(b) != size {
		return nil
	}
	return b
}

// zoned is what a date and time has beside its digits.
type zoned struct {
	zone Value
	fold bool
}

// dateTime returns the numbers of a datetime or time.
func dateTime(o *Object) (string, zoned, bool) {
	var z zoned
	if len(o.Args) > 1 {
		z.zone = o.Args[1]
	}
	var text string
	var clock []byte
	if b := stateBytes(o, 10); b != nil && o.Class().Name == "datetime" {
		z.fold = b[2]&0x80 != 0
		text = fmt.Sprintf("%d, %d, %d, ", int(b[0])<<8|int(b[1]), b[2]&0x7f, b[3])
		clock = b[4:]
	} else if b := stateBytes(o, 6); b != nil && o.Class().Name == "time" {
		z.fold = b[0]&0x80 != 0
		clock = append([]byte{b[0] & 0x7f}, b[1:]...)
	} else {
		return "", z, false
	}
	text += fmt.Sprintf("%d, %d", clock[0], clock[1])
	micro := int(clock[3])<<16 | int(clock[4])<<8 | int(clock[5])
	switch {
	case micro != 0:
		text += fmt.Sprintf(", %d, %d", clock[2], micro)
	case clock[2] != 0:
		text += fmt.Sprintf(", %d", clock[2])
	}
	return text, z, true
}

// delta returns the days, seconds and microseconds of a timedelta.
func delta(o *Object) ([3]int64, bool) {
	var d [3]int64
	if o.Class().String() != "datetime.timedelta" || len(o.Args) > 3 {
		return d, false
	}
	for i, arg := range o.Args {
		n, ok := arg.(int64)
		if !ok {
			return d, false
		}
		d[i] = n
	}
	return d, true
}

func isZeroDelta(v Value) bool {
	o, ok := v.(*Object)
	if !ok {
		return false
	}
	d, ok := delta(o)
	return ok && d == [3]int64{}
}

// shortText returns the only argument if it is a short str.
func shortText(o *Object) (string, bool) {
	if len(o.Args) != 1 {
		return "", false
	}
	s, ok := o.Args[0].(string)
	return s, ok && len(s) <= 1000
}

func fraction(o *Object) (num, den string, ok bool) {
	if s, ok := shortText(o); ok {
		num, den, found := strings.Cut(s, "/")
		if !found {
			den = "1"
		}
		return num, den, true
	}
	if len(o.Args) != 2 {
		return "", "", false
	}
	for i, out := range []*string{&num, &den} {
		switch n := o.Args[i].(type) {
		case int64:
			*out = strconv.FormatInt(n, 10)
		case *big.Int:
			if n.BitLen() > maxBits {
				return "", "", false
			}
			*out = n.String()
		default:
			return "", "", false
		}
	}
	return num, den, true
}

func uuid(o *Object) (string, bool) {
	if o.Class().String() != "uuid.UUID" {
		return "", false
	}
	b := make([]byte, 16)
	if !bigEndian(o.attr("int"), b) {
		return "", false
	}
	h := hex.EncodeToString(b)
	return strings.Join([]string{h[:8], h[8:12], h[12:16], h[16:20], h[20:]}, "-"), true
}

// addressText returns the text of an address of module ipaddress.
func addressText(o *Object) (string, bool) {
	if text, ok := shortText(o); ok { // of IPv6, which may have a scope
		return text, true
	}
	b := make([]byte, 4)
	if o.Class().Name == "IPv6Address" {
		b = make([]byte, 16)
	}
	if !bigEndian(first(o.Args), b) {
		return "", false
	}
	address, ok := netip.AddrFromSlice(b)
	return address.String(), ok
}

// bigEndian fills b with the bytes of an int, the first of them the highest. It reports whether it is one that fits.
func bigEndian(v Value, b []byte) bool {
	n, ok := v.(*big.Int)
	if small, isSmall := v.(int64); isSmall {
		n, ok = big.NewInt(small), true
	}
	if !ok || n.Sign() < 0 || n.BitLen() > 8*len(b) {
		return false
	}
	n.FillBytes(b)
	return true
}

// pathText returns the text of a path of module pathlib.
func pathText(o *Object) (string, bool) {
	g := o.Class()
	if g.Module != "pathlib" && !strings.HasPrefix(g.Module, "pathlib.") {
		return "", false
	}
	windows := g.Name == "WindowsPath" || g.Name == "PureWindowsPath"
	if !windows && g.Name != "PosixPath" && g.Name != "PurePosixPath" {
		return "", false
	}
	if len(o.Args) > 500 {
		return "", false
	}
	path := ""
	for _, arg := range o.Args {
		part, ok := arg.(string)
		if !ok || len(path)+len(part) > 4096 {
			return "", false
		}
		if windows { // whose repr has slashes too
			part = strings.ReplaceAll(part, `\`, "/")
		}
		if path != "" && !strings.HasSuffix(path, "/") {
			path += "/"
		}
		path += part
	}
	if path == "" {
		path = "."
	}
	return path, true
}
