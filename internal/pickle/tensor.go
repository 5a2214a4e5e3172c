package pickle

import (
	"fmt"
	"regexp"
	"strings"
)

// tensorOf reads the shape and type of a tensor of torch's or an array of JAX's, which are shown as arrays are.
func tensorOf(v Value) (array, bool) {
	o, ok := v.(*Object)
	if !ok || len(o.Args) == 0 {
		return array{}, false
	}
	class := "torch.Tensor"
	if strings.HasPrefix(o.Class().String(), "torch._utils._rebuild_parameter") { // of a tensor, which is no parameter
		class = "torch.nn.parameter.Parameter"
		if o, ok = o.Args[0].(*Object); !ok {
			return array{}, false
		}
	}
	switch o.Class().String() {
	case "torch._utils._rebuild_tensor", "torch._utils._rebuild_tensor_v2", "torch._utils._rebuild_tensor_v3":
		if len(o.Args) < 3 { // storage, offset, size; in version 3, a type
			return array{}, false
		}
		shape, ok := shapeOf(o.Args[2])
		dtype := storageType(o.Args[0])
		if len(o.Args) > 6 {
			if g, ok := o.Args[6].(*Global); ok && g.Module == "torch" {
				dtype = clip(g.Name)
			}
		}
		return array{class: class, shape: shape, dtype: dtype}, ok
	case "jax._src.array._reconstruct_array":
		if len(o.Args) < 3 { // what numpy's own pickle of the array has: a function, its arguments, a state
			return array{}, false
		}
		args, ok := o.Args[1].(*Tuple)
		if !ok {
			return array{}, false
		}
		a, ok := arrayOf(&Object{Func: o.Args[0], Args: args.Items, State: o.Args[2]})
		a.class = "jax.Array"
		return a, ok
	}
	return array{}, false
}

// storageClass is how the bytes of a tensor name the type of its elements: as torch did before it had types.
var storageClass = regexp.MustCompile(`ctorch(?:\.cuda)?\n([A-Z][A-Za-z0-9]{1,20})Storage\n`)

var storageTypes = map[string]string{
	"Double": "float64", "Float": "float32", "Half": "float16", "BFloat16": "bfloat16",
	"Long": "int64", "Int": "int32", "Short": "int16", "Char": "int8", "Byte": "uint8", "Bool": "bool",
	"ComplexDouble": "complex128", "ComplexFloat": "complex64",
}

// storageType is the type of the elements of a tensor's storage, "" if it is not known.
func storageType(v Value) string {
	o, ok := v.(*Object)
	if !ok || o.Class().String() != "torch.storage._load_from_bytes" || len(o.Args) != 1 {
		return ""
	}
	data := rawBytes(o.Args[0])
	if m := storageClass.FindSubmatch(data[:min(len(data), 1024)]); m != nil {
		return storageTypes[string(m[1])]
	}
	return ""
}

// pictureText returns the repr of a picture of Pillow's, without its address, "" of any other object.
func pictureText(o *Object) string {
	if !strings.HasPrefix(o.Class().Module, "PIL.") {
		return ""
	}
	state, ok := o.State.(*List) // info, mode, size, palette, pixels
	if !ok || len(state.Items) < 5 {
		return ""
	}
	mode, ok := state.Items[1].(string)
	if !ok || len(mode) > 10 {
		return ""
	}
	size, ok := shapeOf(state.Items[2])
	if !ok || len(size) != 2 {
		return ""
	}
	return fmt.Sprintf("<%s image mode=%s size=%dx%d>", clip(objectType(o)), mode, size[0], size[1])
}
