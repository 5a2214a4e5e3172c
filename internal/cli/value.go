package cli

import (
	"bytes"
	"encoding/json"
	"math/big"
	"strings"
	"unicode/utf8"

	"github.com/levadahq/levada/internal/metastore"
	"github.com/levadahq/levada/internal/pickle"
	"github.com/levadahq/levada/internal/service"
)

// preview returns the value of an artifact as text: that of Python's str, where it
// is plain text. Nothing of it is executed.
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
	case a.Codec == "json":
		var value any
		d := json.NewDecoder(bytes.NewReader(data))
		d.UseNumber()
		if err := d.Decode(&value); err == nil {
			return pickle.Encode(numbered(value))
		}
	case a.Codec == "file" && a.Type == "bytes":
		return pickle.Encode(data)
	}
	if utf8.Valid(data) {
		return pickle.Encode(string(data))
	}
	return pickle.Encode(data)
}

// typeText is the type of an artifact as its language prints it.
func typeText(a metastore.Artifact) string {
	if a.Codec == "pickle" || a.Codec == "file" {
		return "<class '" + a.Type + "'>"
	}
	return a.Type
}

// numbered turns the numbers of decoded JSON into integers, as Python would, where they are written as such.
func numbered(value any) any {
	switch v := value.(type) {
	case json.Number:
		if n, ok := new(big.Int).SetString(v.String(), 10); ok {
			return n
		}
		f, _ := v.Float64()
		return f
	case []any:
		for i := range v {
			v[i] = numbered(v[i])
		}
	case map[string]any:
		for key := range v {
			v[key] = numbered(v[key])
		}
	}
	return value
}
