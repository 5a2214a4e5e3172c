// Package cardweb is the small web server of `levada card server`: it shows the cards of a run, and updates those of
// running tasks.
//
// A card is a page made by somebody's code, so it is never part of this server's pages. It is shown in a frame with an
// origin of its own (through the frame's sandbox and the card's own Content-Security-Policy), from which it can reach
// neither the page around it nor the server. The server answers only requests that name this machine as their host, so
// that no page on the network can make its own name lead here.
package cardweb

import (
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"html/template"
	"io"
	"iter"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/levadahq/levada/internal/fault"
	"github.com/levadahq/levada/internal/httpedge"
	"github.com/levadahq/levada/internal/metastore"
	"github.com/levadahq/levada/internal/service"
)

// Source is where cards come from.
type Source interface {
	Runs(ctx context.Context, f metastore.RunFilter) iter.Seq2[metastore.Run, error]
	RunByID(ctx context.Context, id int64) (metastore.Run, error)
	Cards(ctx context.Context, p service.Pathspec) ([]service.Card, error)
	CardHTML(ctx context.Context, c service.Card) (io.ReadCloser, error)
}

// Options are the choices of a server.
type Options struct {
	Source    Source
	Flow      string        // only runs of this flow; empty for all
	Run       int64         // the run to show; 0 follows the latest
	Namespace string        // a tag that runs must have; empty for all
	Poll      time.Duration // how often pages look for changes
	MaxCards  int           // how many cards of a run are shown
}

const runsShown = 30

//go:embed assets
var assets embed.FS

// page is read when a page is shown: every command would wait for it.
var page = sync.OnceValue(func() *template.Template { return template.Must(template.ParseFS(assets, "assets/index.html")) })

// policy allows the server's own pages what they are made of and frames with cards, nothing else.
const policy = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; frame-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"

// sandbox gives a card an origin of its own wherever it is opened.
const sandbox = "sandbox allow-scripts allow-popups allow-popups-to-escape-sandbox"

// New returns the handler of a server.
func New(o Options) http.Handler {
	s := &server{Options: o}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", s.index)
	mux.HandleFunc("GET /runs/{run}", s.index)
	mux.HandleFunc("GET /runs/{run}/state", s.state)
	mux.HandleFunc("GET /latest/state", s.state)
	mux.HandleFunc("GET /runs/{run}/tasks/{task}/cards/{uuid}", s.card)
	for name, kind := range map[string]string{"app.css": "text/css; charset=utf-8", "app.js": "text/javascript; charset=utf-8"} {
		data, err := assets.ReadFile("assets/" + name)
		if err != nil {
			panic(err) // embedded
		}
		mux.HandleFunc("GET /assets/"+name, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", kind)
			w.Write(data)
		})
	}
	return local(mux)
}

// local refuses requests for other names than those of this machine, and sets what all answers have.
func local(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !httpedge.IsThisMachine(r.Host) {
			http.Error(w, "This server is for this machine only: ask for localhost.", http.StatusForbidden)
			return
		}
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Cache-Control", "no-store")
		next.ServeHTTP(w, r)
	})
}

type server struct{ Options }

// view is what a page shows, and with the templates' fields what a page asks for to see whether it has changed.
type view struct {
	Run     int64      `json:"run"` // 0: there is none
	Flow    string     `json:"flow"`
	Status  string     `json:"status"`
	Cards   []cardView `json:"cards"`
	Hidden  int        `json:"hidden"` // cards beyond MaxCards
	Version string     `json:"version"`

	Runs  []runView `json:"-"`
	State string    `json:"-"` // where to ask for it
	Poll  int64     `json:"-"` // milliseconds
}

type runView struct {
	ID      int64
	Name    string
	Current bool
}

type cardView struct {
	Key    string `json:"key"`
	Name   string `json:"name"`
	Task   string `json:"task"`
	URL    string `json:"url"`
	Live   bool   `json:"live"`
	Failed bool   `json:"failed"`
	Token  string `json:"token"` // changes with the card
}

