package runner

import (
	"bufio"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"

	"github.com/levadahq/levada/internal/convert"
	"github.com/levadahq/levada/internal/datastore"
	"github.com/levadahq/levada/internal/engine"
	"github.com/levadahq/levada/internal/fault"
	"github.com/levadahq/levada/internal/graph"
	"github.com/levadahq/levada/internal/metastore"
	"github.com/levadahq/levada/internal/protocol"
	"github.com/levadahq/levada/internal/worker"
)

// Limits of what one reply carries.
const (
	maxReplyBody   = 8 << 20 // bytes of values in one frame; more go by file
	maxReplyValues = 4096    // inputs answered at once
)

// result is what an attempt's conversation came to.
type result struct {
	ok, caught, noRetry bool
	transition          graph.Transition
	artifacts           []metastore.Artifact
	complete            bool // artifacts are all that the task has
	blobs               []metastore.Blob
	scope               *metastore.Scope
	items               *foreachItems
	exception           *metastore.Exception
	value               string
	nonsense            string // why what it said cannot be used
	note                string // what the log says of it, at its end
	err                 error  // its values could not be stored
}

// refuse makes the result that of a process that talks nonsense: nothing of what it said is used.
func (res *result) refuse(format string, args ...any) *result {
	if res.items != nil {
		res.items.Close()
	}
	what := "what it said to the engine cannot be used: " + fmt.Sprintf(format, args...)
	*res = result{nonsense: what, exception: &metastore.Exception{Type: "ProtocolError", Message: what}}
	return res
}

// conversation answers one task process. It runs in a goroutine of its own and
// touches nothing that the loop owns.
type conversation struct {
	a      *attempt
	r      *Runner
	in     *bufio.Reader
	out    *os.File        // where replies go
	passed *worker.Passing // under in
	forks  int             // how many processes were forked that may ask
	life   context.Context // of their conversations; nil if there are none
	end    func()
	label  string // of such a conversation, in the names of its files
	merged map[string]metastore.Artifact
	fifos  []*os.File
	files  int             // made for values that are too long for a frame
	proc   *worker.Process // nil: the attempt's own
	cards  sentCards
}

// converse talks with the attempt's process until it has said all.
func (a *attempt) converse() {
	c := &conversation{a: a, r: a.r}
	c.listen(a.proc.Conn)
	c.cards.dir, c.cards.task, c.cards.attempt = a.r.LogDir, int64(a.launch.Task), a.launch.Attempt
	res := c.run()
	c.close()
	cards := c.keepCards()
	a.r.post(func() {
		a.result, a.cards = res, cards
		a.giveUpPlace()
		a.ended(partTalk)
	})
	if res != nil && res.ok {
		// The socket ends when the process has given back its memory, a little before its end is told of. GPUs have
		// memory too, which is given back after that.
		// What it still says is thrown away, so that it need not wait for somebody to read it.
		io.Copy(io.Discard, c.in)
		if len(a.launch.GPUs) == 0 {
			a.r.post(func() {
				a.gone = true
				a.giveUpPlace()
			})
		}
	}
	a.proc.Conn.Close()
}

// run returns nil if the process ended before it was done.
func (c *conversation) run() *result {
	for {
		var m protocol.FromTask
		body, err := protocol.ReadFrame(c.in, &m)
		if err != nil {
			if fault.Is(err, fault.Invalid) && !errors.Is(err, io.ErrUnexpectedEOF) {
				c.a.proc.Signal(syscall.SIGKILL) // nothing it says can be trusted
				return new(result).refuse("%v; so it was killed", err)
			}
			return nil
		}
		switch m.Type {
		case "done":
			return c.done(&m, body)
		case "metadata":
			// reserved
		case "card":
			c.card(&m, body)
		case "fork":
			c.fork()
		case "timeout":
			c.r.post(func() { c.a.timeoutState(m.State) })
		default:
			if c.respond(&m) != nil {
				return nil
			}
		}
	}
}

// respond answers a request on the conversation's own socket.
func (c *conversation) respond(m *protocol.FromTask) error {
	frame, err := c.reply(m)
	if err == nil {
		_, err = c.out.Write(frame)
	}
	return err
}

