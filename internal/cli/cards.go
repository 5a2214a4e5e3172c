package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/levadahq/levada/internal/fault"
	"github.com/levadahq/levada/internal/metastore"
	"github.com/levadahq/levada/internal/service"
)

const cardAbout = `PATHSPEC names a task, a step or a run whose cards are meant: 12/train/3, 12/train, 12, or train
for that step of the latest run in your namespace.`

// cardQuery says which cards are meant: the options and the argument that the commands about cards have in common.
type cardQuery struct {
	pathspec string
	hash     string
	kind     string
	id       string
	resumed  bool
}

func newCardQuery() cardQuery { return cardQuery{resumed: true} }

func (q *cardQuery) options() table {
	return table{
		{name: "hash", metavar: "TEXT", dest: "HASH", set: text(&q.hash), help: "Only the card whose hash begins with this."},
		{name: "type", metavar: "TEXT", dest: "TYPE", set: text(&q.kind), help: "Only cards of this type."},
		{name: "id", metavar: "TEXT", dest: "ID", set: text(&q.id), help: "Only the card with this id. Ignored if a hash is given."},
		{name: "follow-resumed", off: "no-follow-resumed", dest: "FOLLOW_RESUMED", set: flag(&q.resumed), def: "on",
			help: "For tasks that a resumed run took over, use the cards of the original tasks."},
	}
}

func (q *cardQuery) argument(required bool) argument {
	return argument{name: "PATHSPEC", required: required, help: "The task, step or run.",
		set: func(word string) error { q.pathspec = word; return nil }}
}

// resolve reads the pathspec. A step alone, or nothing, is about the latest run.
func (q *cardQuery) resolve(ctx context.Context, s *session) (service.Pathspec, error) {
	p := service.Pathspec{Task: -1}
	if q.pathspec != "" {
		_, err := strconv.ParseInt(q.pathspec, 10, 64)
		if err == nil || strings.Contains(q.pathspec, "/") {
			return s.pathspec(q.pathspec)
		}
		p.Step = q.pathspec
	}
	run, err := s.latestOwn(ctx, s.env.namespace(s.user))
	p.Run = run.ID
	return p, err
}

// latestOwn is the newest run in a namespace, of the flow at hand if there is one.
func (s *session) latestOwn(ctx context.Context, namespace string) (metastore.Run, error) {
	f := metastore.RunFilter{Limit: 1}
	if namespace != "" {
		f.Tags = []string{namespace}
	}
	if s.flow != nil {
		f.Flows = []string{s.flow.Definition().Name}
	}
	for run, err := range s.store.Service.Runs(ctx, f) {
		return run, err
	}
	return metastore.Run{}, fault.New(fault.NotFound, "there is no run in the namespace %q", namespace).On(s.store.Path).
		Do("name a run; `levada runs` lists them")
}

// find returns the cards that are meant: at least one.
func (q *cardQuery) find(ctx context.Context, s *session) ([]service.Card, error) {
	p, err := q.resolve(ctx, s)
	if err != nil {
		return nil, err
	}
	all, err := s.store.Service.Cards(ctx, p)
	if fault.Is(err, fault.NotFound) {
		var e *fault.Error
		if errors.As(err, &e) {
			return nil, &failure{headline: "Cannot resolve task for pathspec", kind: fault.NotFound, text: faultText(err), hint: e.Hint, cause: err}
		}
	}
	if err != nil {
		return nil, err
	}
	var found []service.Card
	for _, c := range all {
		switch {
		case !q.resumed && c.Task.Origin != 0:
		case q.kind != "" && c.Type != q.kind:
		case q.hash != "" && !strings.HasPrefix(c.UUID, q.hash):
		case q.hash == "" && q.id != "" && c.ID != q.id:
		default:
			found = append(found, c)
		}
	}
	if len(found) == 0 {
		return nil, &failure{headline: "Card not found in datastore", kind: fault.NotFound, text: q.missing(p, len(all)),
			hint: "A step has cards if it has a @card decorator, or if it was run with `--with card`."}
	}
	return found, nil
}

// missing says that there are no such cards.
func (q *cardQuery) missing(p service.Pathspec, others int) string {
	var wanted []string
	for name, value := range map[string]string{"type": q.kind, "hash": q.hash, "id": q.id} {
		if value != "" && (name != "id" || q.hash == "") {
			wanted = append(wanted, fmt.Sprintf("%s %q", name, value))
		}
	}
	if len(wanted) == 0 {
		return fmt.Sprintf("There is no card of %s.", p)
	}
	return fmt.Sprintf("There is no card with the %s among the %s of %s.", strings.Join(wanted, " and the "), counted(others, "card"), p)
}

