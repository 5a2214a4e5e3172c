package cli

import (
	"io"
	"unicode/utf8"

	"github.com/levadahq/levada/internal/fault"
	"github.com/levadahq/levada/internal/metastore"
)

// preview returns the value of an artifact as text. Nothing of it is executed: what
// is not plain data is told by its type.
func preview(a metastore.Artifact, data []byte) string {
	if a.Codec != "pickle" && utf8.Valid(data) {
		return string(data)
	}
	return "<" + a.Type + ">"
}

// encodePickles writes pickled values as one pickled dict of dicts.
func encodePickles(io.Writer, map[string]map[string][]byte) error {
	return fault.New(fault.Unavailable, "--file is not in this version of Levada")
}