// reply makes the frame that answers a request. It says what is wrong with the
// request, or that no frame holds the answer.
func (c *conversation) reply(m *protocol.FromTask) ([]byte, error) {
	reply, body, err := c.answer(m)
	if err == nil {
		reply.Type, reply.ID = "reply", m.ID
		var frame []byte
		if frame, err = protocol.AppendFrame(nil, reply, body...); err == nil {
			return frame, nil
		}
	}
	return protocol.AppendFrame(nil, &protocol.Reply{Type: "reply", ID: m.ID, Error: &protocol.ReplyError{
		Kind: fault.KindOf(err).String(), Message: err.Error(), Hint: fault.HintOf(err),
	}})
}

// answer finds what a request asks for: the reply and the bytes that go with it.
func (c *conversation) answer(m *protocol.FromTask) (*protocol.Reply, [][]byte, error) {
	l := &c.a.launch
	switch m.Type {
	case "get":
		art, found, err := c.find(m.Name)
		if err != nil || !found {
			return &protocol.Reply{}, nil, err
		}
		return c.send(art, m.Codecs)
	case "values":
		return c.values(m)
	case "names":
		names, err := c.names(int64(l.Base))
		for name := range c.merged {
			names = append(names, name)
		}
		return &protocol.Reply{Names: names}, nil, err
	case "get_item":
		return c.item(m.Level, m.Codecs)
	case "get_inputs":
		return c.inputs(m)
	case "get_input_items":
		return c.inputItems(m)
	case "input_names":
		if m.Index < 0 || m.Index >= len(l.Inputs) {
			return nil, nil, fault.New(fault.NotFound, "the join has no input %d", m.Index)
		}
		names, err := c.names(int64(l.Inputs[m.Index]))
		return &protocol.Reply{Names: names}, nil, err
	case "input_info":
		return c.inputInfo(m)
	case "merge":
		return c.merge(m)
	case "graph":
		info, err := graph.Info(c.r.Graph)
		return &protocol.Reply{Graph: info}, nil, err
	}
	return nil, nil, fault.New(fault.Invalid, "the host knows no request %q", m.Type)
}

// find looks an artifact up: merged, else inherited.
func (c *conversation) find(name string) (metastore.Artifact, bool, error) {
	if art, ok := c.merged[name]; ok {
		return art, true, nil
	}
	return c.r.layers.Find(c.r.ctx, c.r.Config.Run.ID, int64(c.a.launch.Base), name)
}

func (c *conversation) names(task int64) ([]string, error) {
	all, err := c.r.layers.All(c.r.ctx, c.r.Config.Run.ID, task)
	if err != nil {
		return nil, err
	}
	names := make([]string, len(all))
	for i := range all {
		names[i] = all[i].Name
	}
	return names, nil
}

// send gives a value to the process: small ones in the frame, large ones as the file
// they are stored in, compressed ones through a pipe.
func (c *conversation) send(art metastore.Artifact, codecs []string) (*protocol.Reply, [][]byte, error) {
	v, data, err := c.accepted(art, codecs, maxReplyBody)
	if err != nil {
		return nil, nil, err
	}
	return &protocol.Reply{
		Found: true, Codec: v.Codec, Kind: v.Type, Size: v.Size, Hash: v.Hash, Path: v.Path, FIFO: v.FIFO, From: v.From,
	}, [][]byte{data}, nil
}

// value makes a value ready to be sent; at most room bytes are returned, larger values go by file.
func (c *conversation) value(art metastore.Artifact, room int) (protocol.Value, []byte, error) {
	v := protocol.Value{Found: true, Codec: art.Codec, Type: art.Type, Size: art.Size, Hash: hex.EncodeToString(art.Hash[:])}
	if art.Size > datastore.SmallLimit {
		path, plain, err := c.r.Data.File(c.r.ctx, art.Hash)
		if err != nil {
			return v, nil, unread(art, err)
		}
		if plain {
			v.Path = path
			return v, nil, nil
		}
		if art.Size > int64(room) {
			v.FIFO, err = c.pipe(art)
			return v, nil, err
		}
	}
	data, err := c.r.Data.Bytes(c.r.ctx, art)
	v.Length = len(data)
	return v, data, unread(art, err)
}

// unread names the artifact whose value cannot be read.
func unread(art metastore.Artifact, err error) error {
	return fault.Wrap(fault.KindOf(err), "read the artifact "+art.Name, err)
}

// staged is the path of a file in the staging folder that is the attempt's own.
func (c *conversation) staged(suffix string) string {
	return filepath.Join(c.r.Staging, fmt.Sprintf("%d-%d-%s%s", c.a.launch.Task, c.a.launch.Attempt, c.label, suffix))
}

