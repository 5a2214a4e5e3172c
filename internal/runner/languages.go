package runner

import (
	"encoding/hex"
	"slices"

	"github.com/levadahq/levada/internal/convert"
	"github.com/levadahq/levada/internal/datastore"
	"github.com/levadahq/levada/internal/engine"
	"github.com/levadahq/levada/internal/fault"
	"github.com/levadahq/levada/internal/metastore"
	"github.com/levadahq/levada/internal/protocol"
	"github.com/levadahq/levada/internal/worker"
)

// process is the process that the conversation is with.
func (c *conversation) process() *worker.Process {
	if c.proc != nil {
		return c.proc
	}
	return c.a.proc
}

// maxConverted is the size in bytes of the largest value that is converted from one language's form to another's: that
// is done in memory.
const maxConverted = 1 << 30

// values sends several inherited artifacts at once.
func (c *conversation) values(m *protocol.FromTask) (*protocol.Reply, [][]byte, error) {
	reply, room := &protocol.Reply{Values: []protocol.Value{}}, maxReplyBody
	var bodies [][]byte
	for _, name := range m.Names[:min(len(m.Names), maxReplyValues)] {
		art, found, err := c.find(name)
		if err != nil {
			return nil, nil, err
		}
		if !found {
			reply.Values = append(reply.Values, protocol.Value{})
			continue
		}
		if art.Size > int64(room) && art.Size <= maxReplyBody && len(bodies) > 0 {
			break // the next request begins here
		}
		v, data, err := c.accepted(art, m.Codecs, max(room, 0))
		if err != nil {
			return nil, nil, err
		}
		room -= len(data)
		reply.Values, bodies = append(reply.Values, v), append(bodies, data)
		if v.FIFO != "" {
			break // a pipe is read before the next is made
		}
	}
	return reply, bodies, nil
}

// ahead returns what a task is going to read first, as far as it is small and needs no conversion, and puts its bytes
// before those of the body: a process that is started for one task need not ask then.
func (r *Runner) ahead(a *attempt, body []byte) ([]protocol.Value, []byte, error) {
	reads := r.Flow.Reads
	if reads == nil || a.shared || a.launch.Step.Exec != nil {
		return nil, body, nil
	}
	c := conversation{a: a, r: r}
	values, data := []protocol.Value{}, []byte(nil)
	for _, name := range reads.Artifacts {
		if slices.ContainsFunc(a.launch.Stack, func(f engine.Frame) bool { return f.Var == name }) {
			continue // the list that a foreach goes through: its tasks do not read it
		}
		art, found, err := c.find(name)
		if err != nil {
			return nil, nil, err
		}
		if !found {
			values = append(values, protocol.Value{})
			continue
		}
		if art.Inline == nil || !slices.Contains(reads.Codecs, art.Codec) {
			break
		}
		values = append(values, protocol.Value{
			Found: true, Codec: art.Codec, Type: art.Type, Size: art.Size, Hash: hex.EncodeToString(art.Hash[:]), Length: len(art.Inline),
		})
		data = append(data, art.Inline...)
	}
	return values, append(data, body...), nil
}

// accepted makes a value ready to be sent, in one of the codecs that the process reads; nil are all.
func (c *conversation) accepted(art metastore.Artifact, codecs []string, room int) (protocol.Value, []byte, error) {
	if codecs == nil || slices.Contains(codecs, art.Codec) {
		return c.value(art, room)
	}
	made, err := c.r.converted(c.a.language(), art, codecs)
	if err != nil {
		return protocol.Value{}, nil, err
	}
	v := protocol.Value{
		Found: true, Codec: made.Codec, Type: made.Type, Size: int64(len(made.Data)), Hash: hex.EncodeToString(art.Hash[:]), From: art.Codec,
	}
	if len(made.Data) <= maxReplyBody {
		v.Length = len(made.Data)
		return v, made.Data, nil
	}
	v.Path, err = c.file("converted", made.Data)
	return v, nil, err
}

// converted reads an artifact and converts it.
func (r *Runner) converted(reader string, art metastore.Artifact, codecs []string) (convert.Value, error) {
	if art.Size > maxConverted {
		return convert.Value{}, fault.New(fault.Invalid, "the artifact %s is too large (%d bytes) to be converted for %s", art.Name, art.Size, reader).
			Do("store it as bytes, which every language reads as they are")
	}
	data, err := r.Data.Bytes(r.ctx, art)
	if err != nil {
		return convert.Value{}, unread(art, err)
	}
	return acceptable(reader, "the artifact "+art.Name, convert.Value{Codec: art.Codec, Type: art.Type, Data: data}, codecs)
}

// acceptable brings a value into a codec that its reader knows. The error names what, and both languages.
func acceptable(reader, what string, v convert.Value, codecs []string) (convert.Value, error) {
	if codecs == nil || slices.Contains(codecs, v.Codec) {
		return v, nil
	}
	made, err := convert.To(v, codecs)
	if err != nil {
		return v, fault.New(fault.Invalid, "%s cannot go from %s to %s: %v", what, convert.Language(v.Codec), reader, err).Do("%s", fault.HintOf(err))
	}
	return made, nil
}

// language names who runs the code of the attempt, for messages.
func (a *attempt) language() string {
	if e := a.launch.Step.Exec; e != nil {
		return "the program " + e.Command[0]
	}
	return map[string]string{"python": "Python", "go": "Go"}[a.r.Flow.Language]
}

// codecOf tells what the elements of a foreach are, of which no record tells: each is a pickle, or each is JSON.
func codecOf(items *datastore.Items) string {
	const pickleStarts = 0x80 // of protocol 2 and later; JSON is text
	if items.Len() > 0 {
		if data, err := items.Read(0); err == nil && len(data) > 0 && data[0] != pickleStarts {
			return protocol.CodecJSON
		}
	}
	return protocol.CodecPickle
}
