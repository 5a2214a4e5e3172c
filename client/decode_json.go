package client

import (
	"bytes"
	"encoding/json"
	"errors"
	"math/big"

	"github.com/levadahq/levada/internal/pickle"
)

// fromJSON returns a JSON value as what the same value would be in Python.
// Numbers are json.Number, as they are written.
func fromJSON(data []byte) (pickle.Value, error) {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	v, err := nextJSON(dec, 0)
	if err != nil {
		return nil, &failure{err, ErrCorrupt}
	}
	return v, nil
}

// nextJSON reads a value, its keys in their order.
func nextJSON(dec *json.Decoder, depth int) (pickle.Value, error) {
	token, err := dec.Token()
	if err != nil {
		return nil, err
	}
	open, ok := token.(json.Delim)
	if !ok {
		return token, nil
	}
	if depth > 10_000 { // as encoding/json has it
		return nil, errors.New("the JSON is nested too deeply")
	}
	if open == '[' {
		list := &pickle.List{Items: []pickle.Value{}}
		for dec.More() {
			item, err := nextJSON(dec, depth+1)
			if err != nil {
				return nil, err
			}
			list.Items = append(list.Items, item)
		}
		_, err = dec.Token()
		return list, err
	}
	dict := &pickle.Dict{}
	for dec.More() {
		key, err := dec.Token()
		if err != nil {
			return nil, err
		}
		item, err := nextJSON(dec, depth+1)
		if err != nil {
			return nil, err
		}
		dict.Entries = append(dict.Entries, pickle.Entry{Key: key, Value: item})
	}
	_, err = dec.Token()
	return dict, err
}

// toJSON is the inverse of fromJSON.
func toJSON(b []byte, v pickle.Value) ([]byte, error) {
	var err error
	switch v := v.(type) {
	case *pickle.List:
		b = append(b, '[')
		for i, item := range v.Items {
			if i > 0 {
				b = append(b, ',')
			}
			if b, err = toJSON(b, item); err != nil {
				return nil, err
			}
		}
		return append(b, ']'), nil
	case *pickle.Dict:
		b = append(b, '{')
		for i, e := range v.Entries {
			if i > 0 {
				b = append(b, ',')
			}
			if b, err = toJSON(b, e.Key); err != nil {
				return nil, err
			}
			if b, err = toJSON(append(b, ':'), e.Value); err != nil {
				return nil, err
			}
		}
		return append(b, '}'), nil
	}
	text, err := json.Marshal(v)
	return append(b, text...), err
}

// plainNumber returns a number of JSON as Python has it, and other values as they are.
func plainNumber(v pickle.Value) pickle.Value {
	text, ok := v.(json.Number)
	if !ok {
		return v
	}
	if len(text) <= 10_000 { // longer ones take more than linear time
		if n, ok := new(big.Int).SetString(string(text), 10); ok && n.IsInt64() {
			return n.Int64()
		} else if ok {
			return n
		}
	}
	f, _ := text.Float64()
	return f
}