// pipe makes a named pipe from which the process reads a compressed value.
func (c *conversation) pipe(art metastore.Artifact) (string, error) {
	path := c.staged("pipe" + strconv.Itoa(len(c.fifos)))
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		return "", fault.Wrap(fault.Internal, "make pipe", err)
	}
	// Opened for both directions it opens at once. The value is larger than a pipe holds, so
	// when the last of it is written the process has the pipe open too.
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		os.Remove(path)
		return "", fault.Wrap(fault.Internal, "open pipe", err)
	}
	c.fifos = append(c.fifos, f)
	go func() {
		defer widen()() // it is unpacked as well
		defer os.Remove(path)
		defer f.Close()
		src, err := c.r.Data.Reader(c.r.ctx, art.Hash)
		if err != nil {
			return
		}
		defer src.Close()
		if _, err := io.Copy(f, src); err != nil && fault.Is(err, fault.Corrupt) {
			c.r.post(func() { c.r.warn("%v", err) })
			c.process().Signal(syscall.SIGKILL) // it must not go on with wrong bytes
		}
	}()
	return path, nil
}

// item sends the element of one level of the foreach stack.
func (c *conversation) item(level int, codecs []string) (*protocol.Reply, [][]byte, error) {
	stack := c.a.launch.Stack
	if level < 0 || level >= len(stack) || stack[level].Gang {
		return &protocol.Reply{}, nil, nil
	}
	f := stack[level]
	items, err := c.r.openItems(f.Split)
	if err != nil {
		return nil, nil, err
	}
	v, data, err := c.element(items, f, codecs, protocol.MaxBody)
	if err != nil {
		return nil, nil, err
	}
	return &protocol.Reply{Found: true, Codec: v.Codec, Size: v.Size, Path: v.Path}, [][]byte{data}, nil
}

// element makes the element of a foreach ready to be sent; at most room bytes are returned, longer ones go by file.
func (c *conversation) element(items *foreachItems, f engine.Frame, codecs []string, room int) (protocol.Value, []byte, error) {
	data, err := items.Read(f.Index)
	if err != nil {
		return protocol.Value{}, nil, err
	}
	made, err := acceptable(c.a.language(), fmt.Sprintf("element %d of %s", f.Index, f.Var), convert.Value{Codec: items.codec, Data: data}, codecs)
	if err != nil {
		return protocol.Value{}, nil, err
	}
	v := protocol.Value{Found: true, Codec: made.Codec, Size: int64(len(made.Data))}
	if len(made.Data) <= room {
		v.Length = len(made.Data)
		return v, made.Data, nil
	}
	v.Path, err = c.file("item", made.Data)
	return v, nil, err
}

// file writes a value that is too long for a frame to where the process finds it.
func (c *conversation) file(what string, data []byte) (string, error) {
	c.files++
	path := c.staged(what + strconv.Itoa(c.files))
	if err := os.WriteFile(path, data, 0o600); err != nil {
		return "", fault.Wrap(fault.Internal, "write a value for the process", err)
	}
	return path, nil
}

// done stores what the process made and says how it ended. A program with an SDK knows only its own flow, so what it
// says is brought in line with this one first.
func (c *conversation) done(m *protocol.FromTask, body []byte) *result {
	if e := c.a.launch.Step.Exec; e != nil && e.Protocol {
		switch {
		case m.OK:
			var err error
			if body, err = c.overrule(m, body); err != nil {
				return new(result).refuse("%v", err)
			}
		case c.catches(m): // the program has printed what it is
			return c.catch(m, body, "@catch takes this failure of "+c.a.language())
		}
	}
	return c.store(m, body)
}

// store stores what a done frame has and says how the attempt ended.
func (c *conversation) store(m *protocol.FromTask, body []byte) *result {
	res := &result{ok: m.OK, caught: m.Caught, noRetry: m.NoRetry, value: shortValue(m.Value), exception: exceptionOf(m)}
	if len(m.Transition) > 0 {
		if err := json.Unmarshal(m.Transition, &res.transition); err != nil {
			return res.refuse("the transition cannot be read: %v", err)
		}
	}
	if err := c.keep(res, m, body); err != nil {
		if bad, ok := errors.AsType[*nonsense](err); ok {
			return res.refuse("%v", bad)
		}
		res.err = err
	}
	return res
}

