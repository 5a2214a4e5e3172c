package python

import (
	"io/fs"
	"testing"
)

// Type checkers leave a package alone that has no such file.
func TestTheSDKCarriesItsTypes(t *testing.T) {
	for _, name := range []string{"levada/py.typed", "metaflow/py.typed"} {
		if _, err := fs.Stat(Files, name); err != nil {
			t.Error(err)
		}
	}
}
