package runner

import (
	"bytes"
	"context"
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"
	"testing"

	bucket "github.com/levadahq/levada/internal/blob/mem"
	"github.com/levadahq/levada/internal/datastore"
	"github.com/levadahq/levada/internal/engine"
	"github.com/levadahq/levada/internal/graph"
	"github.com/levadahq/levada/internal/graph/graphtest"
	"github.com/levadahq/levada/internal/metastore"
	"github.com/levadahq/levada/internal/metastore/mem"
	"github.com/levadahq/levada/internal/protocol"
)

// talker makes conversations with tasks that do not exist: of a linear step in a foreach, a foreach, a join, and, run
// by a program with an SDK, a foreach and a linear step with @catch.
type talker struct {
	r       *Runner
	tasks   []engine.Launch
	outside string // a file that is not in the staging folder
}

func newTalker(tb testing.TB) *talker {
	tb.Helper()
	def, err := graphtest.Parse("start -> each foreach xs\neach -> join\njoin(inputs) -> end\nend\n")
	if err != nil {
		tb.Fatal(err)
	}
	g, problems := graph.Compile(def)
	if len(problems) > 0 {
		tb.Fatal(problems)
	}
	store := mem.New()
	tb.Cleanup(func() { store.Close() })
	inline, _ := datastore.Prepare([]byte("few bytes"))
	ref, blob := datastore.Prepare(bytes.Repeat([]byte("more "), 100))
	run, err := store.CreateRun(context.Background(), metastore.Run{Flow: "Test", Status: metastore.RunRunning}, metastore.Beginning{
		First: []metastore.Record{{
			Task:    &metastore.Task{Step: "_parameters", Scope: -1, Base: -1},
			Attempt: &metastore.Attempt{Status: metastore.AttemptSucceeded, Transition: []byte("{}")},
			Artifacts: []metastore.Artifact{
				{Name: "a", Codec: "pickle", Hash: inline.Hash, Size: inline.Size, Inline: inline.Inline},
				{Name: "b", Codec: "pickle", Hash: ref.Hash, Size: ref.Size},
			},
			Blobs: []metastore.Blob{*blob},
		}},
	})
	if err != nil {
		tb.Fatal(err)
	}
	folder := tb.TempDir()
	staging := filepath.Join(folder, "staging", "1")
	if err := os.MkdirAll(staging, 0o755); err != nil {
		tb.Fatal(err)
	}
	outside := filepath.Join(folder, "outside")
	if err := os.WriteFile(outside, []byte("not yours"), 0o600); err != nil {
		tb.Fatal(err)
	}
	r := New(Config{
		Flow: def, Graph: g, Run: metastore.Run{ID: run, Flow: "Test"}, Store: store,
		Data: datastore.New(store, bucket.New(), filepath.Dir(staging)), Staging: staging,
	})
	r.ctx = context.Background()
	in := []engine.Frame{{Split: 0, Step: "start", Var: "xs", Count: 2, Index: 1}}
	guest := *g.Lookup("start")
	guest.Exec = &graph.Exec{Command: []string{"guest"}, Protocol: true}
	caught := *g.Lookup("each")
	caught.Exec, caught.Catch, caught.CatchVar = guest.Exec, true, "failure"
	return &talker{r: r, outside: outside, tasks: []engine.Launch{
		{Task: 3, Step: g.Lookup("each"), Base: 0, Stack: in, Index: 1},
		{Task: 1, Step: g.Lookup("start"), Base: 0, Scope: engine.NoTask},
		{Task: 5, Step: g.Lookup("join"), Base: engine.NoTask, Inputs: []engine.TaskID{0, 0}, Scope: engine.NoTask},
		{Task: 7, Step: &guest, Base: 0, Scope: engine.NoTask},
		{Task: 9, Step: &caught, Base: 0, Stack: in, Index: 1},
	}}
}

func (k *talker) conversation(kind uint8) *conversation {
	return &conversation{r: k.r, a: &attempt{r: k.r, launch: k.tasks[int(kind)%len(k.tasks)]}}
}