// run returns the run that a request is about: the one it names, the one that the server is for, or the latest.
func (s *server) run(r *http.Request) (metastore.Run, error) {
	id := s.Run
	if text := r.PathValue("run"); text != "" {
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return metastore.Run{}, fault.New(fault.NotFound, "%q is no run", text)
		}
		id = n
	}
	if id != 0 {
		return s.Source.RunByID(r.Context(), id)
	}
	for run, err := range s.Source.Runs(r.Context(), s.filter(1)) {
		return run, err
	}
	return metastore.Run{}, nil
}

func (s *server) filter(limit int) metastore.RunFilter {
	f := metastore.RunFilter{Flows: metastore.Only(s.Flow), Limit: limit}
	if s.Namespace != "" {
		f.Tags = []string{s.Namespace}
	}
	return f
}

// view finds what there is to see of a run.
func (s *server) view(r *http.Request) (view, error) {
	run, err := s.run(r)
	if err != nil {
		return view{}, err
	}
	v := view{Run: run.ID, Flow: run.Flow, Status: string(run.Status), Cards: []cardView{}, Poll: s.Poll.Milliseconds(), State: "/latest/state"}
	if r.PathValue("run") != "" {
		v.State = fmt.Sprintf("/runs/%d/state", run.ID)
	}
	if run.ID == 0 {
		return v, nil
	}
	cards, err := s.Source.Cards(r.Context(), service.Pathspec{Run: run.ID, Task: -1})
	if err != nil {
		return view{}, err
	}
	if s.MaxCards > 0 && len(cards) > s.MaxCards {
		v.Hidden = len(cards) - s.MaxCards
		cards = cards[v.Hidden:] // the newest
	}
	all := sha256.New()
	for _, c := range cards {
		card := cardView{
			Key: c.UUID, Name: c.Type, Task: fmt.Sprintf("%s/%d", c.Task.Step, c.Task.ID), Live: c.Live, Failed: c.Failed,
			URL:   fmt.Sprintf("/runs/%d/tasks/%d/cards/%s", run.ID, c.Task.ID, c.UUID),
			Token: fmt.Sprintf("%d", c.Size),
		}
		if c.Live {
			card.Token = fmt.Sprintf("live %d", c.Changed.UnixMicro())
		}
		if c.ID != "" {
			card.Name = c.ID
		}
		fmt.Fprintln(all, card)
		v.Cards = append(v.Cards, card)
	}
	fmt.Fprintln(all, v.Run, v.Status, v.Hidden)
	v.Version = hex.EncodeToString(all.Sum(nil)[:8])
	return v, nil
}

func (s *server) index(w http.ResponseWriter, r *http.Request) {
	v, err := s.view(r)
	if err != nil {
		s.fail(w, err)
		return
	}
	for run, err := range s.Source.Runs(r.Context(), s.filter(runsShown)) {
		if err != nil {
			s.fail(w, err)
			return
		}
		v.Runs = append(v.Runs, runView{run.ID, fmt.Sprintf("%s %d, %s", run.Flow, run.ID, run.Status), run.ID == v.Run})
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	page().Execute(w, v)
}

func (s *server) state(w http.ResponseWriter, r *http.Request) {
	v, err := s.view(r)
	if err != nil {
		s.fail(w, err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(v)
}

func (s *server) card(w http.ResponseWriter, r *http.Request) {
	run, err := strconv.ParseInt(r.PathValue("run"), 10, 64)
	task, err2 := strconv.ParseInt(r.PathValue("task"), 10, 64)
	if err != nil || err2 != nil {
		http.NotFound(w, r)
		return
	}
	cards, err := s.Source.Cards(r.Context(), service.Pathspec{Run: run, Task: task})
	if err != nil {
		s.fail(w, err)
		return
	}
	for _, c := range cards {
		if c.UUID != r.PathValue("uuid") {
			continue
		}
		html, err := s.Source.CardHTML(r.Context(), c)
		if err != nil {
			s.fail(w, err)
			return
		}
		defer html.Close()
		w.Header().Set("Content-Security-Policy", sandbox)
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		io.Copy(w, html) // what fails now ends the answer early
		return
	}
	http.NotFound(w, r)
}

func (s *server) fail(w http.ResponseWriter, err error) {
	http.Error(w, err.Error(), httpedge.StatusOf(err))
}
