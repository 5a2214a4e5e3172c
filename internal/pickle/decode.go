package pickle

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"math/big"
	"strconv"
	"strings"
)

// decoder is the stack machine.
type decoder struct {
	data   []byte
	at     int // of the next byte
	proto  int
	budget int64 // bytes that may still be taken
	stack  []Value
	marks  []int // heights of the stack
	memo   map[uint32]Value
}

// What values are counted as, in bytes, against the budget.
const (
	costOp     = 32 // any value: its place on the stack and in what holds it
	costObject = 128
	costEntry  = 32
	costMemo   = 64
)

var (
	errShort  = errors.New("it ends early")
	errStack  = errors.New("an instruction finds no value to work on")
	errMemo   = errors.New("it refers to a value that it has not stored")
	errText   = errors.New("a number or text in it cannot be read")
	errTarget = errors.New("it adds to a value that holds no others")
)

func (d *decoder) run() (Value, error) {
	d.memo = map[uint32]Value{}
	for {
		if d.at >= len(d.data) {
			return nil, errShort
		}
		op := d.data[d.at]
		d.at++
		if op == '.' {
			return d.pop()
		}
		if err := d.step(op); err != nil {
			return nil, err
		}
	}
}

func (d *decoder) charge(n int64) error {
	if d.budget -= n; d.budget < 0 {
		return ErrLimit
	}
	return nil
}

func (d *decoder) push(v Value) error {
	d.stack = append(d.stack, v)
	return d.charge(costOp)
}

// pushNew pushes a value that was made, counting what it takes beyond its place.
func (d *decoder) pushNew(v Value, size int) error {
	if err := d.charge(int64(size)); err != nil {
		return err
	}
	return d.push(v)
}

// floor is the height of the stack below which the present mark protects it.
func (d *decoder) floor() int {
	if n := len(d.marks); n > 0 {
		return d.marks[n-1]
	}
	return 0
}

func (d *decoder) pop() (Value, error) {
	if len(d.stack) <= d.floor() {
		return nil, errStack
	}
	v := d.stack[len(d.stack)-1]
	d.stack = d.stack[:len(d.stack)-1]
	return v, nil
}

func (d *decoder) top() (Value, error) {
	if len(d.stack) <= d.floor() {
		return nil, errStack
	}
	return d.stack[len(d.stack)-1], nil
}

// popMark takes off what is above the last mark, and the mark. The values hold
// until the next push.
func (d *decoder) popMark() ([]Value, error) {
	n := len(d.marks)
	if n == 0 {
		return nil, errStack
	}
	at := d.marks[n-1]
	d.marks = d.marks[:n-1]
	items := d.stack[at:]
	d.stack = d.stack[:at]
	return items, nil
}

// popN takes n values off, the lowest first. They hold until the next push.
func (d *decoder) popN(n int) ([]Value, error) {
	if len(d.stack)-n < d.floor() {
		return nil, errStack
	}
	at := len(d.stack) - n
	items := d.stack[at:]
	d.stack = d.stack[:at]
	return items, nil
}

// take returns the next n bytes of the input.
func (d *decoder) take(n uint64) ([]byte, error) {
	if n > uint64(len(d.data)-d.at) {
		return nil, errShort
	}
	b := d.data[d.at : d.at+int(n) : d.at+int(n)]
	d.at += int(n)
	return b, nil
}

// number returns an unsigned number of 1, 2, 4 or 8 bytes.
func (d *decoder) number(size uint64) (uint64, error) {
	b, err := d.take(size)
	if err != nil {
		return 0, err
	}
	var full [8]byte
	copy(full[:], b)
	return binary.LittleEndian.Uint64(full[:]), nil
}

// counted returns bytes whose number comes before them.
func (d *decoder) counted(size uint64) ([]byte, error) {
	n, err := d.number(size)
	if err != nil {
		return nil, err
	}
	return d.take(n)
}

func (d *decoder) line() ([]byte, error) {
	n := bytes.IndexByte(d.data[d.at:], '\n')
	if n < 0 {
		return nil, errShort
	}
	b := d.data[d.at : d.at+n]
	d.at += n + 1
	return b, nil
}

