package runner

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/levadahq/levada/internal/livecard"
	"github.com/levadahq/levada/internal/metastore"
	"github.com/levadahq/levada/internal/protocol"
)

// cardBench is a conversation of task 3 that only shows cards.
type cardBench struct {
	*conversation
	t *testing.T
}

func newCardBench(t *testing.T) *cardBench {
	k := newTalker(t)
	c := k.conversation(0)
	k.r.Now = func() time.Time { return time.Unix(100, 0).UTC() }
	k.r.LogDir = filepath.Join(filepath.Dir(filepath.Dir(k.r.Staging)), "logs", "1")
	c.cards.dir, c.cards.task = k.r.LogDir, 3
	return &cardBench{c, t}
}

// show sends a card frame; html and data are left out if they are empty.
func (b *cardBench) show(live bool, position int, html, data string) {
	m := &protocol.FromTask{Type: "card", Card: &protocol.SentCard{Position: position, Type: "default", ID: "x", UUID: strings.Repeat("a", 31) + string(rune('0'+position)), Live: live}}
	var body []byte
	for _, part := range []struct{ name, codec, text string }{{"html", "file", html}, {"data", "json", data}} {
		if part.text != "" {
			m.Artifacts = append(m.Artifacts, protocol.SentValue{Name: part.name, Codec: part.codec, Length: len(part.text), Size: int64(len(part.text))})
			body = append(body, part.text...)
		}
	}
	b.card(m, body)
}

// warnings are what was told of cards that could not be kept.
func (b *cardBench) warnings() (all []string) {
	b.r.Watch = watcher(func(e *Event) { all = append(all, e.Text) })
	for _, f := range b.r.calls.take(nil) {
		f()
	}
	return all
}

type watcher func(*Event)

func (w watcher) Event(e *Event)  { w(e) }
func (watcher) Progress(Progress) {}
func (watcher) Hurry()            {}

// content is the HTML and the data of the cards as they are to be recorded, by position.
func (b *cardBench) content() map[int][2]string {
	b.t.Helper()
	k := b.keepCards()
	small := make(map[metastore.Hash][]byte)
	for _, s := range k.blobs {
		small[s.Hash] = s.Data
	}
	read := func(h metastore.Hash) string {
		if h == (metastore.Hash{}) {
			return ""
		}
		if data, ok := small[h]; ok {
			return string(data)
		}
		data, err := b.r.Data.Blob(b.r.ctx, h)
		if err != nil {
			b.t.Fatal(err)
		}
		return string(data)
	}
	all := make(map[int][2]string)
	for _, c := range k.records {
		all[c.Position] = [2]string{read(c.HTML), read(c.Data)}
		if c.Size != int64(len(all[c.Position][0])) || c.ID != "x" || c.Type != "default" || len(c.UUID) != 32 {
			b.t.Errorf("the record is %+v", c)
		}
	}
	k.settle(b.r.LogDir)
	if left, err := livecard.List(b.r.LogDir); err != nil || len(left) > 0 {
		b.t.Errorf("live cards are left: %v, %v", left, err)
	}
	return all
}

func TestCardsAreKept(t *testing.T) {
	long := strings.Repeat("<p>long</p>", 20_000)
	for _, test := range []struct {
		name string
		send func(b *cardBench)
		want map[int][2]string
	}{
		{"nothing", func(*cardBench) {}, map[int][2]string{}},
		{"final", func(b *cardBench) { b.show(false, 0, "<p>", ""); b.show(false, 1, long, `{"n":1}`) }, map[int][2]string{0: {"<p>", ""}, 1: {long, `{"n":1}`}}},
		{"only shown", func(b *cardBench) { b.show(true, 0, "<p>1", `{"n":1}`); b.show(true, 0, "", `{"n":2}`) }, map[int][2]string{0: {"<p>1", `{"n":2}`}}},
		{"shown long", func(b *cardBench) { b.show(true, 0, long, "") }, map[int][2]string{0: {long, ""}}},
		{"shown, then final", func(b *cardBench) { b.show(true, 0, "<p>live", `{"n":1}`); b.show(false, 0, "<p>end", "") }, map[int][2]string{0: {"<p>end", `{"n":1}`}}},
		{"final data", func(b *cardBench) { b.show(true, 0, "<p>live", `{"n":1}`); b.show(false, 0, "<p>end", `{"n":2}`) }, map[int][2]string{0: {"<p>end", `{"n":2}`}}},
		{"final that could not be made", func(b *cardBench) { b.show(true, 0, "<p>live", ""); b.show(false, 0, "", "") }, map[int][2]string{0: {"<p>live", ""}}},
		{"twice", func(b *cardBench) { b.show(false, 0, "<p>1", ""); b.show(false, 0, "<p>2", "") }, map[int][2]string{0: {"<p>2", ""}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			b := newCardBench(t)
			test.send(b)
			got := b.content()
			if len(got) != len(test.want) {
				t.Errorf("there are %d cards, want %d", len(got), len(test.want))
			}
			for position, want := range test.want {
				if got[position] != want {
					t.Errorf("card %d is %.80q, want %.80q", position, got[position], want)
				}
			}
			if w := b.warnings(); len(w) > 0 {
				t.Errorf("warnings: %q", w)
			}
		})
	}
}

