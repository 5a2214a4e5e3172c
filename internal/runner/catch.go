package runner

import (
	"encoding/json"
	"slices"

	"github.com/levadahq/levada/internal/graph"
	"github.com/levadahq/levada/internal/protocol"
)

// What the SDK does for @catch where it runs the step is done here for steps that another program has run: that has no
// SDK, or one that knows only the decorators of its own flow.

// catches reports whether the step's @catch takes the failure that a done frame tells of.
func (c *conversation) catches(m *protocol.FromTask) bool {
	l := &c.a.launch
	return l.Step.Catch && l.Attempt >= l.Retries && !m.OK && !m.NoRetry &&
		m.Exception != nil && m.Exception.Type != typeInterrupted
}

// catch lets @catch take the failure that a done frame tells of. What was set before it, in body, stays, but for a
// value of the name that @catch has for the failure. note is what the log says of it.
func (c *conversation) catch(m *protocol.FromTask, body []byte, note string) *result {
	l := &c.a.launch
	m.OK, m.Caught = true, true
	m.Transition, _ = json.Marshal(graph.Transition{Next: targets(l.Step)})
	body = withoutElements(m, body)
	if name := l.Step.CatchVar; name != "" {
		var err error
		if body, err = without(m, body, name); err != nil {
			return new(result).refuse("%v", err)
		}
		e := m.Exception
		failure, _ := json.Marshal(map[string]any{
			"type": e.Type, "message": e.Message, "traceback": e.Traceback, "attempt": l.Attempt,
		})
		body = withJSON(m, body, name, failure)
	}
	res := c.store(m, body)
	if res.caught {
		res.note = "[levada] " + note
	}
	return res
}

// nothingCaught adds the variable of @catch, which says of a step that ended well that nothing was caught. A value of
// that name is the program's own word.
func (c *conversation) nothingCaught(m *protocol.FromTask, body []byte) []byte {
	name := c.a.launch.Step.CatchVar
	if name == "" || slices.ContainsFunc(m.Artifacts, func(v protocol.SentValue) bool { return v.Name == name }) {
		return body
	}
	return withJSON(m, body, name, []byte("null"))
}

// withJSON adds a value to those of a frame that has no elements of a foreach.
func withJSON(m *protocol.FromTask, body []byte, name string, data []byte) []byte {
	n := len(data)
	m.Artifacts = append(m.Artifacts, protocol.SentValue{
		Name: name, Codec: protocol.CodecJSON, Type: "json", Size: int64(n), Length: n,
	})
	return append(body[:len(body):len(body)], data...)
}

// without takes the values of a name out of a frame.
func without(m *protocol.FromTask, body []byte, name string) ([]byte, error) {
	var kept []protocol.SentValue
	var data []byte
	for _, v := range m.Artifacts {
		var own []byte
		if v.Path == "" {
			var err error
			if own, err = cut(&v, &body); err != nil {
				return nil, err
			}
		}
		if v.Name != name {
			kept, data = append(kept, v), append(data, own...)
		}
	}
	m.Artifacts = kept
	return append(data, body...), nil
}

// withoutElements takes the elements of a foreach out of a frame.
func withoutElements(m *protocol.FromTask, body []byte) []byte {
	if f := m.Foreach; f != nil && f.Path == "" {
		body = body[:max(len(body)-max(f.Length, 0), 0)]
	}
	m.Foreach = nil
	return body
}

func targets(n *graph.Node) []string {
	if n.Next == nil {
		return nil
	}
	return n.Next.Targets
}
