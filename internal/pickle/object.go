package pickle

import "strings"

// object is the instructions that import, call and set state.
func (d *decoder) object(op byte) error {
	switch op {
	case 'c': // GLOBAL
		module, err := d.line()
		if err != nil {
			return err
		}
		name, err := d.line()
		if err != nil {
			return err
		}
		return d.pushGlobal(string(module), string(name))
	case 0x93: // STACK_GLOBAL
		items, err := d.popN(2)
		if err != nil {
			return err
		}
		module, ok1 := items[0].(string)
		name, ok2 := items[1].(string)
		if !ok1 || !ok2 {
			return errText
		}
		return d.pushGlobal(module, name)
	case 0x82, 0x83, 0x84: // EXT1, EXT2, EXT4: a name that both sides have agreed on
		code, err := d.number(1 << (op - 0x82))
		if err != nil {
			return err
		}
		return d.pushNew(&Object{Func: &Global{"copyreg", "extension"}, Args: []Value{int64(code)}}, costObject)
	case 'R': // REDUCE
		items, err := d.popN(2)
		if err != nil {
			return err
		}
		args, ok := items[1].(*Tuple)
		if !ok {
			return errText
		}
		return d.call(items[0], args.Items)
	case 0x81, 0x92: // NEWOBJ, NEWOBJ_EX
		n := 2
		if op == 0x92 {
			n = 3
		}
		items, err := d.popN(n)
		if err != nil {
			return err
		}
		args, ok := items[1].(*Tuple)
		if !ok {
			return errText
		}
		o := &Object{Func: items[0], Args: args.Items, New: true}
		if n == 3 {
			if o.Kwargs, ok = items[2].(*Dict); !ok {
				return errText
			}
			if len(o.Kwargs.Entries) == 0 {
				o.Kwargs = nil
			}
		}
		if dict, ok := frozenDict(o); ok {
			return d.pushNew(dict, costObject)
		}
		return d.pushNew(o, costObject)
	case 'i': // INST
		module, err := d.line()
		if err != nil {
			return err
		}
		name, err := d.line()
		if err != nil {
			return err
		}
		items, err := d.popMark()
		if err != nil {
			return err
		}
		if len(name) == 0 || len(module)+len(name) > maxName {
			return errText
		}
		return d.call(d.global(string(module), string(name)), clone(items))
	case 'o': // OBJ
		items, err := d.popMark()
		if err != nil {
			return err
		}
		if len(items) == 0 {
			return errStack
		}
		return d.call(items[0], clone(items[1:]))
	case 'b': // BUILD
		state, err := d.pop()
		if err != nil {
			return err
		}
		target, err := d.top()
		if err != nil {
			return err
		}
		if o, ok := target.(*Object); ok {
			o.State = state
		}
		return nil
	}
	return errorf("instruction 0x%02x is not known", op)
}

// maxName bounds the names of modules and classes, so that each use of one costs little.
const maxName = 4096

func (d *decoder) pushGlobal(module, name string) error {
	if name == "" || len(module)+len(name) > maxName {
		return errText
	}
	return d.pushNew(d.global(module, name), costObject+len(module)+len(name))
}

// oldModules are modules by the names that Python 2 gave them, which protocols
// below 3 use.
var oldModules = map[string]string{
	"__builtin__": "builtins", "copy_reg": "copyreg", "cPickle": "pickle", "Queue": "queue",
	"ConfigParser": "configparser", "UserDict": "collections", "UserList": "collections",
	"UserString": "collections", "exceptions": "builtins", "repr": "reprlib",
}

var oldNames = map[string]string{
	"xrange": "range", "unicode": "str", "long": "int", "unichr": "chr", "StandardError": "Exception",
}

func (d *decoder) global(module, name string) *Global {
	if d.proto < 3 {
		if m, ok := oldModules[module]; ok {
			module = m
			if n, ok := oldNames[name]; ok && m == "builtins" {
				name = n
			}
		}
	}
	return &Global{module, name}
}

// call pushes what a call would make, as far as it is known, or the call itself.
func (d *decoder) call(f Value, args []Value) error {
	if g, ok := f.(*Global); ok {
		if v, ok := d.known(g, args); ok {
			return d.pushNew(v, costObject)
		}
	}
	if p, ok := f.(*Object); ok && len(args) == 0 {
		// How protocols below 4 call __new__ with keyword arguments.
		fn, args, kwargs, ok := partial(p)
		if g, isGlobal := fn.(*Global); ok && isGlobal && strings.HasSuffix(g.Name, "__new__") && len(args) > 0 {
			return d.pushNew(&Object{Func: args[0], Args: args[1:], Kwargs: kwargs, New: true}, costObject)
		}
	}
	return d.pushNew(&Object{Func: f, Args: args}, costObject)
}

// partial returns what a functools.partial would call.
func partial(o *Object) (fn Value, args []Value, kwargs *Dict, ok bool) {
	state, isTuple := o.State.(*Tuple)
	if o.Class().String() != "functools.partial" || !isTuple || len(state.Items) < 3 {
		return nil, nil, nil, false
	}
	list, ok1 := state.Items[1].(*Tuple)
	kwargs, ok2 := state.Items[2].(*Dict)
	if !ok1 || !ok2 {
		return nil, nil, nil, false
	}
	return state.Items[0], list.Items, kwargs, true
}

