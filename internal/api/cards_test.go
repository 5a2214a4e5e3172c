package api_test

import (
	"encoding/json"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/levadahq/levada/internal/api"
	"github.com/levadahq/levada/internal/api/apitest"
	"github.com/levadahq/levada/internal/datastore"
	"github.com/levadahq/levada/internal/fault"
	"github.com/levadahq/levada/internal/livecard"
	"github.com/levadahq/levada/internal/metastore"
)

// withCards records cards of an attempt whose HTML is their id.
func withCards(t *testing.T, s *apitest.Store, run, task int64, n int, ids ...string) {
	t.Helper()
	rec := metastore.Record{Attempt: &metastore.Attempt{Run: run, Task: task, N: n, Status: metastore.AttemptSucceeded}}
	for i, id := range ids {
		ref, blob := datastore.Prepare([]byte(strings.Repeat(id+" ", 200)))
		data, _ := datastore.Prepare([]byte(`{"id":"` + id + `"}`))
		rec.Blobs = append(rec.Blobs, *blob, metastore.Blob{Hash: data.Hash, Data: data.Inline})
		rec.Cards = append(rec.Cards, metastore.Card{
			Position: len(ids) - 1 - i, Type: "blank", ID: id, UUID: strings.Repeat("0", 31) + id, HTML: ref.Hash, Size: ref.Size, Data: data.Hash,
		})
	}
	done := make(chan error, 1)
	rec.Done = func(err error) { done <- err }
	s.Meta.Record(rec)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

// named lists cards as task/attempt/id, those that may change with a star.
func named(cards []api.Card) (all []string) {
	for _, c := range cards {
		text := c.Step + "/" + string(rune('0'+c.Task)) + "/" + string(rune('0'+c.Attempt)) + "/" + c.ID
		if c.Live {
			text += "*"
		}
		all = append(all, text)
	}
	return all
}

func read(t *testing.T, s *apitest.Store, c api.Card) string {
	t.Helper()
	r, err := s.OpenCard(t.Context(), api.OpenCardRequest{Run: c.Run, Task: c.Task, UUID: c.UUID})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	html, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(html)
}

// An earlier version may have stored data of a card that is no JSON. It is not passed on as if it were.
func TestCardDataThatIsNoJSON(t *testing.T) {
	s := apitest.New(t)
	run := s.Run(t, metastore.RunSucceeded, "ann")
	withCards(t, s, run, 1, 0, `"`)
	if _, err := s.Cards(t.Context(), api.CardsRequest{Run: run, Data: true}); !fault.Is(err, fault.Corrupt) || !strings.Contains(err.Error(), "no JSON") {
		t.Errorf("%v", err)
	}
	if res, err := s.Cards(t.Context(), api.CardsRequest{Run: run}); err != nil || read(t, s, res.Cards[0]) == "" {
		t.Errorf("the card itself: %+v, %v", res, err)
	}
}

func TestCards(t *testing.T) {
	s := apitest.New(t)
	run := s.Run(t, metastore.RunSucceeded, "ann")
	withCards(t, s, run, 1, 0, "a")
	withCards(t, s, run, 5, 0, "b")
	withCards(t, s, run, 5, 1, "c", "d")
	task := func(id int64) *int64 { return &id }
	for _, test := range []struct {
		request api.CardsRequest
		want    string
	}{
		{api.CardsRequest{Run: run}, "start/1/0/a work/5/1/d work/5/1/c"},
		{api.CardsRequest{Run: run, Step: "work"}, "work/5/1/d work/5/1/c"},
		{api.CardsRequest{Run: run, Task: task(5)}, "work/5/1/d work/5/1/c"},
		{api.CardsRequest{Run: run, Step: "start", Task: task(1)}, "start/1/0/a"},
		{api.CardsRequest{Run: run, Step: "end"}, ""},
		{api.CardsRequest{Run: run, Task: task(9)}, ""},
	} {
		res, err := s.Cards(t.Context(), test.request)
		if got := strings.Join(named(res.Cards), " "); err != nil || got != test.want {
			t.Errorf("%+v: %q, %v; want %q", test.request, got, err, test.want)
		}
	}
	for _, request := range []api.CardsRequest{{Run: 9}, {Run: run, Step: "nosuch"}, {Run: run, Task: task(99)}, {Run: run, Step: "start", Task: task(5)}} {
		if _, err := s.Cards(t.Context(), request); !fault.Is(err, fault.NotFound) {
			t.Errorf("%+v: %v", request, err)
		}
	}
	res, err := s.Cards(t.Context(), api.CardsRequest{Run: run, Task: task(1), Data: true})
	if err != nil || string(res.Cards[0].Data) != `{"id":"a"}` || res.Cards[0].Hash == "" || res.Cards[0].Size != 400 {
		t.Errorf("a card with its data is %+v, %v", res.Cards, err)
	}
	if html := read(t, s, res.Cards[0]); html != strings.Repeat("a ", 200) {
		t.Errorf("its HTML is %q", html)
	}
	if _, err := s.OpenCard(t.Context(), api.OpenCardRequest{Run: run, Task: 1, UUID: "no"}); !fault.Is(err, fault.NotFound) {
		t.Errorf("no such card: %v", err)
	}
}

// A card tells whether its step came to its end: what is kept of one that did not is a part of it.
func TestCardsOfFailedAttempts(t *testing.T) {
	s := apitest.New(t)
	for _, c := range []struct {
		run    metastore.RunStatus
		status metastore.AttemptStatus
		want   bool
	}{
		{metastore.RunRunning, metastore.AttemptSucceeded, false}, {metastore.RunRunning, metastore.AttemptRunning, false},
		{metastore.RunRunning, metastore.AttemptFailed, true}, {metastore.RunRunning, metastore.AttemptKilled, true},
		{metastore.RunRunning, metastore.AttemptCaught, true}, {metastore.RunDied, metastore.AttemptRunning, true},
	} {
		run := s.Run(t, c.run, "ann")
		withCards(t, s, run, 5, 3, "c")
		done := make(chan error, 1)
		s.Meta.Record(metastore.Record{
			Attempt: &metastore.Attempt{Run: run, Task: 5, N: 3, Status: c.status}, Done: func(err error) { done <- err },
		})
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		res, err := s.Cards(t.Context(), api.CardsRequest{Run: run})
		if err != nil || len(res.Cards) != 1 || res.Cards[0].Failed != c.want {
			t.Errorf("%s, %s: %+v, %v", c.run, c.status, res.Cards, err)
		}
	}
}

// While a task runs its cards are files; when they are recorded, that is what counts.
func TestLiveCards(t *testing.T) {
	s := apitest.New(t)
	run := s.Run(t, metastore.RunRunning, "ann")
	show := func(c livecard.Card, html string) {
		t.Helper()
		s.ShowCard(t, run, c, html)
	}
	uuid := strings.Repeat("0", 31)
	show(livecard.Card{Task: 9, Position: 1, Type: "blank", ID: "y", UUID: uuid + "y", Changed: time.Unix(5, 0), Data: json.RawMessage(`{"n":2}`)}, "<p>now")
	show(livecard.Card{Task: 5, Attempt: 1, Type: "blank", ID: "c", UUID: uuid + "c"}, "<p>before")
	withCards(t, s, run, 5, 1, "c")
	withCards(t, s, run, 9, 0, "x")
	res, err := s.Cards(t.Context(), api.CardsRequest{Run: run, Data: true})
	if got := strings.Join(named(res.Cards), " "); err != nil || got != "work/5/1/c end/9/0/x end/9/0/y*" {
		t.Fatalf("cards: %q, %v", got, err)
	}
	live := res.Cards[2]
	if string(live.Data) != `{"n":2}` || live.Changed != api.TimeOf(time.Unix(5, 0)) || live.Hash != "" || live.Size != 6 {
		t.Errorf("the live card is %+v", live)
	}
	if html := read(t, s, live); html != "<p>now" {
		t.Errorf("the live card looks like %q", html)
	}
	if html := read(t, s, res.Cards[0]); !strings.HasPrefix(html, "c c") {
		t.Errorf("the recorded card looks like %q", html)
	}
	show(livecard.Card{Task: 9, Attempt: 1, Type: "blank", ID: "z", UUID: uuid + "z"}, "<p>again")
	res, err = s.Cards(t.Context(), api.CardsRequest{Run: run, Step: "end"})
	if got := strings.Join(named(res.Cards), " "); err != nil || got != "end/9/1/z*" {
		t.Errorf("cards of a second attempt: %q, %v", got, err)
	}
}
