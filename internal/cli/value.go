package cli

import (
	"strings"
	"unicode/utf8"

	"github.com/levadahq/levada/internal/metastore"
	"github.com/levadahq/levada/internal/pickle"
	"github.com/levadahq/levada/internal/service"
)

// preview returns the value of an artifact as text: that of Python's str, where it is plain text. Nothing of it is executed.
func preview(a metastore.Artifact, data []byte) string {
	if a.Codec == "pickle" && a.Type == "str" {
		if value, err := pickle.Decode(data, pickle.Limits{}); err == nil {
			if text, ok := value.(string); ok {
				return strings.ToValidUTF8(text, "\ufffd")
			}
		}
	}
	return service.Repr(a, data, max(pickle.DefaultRepr, 4*len(data)))
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