// exceptionOf is the exception that a done frame tells of, nil if none.
func exceptionOf(m *protocol.FromTask) *metastore.Exception {
	e := m.Exception
	if e == nil {
		return nil
	}
	return &metastore.Exception{Type: e.Type, Message: e.Message, Traceback: e.Traceback}
}

// keep stores the values of a done frame and makes their records.
func (c *conversation) keep(res *result, m *protocol.FromTask, body []byte) error {
	var sum Stored
	if err := sum.take(c.r.ctx, c.r.Data, c.r.Staging, m.Artifacts, &body); err != nil {
		return err
	}
	own := make(map[string]bool, len(sum.Artifacts))
	for _, art := range sum.Artifacts {
		if own[art.Name] {
			return &nonsense{"two values are named " + art.Name}
		}
		old, found, err := c.find(art.Name)
		if err != nil {
			return err
		}
		_, merged := c.merged[art.Name]
		own[art.Name] = true
		if found && !merged && old.Hash == art.Hash && old.Codec == art.Codec && old.Type == art.Type {
			continue // unchanged: inherited
		}
		res.artifacts = append(res.artifacts, art)
	}
	for name, art := range c.merged {
		if !own[name] {
			res.artifacts = append(res.artifacts, art)
		}
	}
	res.blobs = sum.Blobs
	sortByName(res.artifacts)
	if err := c.flatten(res); err != nil {
		return err
	}
	if res.ok && c.a.launch.Step.Kind.Opens() {
		return c.openScope(res, m, body)
	}
	return nothingLeft(body)
}

// nothingLeft checks that a frame's body held nothing but what its header says.
func nothingLeft(body []byte) error {
	if len(body) > 0 {
		return &nonsense{fmt.Sprintf("the frame has %d bytes that belong to nothing", len(body))}
	}
	return nil
}

// maxValue is how many characters the short form of a foreach element has at most.
const maxValue = 30

func shortValue(s string) string {
	if len(s) <= maxValue {
		return s
	}
	n := 0
	for i := range s {
		if n++; n > maxValue {
			return s[:i]
		}
	}
	return s
}

// flatten makes the records complete where the way to the oldest inherited artifact has become long.
func (c *conversation) flatten(res *result) error {
	base := int64(c.a.launch.Base)
	depth, err := c.r.layers.Depth(c.r.ctx, c.r.Config.Run.ID, base)
	if err != nil || depth < datastore.MaxDepth || !res.ok {
		return err
	}
	all, err := c.r.layers.All(c.r.ctx, c.r.Config.Run.ID, base)
	if err != nil {
		return err
	}
	have := make(map[string]bool, len(res.artifacts))
	for _, art := range res.artifacts {
		have[art.Name] = true
	}
	for _, art := range all {
		if !have[art.Name] {
			res.artifacts = append(res.artifacts, art)
		}
	}
	sortByName(res.artifacts)
	res.complete = true
	return nil
}

func sortByName(all []metastore.Artifact) {
	slices.SortFunc(all, func(a, b metastore.Artifact) int { return strings.Compare(a.Name, b.Name) })
}

// scopeKinds names the kinds of scopes in records.
var scopeKinds = map[graph.Kind]string{graph.Split: "split", graph.Foreach: "foreach", graph.Parallel: "gang"}

// openScope makes the record of the branches that a split opens.
func (c *conversation) openScope(res *result, m *protocol.FromTask, body []byte) error {
	l := &c.a.launch
	sc := &metastore.Scope{
		Run: c.r.Config.Run.ID, Split: int64(l.Task), Step: l.Step.Name, Kind: scopeKinds[l.Step.Kind],
		Count: max(res.transition.Fan, len(res.transition.Next)), Parent: int64(l.Scope), Index: l.Index,
	}
	res.scope = sc
	f := m.Foreach
	if l.Step.Kind != graph.Foreach {
		return nothingLeft(body)
	}
	if f == nil {
		return &nonsense{"the step goes on with a foreach, but no elements came"}
	}
	sc.Var = f.Var
	ref, blob, items, err := c.takeElements(f, body)
	if err != nil {
		if fault.Is(err, fault.Invalid) {
			err = &nonsense{err.Error()}
		}
		return err
	}
	if items.Len() != f.Count || f.Count != res.transition.Fan {
		items.Close()
		return &nonsense{"the foreach has not as many elements as announced"}
	}
	if blob != nil {
		res.blobs = append(res.blobs, *blob)
	}
	sc.Items = ref.Hash
	res.items = &foreachItems{Items: items, codec: f.Codec}
	return nil
}

