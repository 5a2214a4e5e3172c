package pickle

import "strings"

// pandas returns how to print one of pandas' objects, nil if it is not known.
func (p *printer) pandas(o *Object) func() {
	name := objectType(o)
	switch short := name[strings.LastIndexByte(name, '.')+1:]; {
	case short == "DataFrame" || short == "Series":
		axes, blocks, ok := manager(o.attr("_mgr"))
		if !ok {
			axes, blocks, ok = manager(o.attr("_data")) // pandas before 1.1
		}
		if !ok {
			return nil
		}
		return func() { p.frame(name, short, o, axes, blocks) }
	case strings.HasSuffix(o.Class().Name, "_new_Index"):
		return func() { p.str("<" + clip(name) + " shape=" + shapeText([]int64{indexLength(o)}) + ">") }
	}
	return nil
}

// frame prints the shape of a data frame or series, its columns and types.
func (p *printer) frame(name, short string, o *Object, axes, blocks []Value) {
	p.str("<" + clip(name))
	var types []string
	for _, b := range blocks[:min(len(blocks), 20)] {
		if t := blockType(b); t != "" && len(types) < 8 {
			seen := false
			for _, old := range types {
				seen = seen || old == t
			}
			if !seen {
				types = append(types, t)
			}
		}
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
		if names, ok := indexNames(axes[0]); ok {
			const most = 20
			p.list(" columns=[", names[:min(most, len(names))], "")
			if len(names) > most {
				p.str(", ...")
			}
			p.str("]")
		}
	}
	if len(types) > 0 {
		p.str(" dtype=" + strings.Join(types, ","))
	}
	p.str(">")
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
	// An extension array: its class says the type.
	class := o.Class()
	if strings.HasPrefix(class.Name, "__pyx_unpickle") && len(o.Args) > 0 {
		if c, ok := o.Args[0].(*Global); ok {
			class = c
		}
	}
	name := strings.TrimSuffix(class.Name[strings.LastIndexByte(class.Name, '.')+1:], "Array")
	switch name {
	case "String", "ArrowString":
		return "str"
	case "Categorical":
		return "category"
	}
	return strings.ToLower(clip(name))
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

// indexData returns what an index is made from.
func indexData(v Value) (*Dict, bool) {
	o, ok := v.(*Object)
	if !ok || !strings.HasSuffix(o.Class().Name, "_new_Index") && !strings.HasSuffix(o.Class().Name, "_new_DatetimeIndex") || len(o.Args) < 2 {
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
	var inside []Value
	switch s := o.State.(type) {
	case *Tuple:
		inside = s.Items
	case *Dict:
		for _, e := range s.Entries[:min(8, len(s.Entries))] {
			inside = append(inside, e.Value)
		}
	}
	for _, item := range inside[:min(4, len(inside))] {
		if a, ok := dataArray(item, depth+1); ok {
			return a, true
		}
	}
	return nil, false
}

func dataLength(v Value, depth int) int64 {
	if a, ok := dataArray(v, depth); ok {
		if arr, ok := arrayOf(a); ok && len(arr.shape) > 0 {
			return arr.shape[len(arr.shape)-1]
		}
	}
	return -1
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