// step carries out one instruction. The letters are those of Python's pickletools.
func (d *decoder) step(op byte) error {
	switch op {
	case 0x80: // PROTO
		n, err := d.number(1)
		if err != nil {
			return err
		}
		if n > 5 {
			return errorf("protocol %d is not known", n)
		}
		d.proto = int(n)
		return nil
	case 0x95: // FRAME: only a hint for reading ahead
		_, err := d.number(8)
		return err
	case '(': // MARK
		d.marks = append(d.marks, len(d.stack))
		return d.charge(8)
	case '0': // POP
		if len(d.stack) == d.floor() && len(d.marks) > 0 {
			d.marks = d.marks[:len(d.marks)-1]
			return nil
		}
		_, err := d.pop()
		return err
	case '1': // POP_MARK
		_, err := d.popMark()
		return err
	case '2': // DUP
		v, err := d.top()
		if err != nil {
			return err
		}
		return d.push(v)
	case 'N':
		return d.push(nil)
	case 0x88:
		return d.push(true)
	case 0x89:
		return d.push(false)
	case 'I', 'L', 'F', 'S', 'V':
		return d.text(op)
	case 'J', 'K', 'M', 'G', 0x8a, 0x8b:
		return d.binaryNumber(op)
	case 'T', 'U', 'X', 0x8c, 0x8d, 'B', 'C', 0x8e, 0x96:
		return d.binaryString(op)
	case 'p', 'q', 'r', 0x94, 'g', 'h', 'j':
		return d.remember(op)
	case ']', 'l', 'a', 'e', ')', 't', 0x85, 0x86, 0x87, '}', 'd', 's', 'u', 0x8f, 0x90, 0x91:
		return d.container(op)
	case 'P', 'Q', 0x97, 0x98:
		return d.outside(op)
	}
	return d.object(op)
}

// text is the instructions whose value stands in the line after them.
func (d *decoder) text(op byte) error {
	b, err := d.line()
	if err != nil {
		return err
	}
	s := string(b)
	switch op {
	case 'I':
		switch s {
		case "00":
			return d.push(false)
		case "01":
			return d.push(true)
		}
		return d.decimal(strings.TrimSpace(s))
	case 'L':
		return d.decimal(strings.TrimSuffix(strings.TrimSpace(s), "L"))
	case 'F':
		f, err := strconv.ParseFloat(strings.TrimSpace(s), 64)
		if err != nil && !errors.Is(err, strconv.ErrRange) {
			return errText
		}
		return d.push(f)
	case 'S':
		raw, ok := unquote(strings.TrimRight(s, " \t\r"))
		if !ok {
			return errText
		}
		return d.oldString(raw)
	}
	u, ok := rawUnicode(b)
	if !ok {
		return errText
	}
	return d.pushNew(u, len(u))
}

// maxDigits bounds the decimal ints that are read and written: converting them
// takes more than linear time. Python has a limit of 4300.
const maxDigits = 10_000

func (d *decoder) decimal(s string) error {
	if n, err := strconv.ParseInt(s, 10, 64); err == nil {
		return d.push(n)
	}
	if len(s) > maxDigits {
		return ErrLimit
	}
	n, ok := new(big.Int).SetString(s, 10)
	if !ok || strings.ContainsRune(s, '_') {
		return errText
	}
	return d.pushNew(bigInt(n), len(s))
}

// oldString pushes a str of Python 2: text if it is ASCII, as Python reads it.
func (d *decoder) oldString(raw []byte) error {
	for _, c := range raw {
		if c >= 0x80 {
			return d.pushNew(Bytes(raw), len(raw))
		}
	}
	return d.pushNew(string(raw), len(raw))
}

func (d *decoder) binaryNumber(op byte) error {
	switch op {
	case 'J':
		n, err := d.number(4)
		if err != nil {
			return err
		}
		return d.push(int64(int32(n)))
	case 'K', 'M':
		size := uint64(1)
		if op == 'M' {
			size = 2
		}
		n, err := d.number(size)
		if err != nil {
			return err
		}
		return d.push(int64(n))
	case 'G':
		b, err := d.take(8)
		if err != nil {
			return err
		}
		return d.push(math.Float64frombits(binary.BigEndian.Uint64(b)))
	}
	size := uint64(1) // LONG1
	if op == 0x8b {
		size = 4
	}
	b, err := d.counted(size)
	if err != nil {
		return err
	}
	if err := d.charge(4 * int64(len(b))); err != nil {
		return err
	}
	return d.push(twosComplement(b))
}

// twosComplement returns a little-endian signed number.
func twosComplement(b []byte) Value {
	if len(b) <= 8 {
		var full [8]byte
		if len(b) > 0 && b[len(b)-1]&0x80 != 0 {
			full = [8]byte{255, 255, 255, 255, 255, 255, 255, 255}
		}
		copy(full[:], b)
		return int64(binary.LittleEndian.Uint64(full[:]))
	}
	big1 := make([]byte, len(b))
	for i, c := range b {
		big1[len(b)-1-i] = c
	}
	n := new(big.Int).SetBytes(big1)
	if b[len(b)-1]&0x80 != 0 {
		n.Sub(n, new(big.Int).Lsh(big.NewInt(1), uint(len(b))*8))
	}
	return bigInt(n)
}

