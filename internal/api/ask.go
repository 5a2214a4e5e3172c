package api

import (
	"context"
	"encoding/json"
	"io"

	"github.com/levadahq/levada/internal/fault"
)

// Caller is whoever answers requests: a [Service], or a server somewhere else.
type Caller interface {
	// Call is as that of [Service]; whoever is far away answers with an [Answer] in place of a result.
	Call(ctx context.Context, name string, params []byte) (any, error)
}

// Answer is a result that has travelled, and the bytes that came beside it.
type Answer struct {
	JSON json.RawMessage
	Data []byte
}

// MarshalJSON passes the result on as it came.
func (a Answer) MarshalJSON() ([]byte, error) { return a.JSON.MarshalJSON() }

// Ask asks for what has a result.
func Ask[R any](ctx context.Context, c Caller, name string, request any) (result R, err error) {
	res, err := call(ctx, c, name, request)
	if err != nil {
		return result, err
	}
	switch res := res.(type) {
	case R:
		return res, nil
	case Answer:
		if err := json.Unmarshal(res.JSON, &result); err != nil {
			return result, fault.Wrap(fault.Unavailable, "read the answer to "+name, err)
		}
		return result, putBody(&result, res.Data)
	}
	return result, fault.New(fault.Internal, "%s is answered with a %T", name, res)
}

// Open asks for a stream. The caller closes it.
func Open(ctx context.Context, c Caller, name string, request any) (io.ReadCloser, error) {
	res, err := call(ctx, c, name, request)
	if err != nil {
		return nil, err
	}
	if stream, ok := res.(io.ReadCloser); ok {
		return stream, nil
	}
	return nil, fault.New(fault.Internal, "%s is answered with a %T", name, res)
}

func call(ctx context.Context, c Caller, name string, request any) (any, error) {
	params, err := json.Marshal(request)
	if err != nil {
		return nil, fault.Wrap(fault.Internal, "ask for "+name, err)
	}
	return c.Call(ctx, name, params)
}

// putBody puts the bytes that travelled beside a result into it, if they are those that it tells of: whoever reads it
// takes them apart by the lengths that it has.
func putBody(result any, data []byte) error {
	length := 0
	switch r := result.(type) {
	case *ValuesResult:
		for _, v := range r.Values {
			length += v.Length
		}
		r.Data = data
	case *LogResult:
		for _, l := range r.Lines {
			length += l.Length
		}
		r.Data = data
	}
	if length != len(data) {
		return fault.New(fault.Unavailable, "an answer came with %d bytes in place of %d", len(data), length)
	}
	return nil
}