// cardName is a card's name as a file.
func cardName(c service.Card) string {
	parts := []string{c.Type}
	if c.ID != "" {
		parts = append(parts, c.ID)
	}
	return strings.Map(func(r rune) rune {
		if r == '/' || r == os.PathSeparator || r < ' ' {
			return '_'
		}
		return r
	}, strings.Join(append(parts, c.UUID), "-")) + ".html"
}

// cardList is `card list`.
type cardList struct {
	cardQuery
	asJSON bool
	file   string
}

func (c *cardList) options() table {
	return append(c.cardQuery.options(), table{
		{name: "as-json", dest: "AS_JSON", set: flag(&c.asJSON), help: "Print one JSON document, as Metaflow does. --json prints one object per card, with more in it."},
		{name: "file", metavar: "PATH", dest: "FILE", set: text(&c.file), help: "Write the JSON document to this file."},
	}...)
}

func (c *cardList) arguments() []argument { return []argument{c.argument(false)} }

func (c *cardList) run(ctx context.Context, s *session) error {
	cards, err := c.find(ctx, s)
	if err != nil {
		return err
	}
	switch {
	case c.asJSON || c.file != "":
		return c.document(s, cards)
	case s.global.json:
		return printCards(s, cards)
	case s.inv.python:
		s.cardBlocks(cards, c.pathspec == "")
		return nil
	}
	rows := make([][]string, len(cards))
	for i, card := range cards {
		state := ""
		switch {
		case card.Failed:
			state = "failed"
		case card.Live:
			state = "live"
		}
		rows[i] = []string{taskPath(service.TaskInfo{Task: card.Task}), card.Type, card.ID, card.UUID[:min(8, len(card.UUID))], sizeText(card.Size), state}
	}
	return s.printGrid([]column{{title: "TASK"}, {title: "TYPE", least: 8}, {title: "ID", least: 6}, {title: "HASH"}, {title: "SIZE"}, {title: ""}}, rows)
}

// printCards prints a JSON object a card.
func printCards(s *session, cards []service.Card) error {
	for _, c := range cards {
		err := s.printJSON(struct {
			Task    string `json:"task"`
			Attempt int    `json:"attempt"`
			Type    string `json:"type"`
			ID      string `json:"id,omitempty"`
			Hash    string `json:"hash"`
			Size    int64  `json:"size"`
			Live    bool   `json:"live"`
			Failed  bool   `json:"failed,omitempty"`
			Origin  string `json:"origin,omitempty"`
		}{c.Pathspec(), c.Attempt, c.Type, c.ID, c.UUID, c.Size, c.Live, c.Failed, c.OriginPathspec()})
		if err != nil {
			return err
		}
	}
	return nil
}

// document prints the cards as Metaflow's JSON: those of a task, or a list of that for a run.
func (c *cardList) document(s *session, cards []service.Card) error {
	type entry struct {
		ID       *string `json:"id"`
		Hash     string  `json:"hash"`
		Type     string  `json:"type"`
		Filename string  `json:"filename"`
	}
	type task struct {
		Pathspec string  `json:"pathspec"`
		Cards    []entry `json:"cards"`
	}
	var tasks []task
	for _, card := range cards {
		if n := len(tasks); n == 0 || tasks[n-1].Pathspec != card.Pathspec() {
			tasks = append(tasks, task{Pathspec: card.Pathspec()})
		}
		e := entry{Hash: card.UUID, Type: card.Type, Filename: cardName(card)}
		if card.ID != "" {
			e.ID = &card.ID
		}
		tasks[len(tasks)-1].Cards = append(tasks[len(tasks)-1].Cards, e)
	}
	var document any = tasks
	if c.pathspec != "" && len(tasks) == 1 {
		document = tasks[0]
	}
	text, err := json.MarshalIndent(document, "", "    ")
	if err != nil {
		return err
	}
	text = append(text, '\n')
	if c.file != "" {
		return fault.Of("write", c.file, os.WriteFile(s.path(c.file), text, 0o666))
	}
	return s.print(string(text))
}