func (d *decoder) binaryString(op byte) error {
	size := uint64(4)
	switch op {
	case 'U', 'C', 0x8c:
		size = 1
	case 0x8d, 0x8e, 0x96:
		size = 8
	}
	b, err := d.counted(size)
	if err != nil {
		return err
	}
	switch op {
	case 'T', 'U':
		return d.oldString(b)
	case 'X', 0x8c, 0x8d:
		if !validText(b) {
			return errText
		}
		if err := d.charge(int64(len(b))); err != nil {
			return err
		}
		return d.push(string(b))
	case 0x96:
		return d.pushNew(&ByteArray{b}, costObject)
	}
	return d.push(Bytes(b))
}

// remember is the instructions on the memo.
func (d *decoder) remember(op byte) error {
	var key uint64
	var err error
	switch op {
	case 'p', 'g':
		var b []byte
		if b, err = d.line(); err == nil {
			key, err = strconv.ParseUint(string(bytes.TrimSpace(b)), 10, 32)
		}
	case 'q', 'h':
		key, err = d.number(1)
	case 'r', 'j':
		key, err = d.number(4)
	case 0x94:
		key = uint64(len(d.memo))
	}
	if err != nil {
		return err
	}
	switch op {
	case 'g', 'h', 'j':
		v, ok := d.memo[uint32(key)]
		if !ok {
			return errMemo
		}
		return d.push(v)
	}
	v, err := d.top()
	if err != nil {
		return err
	}
	d.memo[uint32(key)] = v
	return d.charge(costMemo)
}

// outside is the instructions for what is not in the pickle itself.
func (d *decoder) outside(op byte) error {
	switch op {
	case 'P':
		b, err := d.line()
		if err != nil {
			return err
		}
		return d.pushNew(persistent(string(b)), costObject+len(b))
	case 'Q':
		id, err := d.pop()
		if err != nil {
			return err
		}
		return d.pushNew(persistent(id), costObject)
	case 0x97:
		return d.pushNew(&Object{Func: &Global{"pickle", "PickleBuffer"}}, costObject)
	}
	_, err := d.top() // READONLY_BUFFER
	return err
}

func persistent(id Value) *Object {
	return &Object{Func: &Global{"pickle", "persistent_load"}, Args: []Value{id}}
}

// container is the instructions that make and fill lists, tuples, dicts and sets.
func (d *decoder) container(op byte) error {
	switch op {
	case ']':
		return d.pushNew(&List{}, costObject)
	case ')':
		return d.push(&Tuple{})
	case '}':
		return d.pushNew(&Dict{}, costObject)
	case 0x8f:
		return d.pushNew(&Set{}, costObject)
	case 0x85, 0x86, 0x87: // TUPLE1 to TUPLE3
		items, err := d.popN(int(op) - 0x84)
		if err != nil {
			return err
		}
		return d.pushNew(&Tuple{clone(items)}, costObject)
	case 'a', 's': // APPEND, SETITEM
		n := 1
		if op == 's' {
			n = 2
		}
		items, err := d.popN(n)
		if err != nil {
			return err
		}
		return d.extend(op, items)
	}
	items, err := d.popMark()
	if err != nil {
		return err
	}
	switch op {
	case 'l':
		return d.pushNew(&List{clone(items)}, costObject)
	case 't':
		return d.pushNew(&Tuple{clone(items)}, costObject)
	case 0x91:
		return d.pushNew(&Set{Items: clone(items), Frozen: true}, costObject)
	case 'd':
		entries, err := d.pairs(nil, items)
		if err != nil {
			return err
		}
		return d.pushNew(&Dict{Entries: entries}, costObject)
	}
	return d.extend(op, items)
}

// extend adds values to the container on the stack.
func (d *decoder) extend(op byte, items []Value) error {
	target, err := d.top()
	if err != nil {
		return err
	}
	if err := d.charge(16 * int64(len(items))); err != nil {
		return err
	}
	switch t := target.(type) {
	case *List:
		if op == 'a' || op == 'e' {
			t.Items = append(t.Items, items...)
			return nil
		}
	case *Set:
		if op == 0x90 {
			t.Items = append(t.Items, items...)
			return nil
		}
	case *Dict:
		if op == 's' || op == 'u' {
			t.Entries, err = d.pairs(t.Entries, items)
			return err
		}
	case *Object:
		if op == 's' || op == 'u' {
			t.Entries, err = d.pairs(t.Entries, items)
			return err
		}
		t.Items = append(t.Items, items...)
		return nil
	}
	return errTarget
}

func (d *decoder) pairs(entries []Entry, items []Value) ([]Entry, error) {
	if len(items)%2 != 0 {
		return nil, errStack
	}
	for i := 0; i < len(items); i += 2 {
		entries = append(entries, Entry{items[i], items[i+1]})
	}
	return entries, d.charge(costEntry * int64(len(items)/2))
}

func clone(items []Value) []Value { return append([]Value(nil), items...) }
