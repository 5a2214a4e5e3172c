package cardweb_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/levadahq/levada/internal/cardweb"
	"github.com/levadahq/levada/internal/fault"
	"github.com/levadahq/levada/internal/metastore"
	"github.com/levadahq/levada/internal/service"
)

// source is runs with cards in memory.
type source struct {
	runs  []metastore.Run // newest first
	cards map[int64][]service.Card
	away  error // why cards cannot be read
}

func (s *source) Runs(_ context.Context, f metastore.RunFilter) iter.Seq2[metastore.Run, error] {
	return func(yield func(metastore.Run, error) bool) {
		for _, r := range s.runs {
			if (len(f.Flows) == 0 || slices.Contains(f.Flows, r.Flow)) && (len(f.Tags) == 0 || f.Tags[0] == "user:"+r.User) && !yield(r, nil) {
				return
			}
		}
	}
}

func (s *source) RunByID(_ context.Context, id int64) (metastore.Run, error) {
	for _, r := range s.runs {
		if r.ID == id {
			return r, nil
		}
	}
	return metastore.Run{}, fault.New(fault.NotFound, "there is no run %d", id)
}

func (s *source) Cards(_ context.Context, p service.Pathspec) ([]service.Card, error) {
	if s.away != nil {
		return nil, s.away
	}
	var found []service.Card
	for _, c := range s.cards[p.Run] {
		if p.Task < 0 || c.Task.ID == p.Task {
			found = append(found, c)
		}
	}
	return found, nil
}

func (s *source) CardHTML(_ context.Context, c service.Card) (io.ReadCloser, error) {
	return io.NopCloser(strings.NewReader("<p>card " + c.UUID + "</p>")), nil
}

func card(run, task int64, uuid, id string) service.Card {
	return service.Card{
		Card: metastore.Card{Type: "default", ID: id, UUID: uuid, Size: 10}, Flow: "F", Task: metastore.Task{Run: run, ID: task, Step: "train"},
	}
}