// takeElements stores the elements of a foreach and opens them. Invalid if that is not what they are.
func (c *conversation) takeElements(
	f *protocol.SentItems, body []byte,
) (ref datastore.Ref, blob *metastore.Blob, items *datastore.Items, err error) {
	if f.Path == "" {
		if f.Length != len(body) {
			return ref, nil, nil, &nonsense{"the foreach's elements are not as long as announced"}
		}
		if items, err = datastore.NewItems(body); err != nil {
			return ref, nil, nil, err
		}
		ref, blob, err = c.r.Data.KeepApart(c.r.ctx, body)
		return ref, blob, items, err
	}
	path, err := staged(c.r.Staging, f.Path)
	if err == nil {
		err = nothingLeft(body)
	}
	if err != nil {
		return ref, nil, nil, err
	}
	if ref, err = c.r.Data.PutFile(c.r.ctx, path, datastore.Plain); err != nil {
		return ref, nil, nil, err
	}
	if blob = ref.Apart(); blob != nil {
		items, err = datastore.NewItems(blob.Data)
	} else {
		items, err = c.r.Data.OpenItems(c.r.ctx, ref.Hash)
	}
	return ref, blob, items, err
}

// foreachItems is the elements of one foreach.
type foreachItems struct {
	*datastore.Items
	codec string
}

// foreachLists are the elements of the foreaches that are open. The loop and conversations look here.
type foreachLists struct {
	mu   sync.Mutex                     // guards open, and is held for moments
	open map[engine.TaskID]*foreachList // by split task

	recordedMu sync.Mutex                       // held while the store is asked
	recorded   map[engine.TaskID]metastore.Hash // of foreaches that were on record at the last look
}

// foreachList is the elements of one foreach. Its lock is held while they are opened:
// who wants those of another does not wait.
type foreachList struct {
	mu    sync.Mutex
	items *foreachItems // nil before they are first needed
}

// of returns the list of a foreach.
func (l *foreachLists) of(split engine.TaskID) *foreachList {
	l.mu.Lock()
	defer l.mu.Unlock()
	list := l.open[split]
	if list == nil {
		list = new(foreachList)
		l.open[split] = list
	}
	return list
}

// openItems returns the elements of a foreach; those of a resumed run are opened when first needed.
// The loop and conversations call it.
func (r *Runner) openItems(split engine.TaskID) (*foreachItems, error) {
	list := r.lists.of(split)
	list.mu.Lock()
	defer list.mu.Unlock()
	if list.items != nil {
		return list.items, nil
	}
	hash, err := r.elementsOf(split)
	if err != nil {
		return nil, err
	}
	it, err := r.Data.OpenItems(r.ctx, hash)
	if err != nil {
		return nil, err
	}
	list.items = &foreachItems{Items: it, codec: codecOf(it)}
	return list.items, nil
}

// elementsOf looks up where the elements of a recorded foreach are.
func (r *Runner) elementsOf(split engine.TaskID) (metastore.Hash, error) {
	l := &r.lists
	l.recordedMu.Lock()
	defer l.recordedMu.Unlock()
	hash, found := l.recorded[split]
	if found {
		return hash, nil
	}
	scopes, err := r.Store.Scopes(r.ctx, r.Config.Run.ID)
	if err != nil {
		return hash, err
	}
	l.recorded = make(map[engine.TaskID]metastore.Hash, len(scopes))
	for _, sc := range scopes {
		if sc.Items != (metastore.Hash{}) {
			l.recorded[engine.TaskID(sc.Split)] = sc.Items
		}
	}
	if hash, found = l.recorded[split]; !found {
		return hash, fault.New(fault.Corrupt, "the elements of the foreach of task %d are not in the store", split).
			Do("run the flow again")
	}
	return hash, nil
}

// keepItems makes the elements of a foreach that begins known.
func (r *Runner) keepItems(split engine.TaskID, it *foreachItems) {
	list := r.lists.of(split)
	list.mu.Lock()
	defer list.mu.Unlock()
	list.items = it
}

// closeItems lets go of the elements of a foreach that has been joined.
func (r *Runner) closeItems(split engine.TaskID) {
	r.lists.mu.Lock()
	list := r.lists.open[split]
	delete(r.lists.open, split)
	r.lists.mu.Unlock()
	if list == nil {
		return
	}
	list.mu.Lock()
	defer list.mu.Unlock()
	if list.items != nil {
		list.items.Close()
	}
}
