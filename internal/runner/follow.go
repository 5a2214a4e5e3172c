package runner

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"github.com/levadahq/levada/internal/convert"
	"github.com/levadahq/levada/internal/graph"
	"github.com/levadahq/levada/internal/protocol"
)

// What follows a step that another program has run is decided here, by the flow's graph and what the program made.

// follow decides in the program's place what comes next, as the flow's graph has it. body are the values of m.
func (c *conversation) follow(m *protocol.FromTask, body []byte) (*protocol.SentItems, []byte, error) {
	n := c.a.launch.Step
	tr := graph.Transition{Next: targets(n)}
	var sent *protocol.SentItems
	var items []byte
	var err error
	switch n.Kind {
	case graph.Foreach:
		if sent, items, err = c.elements(m, body, n.Next.Foreach); err != nil {
			return nil, nil, err
		}
		tr.Fan = sent.Count
	case graph.Switch:
		raw, err := c.plain(m, body, n.Next.Condition)
		if err != nil {
			return nil, nil, err
		}
		to, key := choose(n.Next.Cases, raw)
		if to == "" {
			return nil, nil, fmt.Errorf("the condition %s has the value %s, for which step %s has no case", n.Next.Condition, key, n.Name)
		}
		tr.Next = []string{to}
	}
	m.Transition, err = json.Marshal(tr)
	return sent, items, err
}

// choose finds the case of a value.
func choose(cases []graph.Case, raw []byte) (to, key string) {
	key = string(bytes.TrimSpace(raw))
	var text string
	if json.Unmarshal(raw, &text) == nil && key != "null" {
		key = text
	}
	for _, one := range cases {
		if one.Key == key || (key == "true" || key == "false" || key == "null") && strings.EqualFold(one.Key, strings.Replace(key, "null", "None", 1)) {
			return one.Target, key
		}
	}
	return "", key
}

// plain returns an artifact as JSON, as it is after the program.
func (c *conversation) plain(m *protocol.FromTask, body []byte, name string) ([]byte, error) {
	for _, v := range m.Artifacts {
		data, err := c.sent(&v, &body, v.Name == name)
		if err != nil {
			return nil, err
		}
		if v.Name != name {
			continue
		}
		made, err := acceptable("the next step", "the artifact "+name, convert.Value{Codec: v.Codec, Type: v.Type, Data: data}, []string{protocol.CodecJSON})
		return made.Data, err
	}
	art, found, err := c.find(name)
	if err != nil {
		return nil, err
	}
	if !found {
		return nil, fmt.Errorf("step %s goes on by the artifact %s, which is not set; let the program write it", c.a.launch.Step.Name, name)
	}
	made, err := c.r.converted("the next step", art, []string{protocol.CodecJSON})
	return made.Data, err
}

// sent cuts a value off the body of its frame; one in a file is read if it is wanted.
func (c *conversation) sent(v *protocol.SentValue, body *[]byte, wanted bool) ([]byte, error) {
	if v.Path == "" {
		return cut(v, body)
	}
	path, err := staged(c.r.Staging, v.Path)
	if err != nil || !wanted {
		return nil, err
	}
	return os.ReadFile(path)
}

// elements makes the items file of a foreach of a list.
func (c *conversation) elements(m *protocol.FromTask, body []byte, name string) (*protocol.SentItems, []byte, error) {
	raw, err := c.plain(m, body, name)
	if err != nil {
		return nil, nil, err
	}
	var list []json.RawMessage
	if err := json.Unmarshal(raw, &list); err != nil || len(list) == 0 {
		return nil, nil, fmt.Errorf("step %s goes on with a foreach through %s, which is not a JSON array with elements", c.a.launch.Step.Name, name)
	}
	var items, lengths []byte
	for _, item := range list {
		items = append(items, item...)
		lengths = binary.LittleEndian.AppendUint64(lengths, uint64(len(item)))
	}
	items = append(items, lengths...)
	return &protocol.SentItems{Var: name, Count: len(list), Codec: protocol.CodecJSON, Length: len(items)}, items, nil
}

// overrule lets the flow's graph decide what follows a step that a program with an SDK has
// run: the program knows only its own flow.
func (c *conversation) overrule(m *protocol.FromTask, body []byte) ([]byte, error) {
	body = c.nothingCaught(m, withoutElements(m, body))
	var items []byte
	var err error
	m.Foreach, items, err = c.follow(m, body)
	return append(body[:len(body):len(body)], items...), err
}
