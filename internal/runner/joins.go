package runner

import (
	"encoding/hex"
	"strconv"

	"github.com/levadahq/levada/internal/engine"
	"github.com/levadahq/levada/internal/fault"
	"github.com/levadahq/levada/internal/graph"
	"github.com/levadahq/levada/internal/metastore"
	"github.com/levadahq/levada/internal/protocol"
)

// What a join asks of the tasks that it joins. One request serves many of them.

// inputItems sends the elements that many inputs of a join worked on. One that is not found is for the
// process to look up: the input has made its list anew, or has none.
func (c *conversation) inputItems(m *protocol.FromTask) (*protocol.Reply, [][]byte, error) {
	l := &c.a.launch
	if l.Step.Split == nil || l.Step.Split.Kind != graph.Foreach {
		return nil, nil, fault.New(fault.Invalid, "step %s joins no foreach", l.Step.Name)
	}
	items, err := c.r.openItems(l.Joins)
	if err != nil {
		return nil, nil, err
	}
	end := min(max(m.From, 0)+min(max(m.Count, 1), maxReplyValues), len(l.Inputs))
	if m.From < 0 || m.From >= end {
		return nil, nil, fault.New(fault.Invalid, "the join has no input %d", m.From)
	}
	if err := c.r.layers.Prefetch(c.r.ctx, c.r.Store, c.r.Config.Run.ID, ids(l.Inputs[m.From:end])); err != nil {
		return nil, nil, err
	}
	list, isArtifact, err := c.r.layers.Find(c.r.ctx, c.r.Config.Run.ID, int64(l.Joins), l.Step.Split.Next.Foreach)
	if err != nil {
		return nil, nil, err
	}
	reply, room := &protocol.Reply{Values: []protocol.Value{}}, maxReplyBody
	var bodies [][]byte
	for i := m.From; i < end; i++ {
		f := engine.Frame{Split: l.Joins, Step: l.Step.Split.Name, Var: l.Step.Split.Next.Foreach, Count: len(l.Inputs), Index: i}
		now, found, err := c.r.layers.Find(c.r.ctx, c.r.Config.Run.ID, int64(l.Inputs[i]), f.Var)
		if err != nil {
			return nil, nil, err
		}
		if !found || isArtifact && now.Hash != list.Hash { // it has none any more, or one of its own
			reply.Values = append(reply.Values, protocol.Value{})
			continue
		}
		if size := items.Size(i); size > int64(room) && size <= maxReplyBody {
			break // the next request begins here
		}
		v, data, err := c.element(items, f, m.Codecs, room)
		if err != nil {
			return nil, nil, err
		}
		room -= len(data)
		reply.Values, bodies = append(reply.Values, v), append(bodies, data)
	}
	return reply, bodies, nil
}

// inputs sends the same artifact of many inputs of a join at once.
func (c *conversation) inputs(m *protocol.FromTask) (*protocol.Reply, [][]byte, error) {
	all := c.a.launch.Inputs
	reply, room := &protocol.Reply{Values: []protocol.Value{}}, maxReplyBody
	var bodies [][]byte
	if m.From < 0 {
		return nil, nil, fault.New(fault.Invalid, "a join has no input %d", m.From)
	}
	end := min(m.From+min(max(m.Count, 1), maxReplyValues), len(all))
	if m.From < end {
		if err := c.r.layers.Prefetch(c.r.ctx, c.r.Store, c.r.Config.Run.ID, ids(all[m.From:end])); err != nil {
			return nil, nil, err
		}
	}
	for i := m.From; i < end; i++ {
		art, found, err := c.r.layers.Find(c.r.ctx, c.r.Config.Run.ID, int64(all[i]), m.Name)
		if err != nil {
			return nil, nil, err
		}
		if !found {
			reply.Values = append(reply.Values, protocol.Value{})
			continue
		}
		if m.Known != "" && m.Known == hex.EncodeToString(art.Hash[:]) {
			reply.Values = append(reply.Values, protocol.Value{Found: true, Codec: art.Codec, Type: art.Type, Hash: m.Known})
			continue
		}
		if art.Size > int64(room) && art.Size <= maxReplyBody {
			break // the next request begins here
		}
		v, data, err := c.accepted(art, m.Codecs, room)
		if err != nil {
			return nil, nil, err
		}
		room -= len(data)
		reply.Values = append(reply.Values, v)
		if len(data) > 0 {
			bodies = append(bodies, data)
		}
		if v.FIFO != "" {
			break // a pipe is read before the next is made
		}
	}
	return reply, bodies, nil
}

func (c *conversation) inputInfo(m *protocol.FromTask) (*protocol.Reply, [][]byte, error) {
	all := c.a.launch.Inputs
	reply := &protocol.Reply{Inputs: []protocol.InputInfo{}}
	for i := max(m.From, 0); i < min(m.From+min(m.Count, maxReplyValues), len(all)); i++ {
		t, err := c.r.Store.Task(c.r.ctx, c.r.Config.Run.ID, int64(all[i]))
		if err != nil {
			return nil, nil, err
		}
		id := strconv.FormatInt(t.ID, 10)
		reply.Inputs = append(reply.Inputs, protocol.InputInfo{
			Task: id, Step: t.Step, Index: i,
			Pathspec: c.r.Config.Run.Flow + "/" + strconv.FormatInt(c.r.Config.Run.ID, 10) + "/" + t.Step + "/" + id,
		})
	}
	return reply, nil, nil
}

func (c *conversation) merge(m *protocol.FromTask) (*protocol.Reply, [][]byte, error) {
	own := m.Own
	for name := range c.merged {
		own = append(own, name)
	}
	inputs := ids(c.a.launch.Inputs)
	if m.Inputs != nil {
		all := inputs
		inputs = make([]int64, len(m.Inputs))
		for i, at := range m.Inputs {
			if at < 0 || at >= len(all) {
				return nil, nil, fault.New(fault.Usage, "the join has no input %d", at)
			}
			inputs[i] = all[at]
		}
	}
	got, err := c.r.layers.Merge(c.r.ctx, c.r.Config.Run.ID, inputs, m.Include, m.Exclude, own)
	if err != nil {
		return nil, nil, err
	}
	reply := &protocol.Reply{Conflicts: got.Conflicts, Missing: got.Missing, Merged: []string{}}
	if len(got.Conflicts) > 0 || len(got.Missing) > 0 {
		return reply, nil, nil
	}
	if c.merged == nil {
		c.merged = make(map[string]metastore.Artifact)
	}
	for _, art := range got.Merged {
		c.merged[art.Name] = art
		reply.Merged = append(reply.Merged, art.Name)
	}
	return reply, nil, nil
}
