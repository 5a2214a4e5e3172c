package service

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"slices"
	"time"

	"github.com/levadahq/levada/internal/fault"
	"github.com/levadahq/levada/internal/livecard"
	"github.com/levadahq/levada/internal/metastore"
)

// Card is one card of a task.
type Card struct {
	metastore.Card
	Flow    string
	Task    metastore.Task
	Attempt int
	Live    bool      // it is not recorded yet: its task runs, or its engine died meanwhile
	Failed  bool      // its attempt did not come to the end of the step: it has what was shown by then
	Changed time.Time // when a live one was shown last
	given   json.RawMessage
}

// Pathspec names the task of the card: "Flow/12/train/3".
func (c Card) Pathspec() string {
	return Pathspec{Flow: c.Flow, Run: c.Task.Run, Step: c.Task.Step, Task: c.Task.ID}.String()
}

// OriginPathspec names the task in the run where it really ran, empty if that is this one.
func (c Card) OriginPathspec() string {
	if c.Task.Origin == 0 {
		return ""
	}
	return Pathspec{Flow: c.Flow, Run: c.Task.Origin, Step: c.Task.Step, Task: c.Task.ID}.String()
}

// Cards returns the cards of the tasks that a pathspec names, in the order of tasks and of the step's decorators: those
// of the last attempt that has some. A task that runs has the cards that it has shown so far. NotFound if there is no
// such run, step or task; a task without cards is no error.
func (s *Service) Cards(ctx context.Context, p Pathspec) ([]Card, error) {
	run, err := s.RunOf(ctx, p)
	if err != nil {
		return nil, err
	}
	var only []int64
	if p.Task >= 0 {
		only = []int64{p.Task}
	}
	// Live ones first: one that is recorded meanwhile is then found twice, not missed.
	dir, err := s.c.Look(ctx, p.Run, "")
	if err != nil {
		return nil, err
	}
	live, err := livecard.List(dir)
	if err != nil {
		return nil, err
	}
	latest := make(map[int64][]Card)
	add := func(task int64, c Card) {
		known := latest[task]
		switch {
		case len(known) > 0 && known[0].Attempt > c.Attempt:
			return
		case len(known) > 0 && known[0].Attempt < c.Attempt:
			known = nil
		}
		known = slices.DeleteFunc(known, func(k Card) bool { return k.Position == c.Position })
		latest[task] = append(known, c)
	}
	for _, l := range live {
		if p.Task < 0 || l.Task == p.Task {
			add(l.Task, Card{
				Card:    metastore.Card{Position: l.Position, Type: l.Type, ID: l.ID, UUID: l.UUID, Size: l.Size},
				Attempt: l.Attempt, Live: true, Changed: l.Changed, given: l.Data,
			})
		}
	}
	for c, err := range s.c.Store.Cards(ctx, p.Run, only) {
		if err != nil {
			return nil, err
		}
		add(c.Task, Card{Card: c.Card, Attempt: c.Attempt})
	}
	cards, err := s.ofTasks(ctx, run.Flow, p, latest)
	if err != nil {
		return nil, err
	}
	return cards, s.markFailed(ctx, run, cards)
}

// markFailed marks the cards of attempts that did not come to the end of their step.
func (s *Service) markFailed(ctx context.Context, run metastore.Run, cards []Card) error {
	var ids []int64
	for _, c := range cards {
		ids = append(ids, c.Task.ID)
	}
	type attempt struct {
		task int64
		n    int
	}
	failed := map[attempt]bool{}
	for a, err := range s.c.Store.AttemptsOf(ctx, run.ID, slices.Compact(ids)) {
		if err != nil {
			return err
		}
		died := a.Status == metastore.AttemptRunning && run.Status != metastore.RunRunning
		failed[attempt{a.Task, a.N}] = a.Status != metastore.AttemptSucceeded && a.Status != metastore.AttemptRunning || died
	}
	for i, c := range cards {
		cards[i].Failed = failed[attempt{c.Task.ID, c.Attempt}]
	}
	return nil
}

// ofTasks puts the cards of tasks in order and fills in their tasks, of the step that is asked for.
func (s *Service) ofTasks(ctx context.Context, flow string, p Pathspec, latest map[int64][]Card) ([]Card, error) {
	ids := []int64{}
	for id := range latest {
		ids = append(ids, id)
	}
	if p.Task >= 0 {
		ids = []int64{p.Task}
	}
	var all []Card
	found := false
	for t, err := range s.c.Store.Tasks(ctx, metastore.TaskFilter{Run: p.Run, Step: p.Step, After: -1, IDs: ids}) {
		if err != nil {
			return nil, err
		}
		found = true
		cards := latest[t.ID]
		slices.SortFunc(cards, func(a, b Card) int { return cmp.Compare(a.Position, b.Position) })
		for _, c := range cards {
			c.Flow, c.Task = flow, t
			all = append(all, c)
		}
	}
	if found || p.Step == "" {
		return all, nil
	}
	if p.Task < 0 { // a step whose tasks have no cards
		for _, err := range s.c.Store.Tasks(ctx, metastore.TaskFilter{Run: p.Run, Step: p.Step, After: -1, Limit: 1}) {
			return nil, err
		}
	}
	return nil, s.noTask(ctx, p)
}

// CardHTML returns the page of a card. Corrupt if it is not what was stored.
func (s *Service) CardHTML(ctx context.Context, c Card) (io.ReadCloser, error) {
	if !c.Live {
		return s.c.Data.Reader(ctx, c.HTML)
	}
	dir, err := s.c.Look(ctx, c.Task.Run, "")
	if err != nil {
		return nil, err
	}
	f, err := os.Open(livecard.File(dir, livecard.Card{Task: c.Task.ID, Attempt: c.Attempt, Position: c.Position}))
	if err == nil {
		return f, nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return nil, fault.Wrap(fault.Internal, "read a card", err)
	}
	// It was recorded since it was found.
	cards, err := s.Cards(ctx, Pathspec{Run: c.Task.Run, Step: c.Task.Step, Task: c.Task.ID})
	if err != nil {
		return nil, err
	}
	for _, other := range cards {
		if other.UUID == c.UUID && !other.Live {
			return s.c.Data.Reader(ctx, other.HTML)
		}
	}
	return nil, fault.New(fault.NotFound, "the card is still being recorded").On(c.Pathspec()).Do("try again in a moment")
}

// CardData returns what the step last gave to readers of a card, as JSON; nil if nothing.
func (s *Service) CardData(ctx context.Context, c Card) (json.RawMessage, error) {
	if c.Live {
		return bytes.TrimSpace(c.given), nil
	}
	if c.Data == (metastore.Hash{}) {
		return nil, nil
	}
	data, err := s.c.Data.Blob(ctx, c.Data)
	if err == nil && !json.Valid(data) { // which earlier versions stored; it would make the whole answer unreadable
		err = fault.New(fault.Corrupt, "the data of a card is no JSON").On(c.Pathspec()).Do("run the step again; the card itself can be read")
	}
	return data, err
}
