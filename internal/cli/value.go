package cli

import (
	"strings"
	"unicode/utf8"

	"github.com/levadahq/levada/internal/metastore"
	"github.com/levadahq/levada/internal/pickle"
)

// preview returns the value of an artifact as text: that of Python's str. Nothing of
// it is executed: what is not plain data is told by its class. A value that cannot be read that
// way is told by its type.
func preview(a metastore.Artifact, data []byte) string {
	if a.Codec != "pickle" {
		if utf8.Valid(data) {
			return string(data)
		}
		return "<" + a.Type + ">"
	}
	value, err := pickle.Decode(data, pickle.Limits{})
	if err != nil {
		return "<" + a.Type + ">"
	}
	if text, ok := value.(string); ok {
		return strings.ToValidUTF8(text, "\ufffd")
	}
	return pickle.Repr(value, max(pickle.DefaultRepr, 4*len(data)))
}

// pickled returns the value of an artifact as a pickle, whatever codec it is stored with.
func pickled(a metastore.Artifact, data []byte) ([]byte, error) {
	switch {
	case a.Codec == "pickle":
		return data, nil
	case utf8.Valid(data):
		return pickle.Encode(string(data))
	}
	return pickle.Encode(data)
}
