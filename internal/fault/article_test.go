package fault_test

import (
	"testing"

	"github.com/levadahq/levada/internal/fault"
)

func TestA(t *testing.T) {
	for name, want := range map[string]string{
		"list": "a list", "int": "an int", "array.array": "an array.array", "OrderedDict": "an OrderedDict", "uint8": "a uint8", "uuid.UUID": "a uuid.UUID",
		"unsafe.Pointer": "an unsafe.Pointer", "[]int": "a []int", "*T": "a *T", "Üb": "a Üb", "": "a ",
	} {
		if got := fault.A(name); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