func TestLiveCardsAreSeen(t *testing.T) {
	b := newCardBench(t)
	b.show(true, 2, "<p>now</p>", `{"n":1}`)
	cards, err := livecard.List(b.r.LogDir)
	if err != nil || len(cards) != 1 {
		t.Fatal(cards, err)
	}
	c := cards[0]
	if c.Task != 3 || c.Position != 2 || c.ID != "x" || string(c.Data) != `{"n":1}` || c.Size != 10 || !c.Changed.Equal(time.Unix(100, 0)) {
		t.Errorf("the live card is %+v", c)
	}
	html, err := os.ReadFile(livecard.File(b.r.LogDir, c))
	if err != nil || string(html) != "<p>now</p>" {
		t.Errorf("it looks like %q, %v", html, err)
	}
	if left, _ := os.ReadDir(b.r.Staging); len(left) > 0 {
		t.Errorf("files are left in the staging folder: %v", left)
	}
}

// What a process says of cards is not believed, costs a warning, and takes no other card down.
func TestHostileCards(t *testing.T) {
	uuid := strings.Repeat("0", 32)
	value := func(name string, length int, path string) []protocol.SentValue {
		return []protocol.SentValue{{Name: name, Codec: "file", Length: length, Path: path}}
	}
	b := newCardBench(t)
	b.show(true, 1, "<p>good", "")
	outside := filepath.Join(filepath.Dir(filepath.Dir(b.r.Staging)), "outside")
	link := filepath.Join(b.r.Staging, "link")
	if err := os.Symlink(outside, link); err != nil {
		t.Fatal(err)
	}
	bad := 0
	for _, live := range []bool{true, false} {
		for what, m := range map[string]*protocol.FromTask{
			"no card":        {},
			"position":       {Card: &protocol.SentCard{Position: -1, UUID: uuid}},
			"large position": {Card: &protocol.SentCard{Position: 1 << 30, UUID: uuid}},
			"uuid":           {Card: &protocol.SentCard{UUID: "../../../../../../etc/passwd00000"}},
			"type":           {Card: &protocol.SentCard{UUID: uuid, Type: strings.Repeat("x", 1000)}},
			"length":         {Card: &protocol.SentCard{UUID: uuid}, Artifacts: value("html", 99, "")},
			"below zero":     {Card: &protocol.SentCard{UUID: uuid}, Artifacts: value("html", -1, "")},
			"path":           {Card: &protocol.SentCard{UUID: uuid}, Artifacts: value("html", 0, outside)},
			"link":           {Card: &protocol.SentCard{UUID: uuid}, Artifacts: value("html", 0, link)},
			"absent":         {Card: &protocol.SentCard{UUID: uuid}, Artifacts: value("html", 0, filepath.Join(b.r.Staging, "absent"))},
			"other name":     {Card: &protocol.SentCard{UUID: uuid}, Artifacts: value("other", 3, "")},
			"no html":        {Card: &protocol.SentCard{UUID: uuid}, Artifacts: value("data", 2, "")},
		} {
			if m.Card != nil {
				m.Card.Live = live
			}
			b.card(m, []byte("{}x"))
			bad++
			if w := b.warnings(); len(w) != 1 || !strings.Contains(w[0], "a card of each, task 3, could not be kept") {
				t.Errorf("%s, live %t: the warnings are %q", what, live, w)
			}
		}
	}
	if text, err := os.ReadFile(outside); err != nil || string(text) != "not yours" {
		t.Errorf("the file outside is %q, %v", text, err)
	}
	if got := b.content(); len(got) != 1 || got[1][0] != "<p>good" {
		t.Errorf("of %d bad cards and a good one there are %v", bad, got)
	}
	for _, live := range []bool{true, false} {
		for _, data := range []string{"no json", "{", strings.Repeat(" ", maxCardData) + "1"} {
			b.show(live, 0, "<p>", data)
			if w := b.warnings(); len(w) != 1 || !strings.Contains(w[0], "no JSON, or too much") {
				t.Errorf("%d bytes of data, live %t: %q", len(data), live, w)
			}
		}
	}
}