func get(t *testing.T, h http.Handler, path string) (*http.Response, string) {
	t.Helper()
	r := httptest.NewRequest("GET", path, nil)
	if r.Host == "example.com" {
		r.Host = "127.0.0.1:8324"
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result(), w.Body.String()
}

type state struct {
	Run     int64
	Status  string
	Hidden  int
	Version string
	Cards   []struct {
		Key, Name, Task, URL, Token string
		Live                        bool
	}
}

func stateOf(t *testing.T, h http.Handler, path string) (s state) {
	t.Helper()
	_, body := get(t, h, path)
	if err := json.Unmarshal([]byte(body), &s); err != nil {
		t.Fatalf("%s: %v", body, err)
	}
	return s
}

func TestPagesAndCards(t *testing.T) {
	src := &source{
		runs: []metastore.Run{{ID: 2, Flow: "F", Status: metastore.RunRunning, User: "ann"}, {ID: 1, Flow: "<b>G</b>", Status: metastore.RunFailed, User: "bob"}},
		cards: map[int64][]service.Card{
			2: {card(2, 3, "aa", ""), card(2, 4, "bb", `"><script>alert(1)</script>`)},
			1: {card(1, 1, "cc", "old")},
		},
	}
	h := cardweb.New(cardweb.Options{Source: src, Poll: 2 * time.Second, MaxCards: 30})
	res, body := get(t, h, "/")
	if res.StatusCode != 200 || !strings.Contains(body, `href="/runs/2/tasks/3/cards/aa"`) || !strings.Contains(body, "train/3") || !strings.Contains(body, `data-poll="2000"`) {
		t.Errorf("the page of the latest run: %d\n%s", res.StatusCode, body)
	}
	if strings.Contains(body, "<script>alert") || strings.Contains(body, "<b>G") {
		t.Errorf("a name becomes part of the page:\n%s", body)
	}
	if csp := res.Header.Get("Content-Security-Policy"); !strings.Contains(csp, "default-src 'none'") || !strings.Contains(csp, "frame-ancestors 'none'") {
		t.Errorf("the policy of the page is %q", csp)
	}
	if !strings.Contains(body, `sandbox="allow-scripts allow-popups allow-popups-to-escape-sandbox"`) {
		t.Error("the frame of the card is not sandboxed")
	}
	if strings.Contains(body, ">failed<") {
		t.Error("a card is said to be of a step that failed")
	}
	src.cards[1][0].Failed = true
	if _, body := get(t, h, "/runs/1"); !strings.Contains(body, `<span class="failed">failed</span>`) {
		t.Errorf("the page does not say that the step of its card failed:\n%s", body)
	}
	if _, body := get(t, h, "/runs/1"); !strings.Contains(body, "/runs/1/tasks/1/cards/cc") || !strings.Contains(body, `data-state="/runs/1/state"`) {
		t.Errorf("the page of run 1:\n%s", body)
	}
	res, body = get(t, h, "/runs/2/tasks/4/cards/bb")
	if body != "<p>card bb</p>" {
		t.Errorf("the card is %q", body)
	}
	if csp := res.Header.Get("Content-Security-Policy"); !strings.HasPrefix(csp, "sandbox ") || strings.Contains(csp, "allow-same-origin") {
		t.Errorf("the policy of a card is %q", csp)
	}
	for path, want := range map[string]int{
		"/runs/9": 404, "/runs/x": 404, "/runs/2/tasks/3/cards/bb": 404, "/runs/2/tasks/x/cards/aa": 404, "/nothing": 404, "/assets/app.js": 200, "/assets/app.css": 200,
		"/assets/index.html": 404, "/assets/../cardweb.go": 307,
	} {
		if res, _ := get(t, h, path); res.StatusCode != want {
			t.Errorf("%s is answered with %d, want %d", path, res.StatusCode, want)
		}
	}
}

func TestOnlyThisMachineIsAnswered(t *testing.T) {
	h := cardweb.New(cardweb.Options{Source: &source{}, Poll: time.Second})
	for host, want := range map[string]int{
		"localhost:8324": 200, "127.0.0.1": 200, "[::1]:8324": 200, "evil.org": 403, "127.0.0.1.evil.org:8324": 403, "192.168.0.7:8324": 403, "": 403,
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.Host = host
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != want {
			t.Errorf("a request for %q is answered with %d, want %d", host, w.Code, want)
		}
	}
	r := httptest.NewRequest("POST", "/", nil)
	r.Host = "localhost"
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	if w.Code != http.StatusMethodNotAllowed {
		t.Errorf("POST is answered with %d", w.Code)
	}
}

func TestState(t *testing.T) {
	src := &source{cards: map[int64][]service.Card{}}
	h := cardweb.New(cardweb.Options{Source: src, Poll: time.Second, MaxCards: 2, Flow: "F", Namespace: "user:ann"})
	if s := stateOf(t, h, "/latest/state"); s.Run != 0 || s.Version != "" {
		t.Errorf("without a run the state is %+v", s)
	}
	if _, body := get(t, h, "/"); !strings.Contains(body, "No runs yet") {
		t.Errorf("without a run the page is\n%s", body)
	}
	src.runs = []metastore.Run{{ID: 7, Flow: "Other", User: "ann"}, {ID: 6, Flow: "F", User: "bob"}, {ID: 5, Flow: "F", User: "ann", Status: metastore.RunRunning}}
	live := card(5, 1, "aa", "")
	live.Live, live.Changed = true, time.Unix(100, 0)
	src.cards[5] = []service.Card{live}
	seen := map[string]bool{}
	look := func(what string, changes bool) state {
		t.Helper()
		s := stateOf(t, h, "/latest/state")
		if s.Run != 5 || seen[s.Version] == changes {
			t.Errorf("%s: %+v", what, s)
		}
		seen[s.Version] = true
		return s
	}
	first := look("a run with a live card", true)
	if !first.Cards[0].Live || first.Cards[0].Task != "train/1" {
		t.Errorf("the live card is %+v", first.Cards[0])
	}
	look("nothing new", false)
	src.cards[5][0].Changed = time.Unix(101, 0)
	if s := look("it was refreshed", true); s.Cards[0].Token == first.Cards[0].Token {
		t.Error("the token of a card that changed is the same")
	}
	src.cards[5][0].Live, src.cards[5][0].Changed = false, time.Time{}
	look("it was recorded", true)
	for i := range 3 {
		src.cards[5] = append(src.cards[5], card(5, int64(i+2), fmt.Sprint("x", i), "n"))
	}
	if s := look("more cards than are shown", true); len(s.Cards) != 2 || s.Hidden != 2 || s.Cards[1].Key != "x2" || s.Cards[1].Name != "n" {
		t.Errorf("of 4 cards the last 2 are to be shown: %+v", s)
	}
	src.runs[2].Status = metastore.RunSucceeded
	look("the run ended", true)
}

func TestAStoreThatIsAwayIsNoMistakeOfTheServer(t *testing.T) {
	s := &source{runs: []metastore.Run{{ID: 1, Flow: "F"}}, away: fault.New(fault.Unavailable, "the server does not answer")}
	if res, body := get(t, cardweb.New(cardweb.Options{Source: s}), "/runs/1/state"); res.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("%s %s", res.Status, body)
	}
}