// known makes the values for calls that pickles of plain values contain.
func (d *decoder) known(g *Global, args []Value) (Value, bool) {
	switch g.Module {
	case "builtins":
		return d.knownBuiltin(g.Name, args)
	case "_codecs":
		// How protocols below 3 write bytes.
		if g.Name == "encode" && len(args) == 2 {
			if b, ok := d.latin1(args[0], args[1]); ok {
				return Bytes(b), true
			}
		}
	case "copyreg":
		return knownCopyreg(g.Name, args)
	case "collections":
		return d.knownCollection(g.Name, args)
	}
	return nil, false
}

func (d *decoder) knownBuiltin(name string, args []Value) (Value, bool) {
	switch name {
	case "set", "frozenset":
		s := &Set{Frozen: name == "frozenset"}
		if len(args) == 0 {
			return s, true
		}
		if l, ok := args[0].(*List); ok && len(args) == 1 {
			s.Items = l.Items[:len(l.Items):len(l.Items)] // shared until either grows
			return s, true
		}
	case "bytes":
		if len(args) == 0 {
			return Bytes{}, true
		}
	case "bytearray":
		if len(args) == 0 {
			return &ByteArray{}, true
		}
		if b, ok := args[0].(Bytes); ok && len(args) == 1 {
			return &ByteArray{b}, true
		}
		if len(args) == 2 {
			if b, ok := d.latin1(args[0], args[1]); ok {
				return &ByteArray{b}, true
			}
		}
	case "getattr":
		// How protocols below 4 write a name within a class.
		if len(args) == 2 {
			g, ok1 := args[0].(*Global)
			attribute, ok2 := args[1].(string)
			if ok1 && ok2 && len(g.Module)+len(g.Name)+len(attribute) < maxName {
				return &Global{g.Module, g.Name + "." + attribute}, true
			}
		}
	case "type":
		if len(args) == 1 {
			if args[0] == nil {
				return &Global{"builtins", "NoneType"}, true
			}
			if g, ok := args[0].(*Global); ok && g.Module == "builtins" && (g.Name == "Ellipsis" || g.Name == "NotImplemented") {
				return &Global{"builtins", map[string]string{"Ellipsis": "ellipsis", "NotImplemented": "NotImplementedType"}[g.Name]}, true
			}
		}
	}
	return nil, false
}

func knownCopyreg(name string, args []Value) (Value, bool) {
	switch name {
	case "_reconstructor": // class, base, the base's value
		if len(args) == 3 {
			o := &Object{Func: args[0], New: true}
			if base, ok := args[1].(*Global); !ok || base.String() != "object" {
				o.Args = []Value{args[2]}
			}
			return o, true
		}
	case "__newobj__":
		if len(args) >= 1 {
			return &Object{Func: args[0], Args: args[1:], New: true}, true
		}
	case "__newobj_ex__":
		if len(args) == 3 {
			t, ok1 := args[1].(*Tuple)
			kw, ok2 := args[2].(*Dict)
			if ok1 && ok2 {
				return &Object{Func: args[0], Args: t.Items, Kwargs: kw, New: true}, true
			}
		}
	}
	return nil, false
}

func (d *decoder) knownCollection(name string, args []Value) (Value, bool) {
	switch name {
	case "OrderedDict":
		if len(args) == 0 {
			return &Dict{Class: name}, true
		}
		// Python 2 wrote a list of pairs.
		if l, ok := args[0].(*List); ok && len(args) == 1 {
			dict := &Dict{Class: name}
			if d.charge(costEntry*int64(len(l.Items))) != nil {
				return nil, false // the next instruction fails
			}
			for _, item := range l.Items {
				switch pair := item.(type) {
				case *List:
					if len(pair.Items) == 2 {
						dict.Entries = append(dict.Entries, Entry{pair.Items[0], pair.Items[1]})
						continue
					}
				case *Tuple:
					if len(pair.Items) == 2 {
						dict.Entries = append(dict.Entries, Entry{pair.Items[0], pair.Items[1]})
						continue
					}
				}
				return nil, false
			}
			return dict, true
		}
	case "defaultdict":
		if len(args) <= 1 {
			dict := &Dict{Class: name}
			if len(args) == 1 {
				dict.Factory = args[0]
			}
			return dict, true
		}
	case "Counter":
		if len(args) == 0 {
			return &Dict{Class: name}, true
		}
		if inner, ok := args[0].(*Dict); ok && len(args) == 1 && inner.Class == "" {
			return &Dict{Class: name, Entries: inner.Entries[:len(inner.Entries):len(inner.Entries)]}, true
		}
	}
	return nil, false
}

// frozenDict returns the frozendict, of Python 3.15 and later, that is made anew.
func frozenDict(o *Object) (*Dict, bool) {
	if g, ok := o.Func.(*Global); !ok || g.String() != "frozendict" || len(o.Args) != 1 || o.Kwargs != nil {
		return nil, false
	}
	inner, ok := o.Args[0].(*Dict)
	if !ok || inner.Class != "" {
		return nil, false
	}
	return &Dict{Class: "frozendict", Entries: inner.Entries[:len(inner.Entries):len(inner.Entries)]}, true
}

// latin1 returns the bytes of a str whose characters stand for one each.
func (d *decoder) latin1(text, encoding Value) ([]byte, bool) {
	s, ok := text.(string)
	if !ok || encoding != "latin1" && encoding != "latin-1" || d.charge(int64(len(s))) != nil {
		return nil, false
	}
	b := make([]byte, 0, len(s))
	for _, r := range s {
		if r > 0xff {
			return nil, false
		}
		b = append(b, byte(r))
	}
	return b, true
}
