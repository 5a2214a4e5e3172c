package api

import (
	"context"
	"encoding/json"
	"io"

	"github.com/levadahq/levada/internal/fault"
	"github.com/levadahq/levada/internal/service"
)

// CardsRequest asks for the cards of a run, or of one of its tasks.
type CardsRequest struct {
	Run  int64  `json:"run"`
	Step string `json:"step"`
	Task *int64 `json:"task"` // nil: all tasks, of the step if one is named
	Data bool   `json:"data"` // with what the steps gave to readers
}

// CardsResult is cards, in the order of tasks and of their steps' decorators.
type CardsResult struct {
	Cards []Card `json:"cards"`
}

// Card is a card of a task: a report, as an HTML file.
type Card struct {
	Run      int64           `json:"run"`
	Step     string          `json:"step"`
	Task     int64           `json:"task"`
	Attempt  int             `json:"attempt"`
	Position int             `json:"position"` // among the cards of the step
	Type     string          `json:"type"`
	ID       string          `json:"id,omitempty"` // that the step names it by
	UUID     string          `json:"uuid"`
	Size     int64           `json:"size"`             // of the HTML, bytes
	Hash     string          `json:"hash,omitempty"`   // of the HTML; a live card has none
	Live     bool            `json:"live"`             // not recorded yet: it may still change
	Failed   bool            `json:"failed"`           // its attempt did not come to the end of the step
	Changed  Time            `json:"changed"`          // when a live card was shown last
	Origin   int64           `json:"origin,omitempty"` // run in which the task really ran
	Data     json.RawMessage `json:"data,omitempty"`
}

// OpenCardRequest asks for the HTML of a card.
type OpenCardRequest struct {
	Run  int64  `json:"run"`
	Task int64  `json:"task"`
	UUID string `json:"uuid"`
}

// Cards returns the cards of tasks: those of the last attempt that has some.
// NotFound if there is no such run, step or task.
func (s *Service) Cards(ctx context.Context, q CardsRequest) (CardsResult, error) {
	found, err := s.cards(ctx, q.Run, q.Step, q.Task)
	if err != nil {
		return CardsResult{}, err
	}
	res := CardsResult{Cards: make([]Card, len(found))}
	for i, c := range found {
		res.Cards[i] = Card{
			Run: c.Task.Run, Step: c.Task.Step, Task: c.Task.ID, Attempt: c.Attempt, Position: c.Position, Type: c.Type, ID: c.ID, UUID: c.UUID,
			Size: c.Size, Hash: hashText(c.HTML), Live: c.Live, Failed: c.Failed, Changed: TimeOf(c.Changed), Origin: c.Task.Origin,
		}
		if q.Data {
			if res.Cards[i].Data, err = s.c.Cases.CardData(ctx, c); err != nil {
				return CardsResult{}, err
			}
		}
	}
	return res, nil
}

func (s *Service) cards(ctx context.Context, run int64, step string, task *int64) ([]service.Card, error) {
	p := service.Pathspec{Run: run, Step: step, Task: -1}
	if task != nil {
		p.Task = *task
		if step == "" {
			_, t, err := s.task(ctx, run, *task)
			if err != nil {
				return nil, err
			}
			p.Step = t.Step
		}
	}
	return s.c.Cases.Cards(ctx, p)
}

// OpenCard streams the HTML of a card. NotFound.
func (s *Service) OpenCard(ctx context.Context, q OpenCardRequest) (io.ReadCloser, error) {
	found, err := s.cards(ctx, q.Run, "", &q.Task)
	if err != nil {
		return nil, err
	}
	for _, c := range found {
		if c.UUID == q.UUID {
			return s.c.Cases.CardHTML(ctx, c)
		}
	}
	return nil, fault.New(fault.NotFound, "task %d of run %d has no card %s", q.Task, q.Run, q.UUID)
}