// cardBlocks prints cards as Metaflow lists them, on stderr.
func (s *session) cardBlocks(cards []service.Card, byTask bool) {
	w := s.env.Stderr
	if !byTask {
		fmt.Fprintf(w, "Found %d card matching for your query...\n", len(cards))
	}
	step, task := "", int64(-1)
	for _, c := range cards {
		if byTask && c.Task.Step != step {
			step = c.Task.Step
			fmt.Fprintf(w, "Step : %s\n", step)
		}
		if byTask && c.Task.ID != task {
			task = c.Task.ID
			fmt.Fprintf(w, "\tTask: %d\n", task)
		}
		id := c.ID
		if id == "" {
			id = "None"
		}
		fmt.Fprintf(w, "\n        Card Id: %s\n        Card Type: %s\n        Card Hash: %s\n        Card Path: %s\n",
			id, c.Type, c.UUID, c.Pathspec()+"/cards/"+cardName(c))
	}
	fmt.Fprintln(w)
}

// one returns the card if one is meant; of several it tells how to name one, and returns nil.
func (q *cardQuery) one(ctx context.Context, s *session, command string) (*service.Card, error) {
	cards, err := q.find(ctx, s)
	if err != nil {
		return nil, err
	}
	if len(cards) == 1 {
		return &cards[0], nil
	}
	if s.global.json {
		return nil, printCards(s, cards)
	}
	s.cardBlocks(cards, false)
	c := cards[0]
	fmt.Fprintf(s.env.Stderr, "Name one of them, for example:\n    %s %d/%s/%d --hash %s\n", s.program("card "+command), c.Task.Run, c.Task.Step, c.Task.ID, c.UUID[:min(5, len(c.UUID))])
	return nil, nil
}

// cardGet is `card get`.
type cardGet struct {
	cardQuery
	path string
}

func (c *cardGet) arguments() []argument {
	return []argument{c.argument(true), {name: "PATH", help: "The file to write. Default: stdout.", set: func(word string) error { c.path = word; return nil }}}
}

func (c *cardGet) run(ctx context.Context, s *session) error {
	card, err := c.one(ctx, s, "get")
	if err != nil || card == nil {
		return err
	}
	if c.path == "" {
		return s.copyCard(ctx, *card, s.env.Stdout)
	}
	return s.saveCard(ctx, *card, s.path(c.path))
}

func (s *session) copyCard(ctx context.Context, c service.Card, w io.Writer) error {
	r, err := s.store.Service.CardHTML(ctx, c)
	if err != nil {
		return err
	}
	defer r.Close()
	_, err = io.Copy(w, r)
	return err
}

// saveCard writes a card to a file, which it replaces only when the card is whole.
func (s *session) saveCard(ctx context.Context, c service.Card, path string) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".card-*")
	if err != nil {
		return fault.Of("write card", path, err)
	}
	defer os.Remove(f.Name())
	err = s.copyCard(ctx, c, f)
	if e := f.Close(); err == nil {
		err = fault.Of("write card", path, e)
	}
	if err == nil {
		err = fault.Of("write card", path, os.Chmod(f.Name(), 0o644))
	}
	if err == nil {
		err = fault.Of("write card", path, os.Rename(f.Name(), path))
	}
	return err
}

// cardView is `card view`.
type cardView struct{ cardQuery }

func (c *cardView) arguments() []argument { return []argument{c.argument(true)} }

func (c *cardView) run(ctx context.Context, s *session) error {
	card, err := c.one(ctx, s, "view")
	if err != nil || card == nil {
		return err
	}
	dir, err := os.MkdirTemp("", "levada-card-")
	if err != nil {
		return fault.Of("view card", os.TempDir(), err)
	}
	path := filepath.Join(dir, cardName(*card))
	if err := s.saveCard(ctx, *card, path); err != nil {
		return err
	}
	switch {
	case card.Failed:
		s.inform("The step failed: this is the card as it was at that point.")
	case card.Live:
		s.inform("The task is still running: this is the card as it is now. `levada card server` shows it as it changes.")
	}
	return s.browse(path)
}

// browse opens a file or a URL in the browser; where there is none it is named.
func (s *session) browse(what string) error {
	if s.env.Browse == nil {
		s.inform("Open it in a browser: %s", what)
		return nil
	}
	if err := s.env.Browse(what); err != nil {
		s.inform("The browser could not be started (%v). Open it yourself: %s", err, what)
		return nil
	}
	s.inform("Opened in the browser: %s", what)
	return nil
}