// FuzzConversation has a task say anything. The engine answers, takes what can be taken and refuses the rest; what it
// says it has taken is there, and what is outside of the staging folder stays as it is.
func FuzzConversation(f *testing.F) {
	items := func(parts ...string) []byte {
		b := []byte(strings.Join(parts, ""))
		for _, p := range parts {
			b = binary.LittleEndian.AppendUint64(b, uint64(len(p)))
		}
		return b
	}
	one := `{"name":"x","codec":"pickle","type":"int","size":5,"length":5}`
	for _, seed := range []struct {
		kind   uint8
		header string
		body   []byte
	}{
		{0, `{"type":"done","ok":true,"transition":{"next":["join"]},"artifacts":[` + one + `]}`, []byte("12345")},
		{0, `{"type":"done","ok":true,"transition":{"next":["join"]},"artifacts":[` + one + `,` + one + `]}`, []byte("1234567890")},
		{0, `{"type":"done","ok":true,"artifacts":[{"name":"x","codec":"pickle","path":"STAGING/3-0-0"}]}`, nil},
		{0, `{"type":"done","ok":true,"artifacts":[{"name":"x","codec":"pickle","path":"STAGING/../../outside"}]}`, nil},
		{0, `{"type":"done","ok":true,"artifacts":[{"name":"x","codec":"pickle","length":-1}]}`, []byte("12345")},
		{0, `{"type":"done","ok":false,"exception":{"type":"E","message":"m","traceback":"t"},"value":"vvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvv"}`, nil},
		{1, `{"type":"done","ok":true,"transition":{"next":["each"],"fan":2},"foreach":{"var":"xs","count":2,"codec":"pickle","length":20}}`, items("ab", "cd")},
		{1, `{"type":"done","ok":true,"transition":{"next":["each"],"fan":2},"foreach":{"var":"xs","count":2,"codec":"pickle","path":"STAGING/3-0-0"}}`, nil},
		{1, `{"type":"done","ok":true,"transition":{"next":["each"],"fan":3},"artifacts":[` + one + `],"foreach":{"count":3,"codec":"pickle","length":29}}`, append([]byte("12345"), items("a", "b", "")...)},
		{3, `{"type":"done","ok":true,"artifacts":[` + one + `,{"name":"xs","codec":"json","length":5}]}`, []byte("12345[1,2]")},
		{3, `{"type":"done","ok":true,"artifacts":[{"name":"xs","codec":"json","length":500}]}`, []byte("[1,2]")},
		{3, `{"type":"done","ok":true,"artifacts":[{"name":"xs","codec":"json","length":-1}]}`, []byte("[1,2]")},
		{3, `{"type":"done","ok":true,"artifacts":[{"name":"xs","codec":"json","path":"STAGING/../../outside"}]}`, nil},
		{3, `{"type":"done","ok":true,"artifacts":[{"name":"xs","codec":"json","path":"STAGING/3-0-0","length":3}]}`, nil},
		{3, `{"type":"done","ok":true,"foreach":{"count":1,"codec":"pickle","length":-7}}`, []byte("12345")},
		{4, `{"type":"done","exception":{"type":"E"},"artifacts":[` + one + `,{"name":"failure","codec":"json","length":4}]}`, []byte("12345null")},
		{4, `{"type":"done","exception":{"type":"E"},"artifacts":[{"name":"failure","codec":"json","length":-1}],"foreach":{"length":-7}}`, []byte("12345")},
		{2, `{"type":"merge","include":["a"],"own":["x"]}`, nil},
		{2, `{"type":"get_inputs","name":"b","from":0,"count":2}`, nil},
		{2, `{"type":"input_info","from":-1,"count":100}`, nil},
		{2, `{"type":"input_names","index":1}`, nil},
		{0, `{"type":"get","name":"b"}`, nil},
		{0, `{"type":"get_item","level":0}`, nil},
		{0, `{"type":"names"}`, nil},
		{0, `{"type":"graph"}`, nil},
		{0, `{"type":"nothing known"}`, nil},
	} {
		f.Add(seed.kind, seed.header, seed.body)
	}
	k := newTalker(f)
	f.Fuzz(func(t *testing.T, kind uint8, header string, body []byte) {
		header = strings.ReplaceAll(header, "STAGING", k.r.Staging)
		if strings.Contains(header, "path") {
			if err := os.WriteFile(filepath.Join(k.r.Staging, "3-0-0"), items("ab", "cd"), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		frame := binary.BigEndian.AppendUint32(nil, uint32(len(header)))
		frame = binary.BigEndian.AppendUint32(frame, uint32(len(body)))
		frame = append(append(frame, header...), body...)
		var m protocol.FromTask
		got, err := protocol.ReadFrame(bytes.NewReader(frame), &m)
		if err != nil {
			return
		}
		c := k.conversation(kind)
		if m.Type != "done" {
			if _, err := c.reply(&m); err != nil {
				t.Fatalf("the reply cannot be sent: %v", err)
			}
			m = protocol.FromTask{OK: true, Transition: []byte(`{"next":["end"]}`)}
			got = nil
		}
		k.check(t, c, c.done(&m, got))
		if data, err := os.ReadFile(k.outside); err != nil || string(data) != "not yours" {
			t.Fatalf("the file outside is %q, %v", data, err)
		}
	})
}

// check checks that a result holds together.
func (k *talker) check(t *testing.T, c *conversation, res *result) {
	if res.err != nil {
		t.Fatalf("what a task says must not end the run: %v", res.err)
	}
	if res.nonsense != "" {
		if res.ok || res.artifacts != nil || res.blobs != nil || res.scope != nil || res.items != nil || res.exception == nil {
			t.Fatalf("something of what was refused was taken: %+v", res)
		}
		return
	}
	if len([]rune(res.value)) > maxValue {
		t.Errorf("the short value has %d characters", len([]rune(res.value)))
	}
	here := map[metastore.Hash]bool{}
	for _, b := range res.blobs {
		ref, _ := datastore.Prepare(b.Data)
		if ref.Hash != b.Hash {
			t.Errorf("a blob is not what its hash says")
		}
		here[b.Hash] = true
	}
	names := map[string]bool{}
	for _, art := range res.artifacts {
		if names[art.Name] || art.Name == "" {
			t.Errorf("%q is there twice, or has no name", art.Name)
		}
		names[art.Name] = true
		if here[art.Hash] && art.Inline == nil {
			continue
		}
		if data, err := k.r.Data.Bytes(context.Background(), art); err != nil || int64(len(data)) != art.Size {
			t.Errorf("artifact %s: %d bytes of %d: %v", art.Name, len(data), art.Size, err)
		}
	}
	if c.a.launch.Step.Kind != graph.Foreach || !res.ok {
		if res.scope != nil || res.items != nil {
			t.Errorf("a scope comes of nothing: %+v", res.scope)
		}
		return
	}
	if res.scope == nil || res.items == nil || res.scope.Count != res.items.Len() || res.transition.Fan != res.items.Len() {
		t.Fatalf("the scope does not fit: %+v, %d", res.scope, res.transition.Fan)
	}
	defer res.items.Close()
	for i := range min(res.items.Len(), 100) {
		if _, err := res.items.Read(i); err != nil {
			t.Errorf("element %d: %v", i, err)
		}
	}
}
