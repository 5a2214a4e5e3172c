package metastoretest

import (
	"fmt"
	"testing"

	"github.com/levadahq/levada/internal/fault"
	"github.com/levadahq/levada/internal/metastore"
)

func card(position int, name string) metastore.Card {
	return metastore.Card{
		Position: position, Type: "default", ID: name, UUID: fmt.Sprintf("%032x", position), HTML: hashOf("html " + name), Size: 1000 + int64(position),
	}
}

func testCards(t *testing.T, s metastore.Store) {
	run, other := newRun(t, s), newRun(t, s)
	withData := card(0, "b")
	withData.Data = hashOf("data")
	for _, r := range []metastore.Record{
		{Task: task(run, 2, "work"), Attempt: attempt(run, 2, 0, metastore.AttemptFailed), Cards: []metastore.Card{card(0, "failed")}},
		{Attempt: attempt(run, 2, 1, metastore.AttemptSucceeded), Cards: []metastore.Card{card(1, ""), card(0, "old")}},
		{Attempt: attempt(run, 2, 1, metastore.AttemptSucceeded), Cards: []metastore.Card{withData}},
		{Task: task(run, 1, "start"), Attempt: attempt(run, 1, 0, metastore.AttemptSucceeded), Cards: []metastore.Card{card(0, "a")}},
		{Task: task(other, 1, "start"), Attempt: attempt(other, 1, 0, metastore.AttemptSucceeded), Cards: []metastore.Card{card(0, "other")}},
	} {
		must(t, record(s, r))
	}
	wantKind(t, "a card without an attempt", record(s, metastore.Record{Cards: []metastore.Card{card(0, "x")}}), fault.Internal)

	first := metastore.TaskCard{Task: 1, Card: card(0, "a")}
	good := []metastore.TaskCard{{Task: 2, Attempt: 1, Card: withData}, {Task: 2, Attempt: 1, Card: card(1, "")}}
	second := append([]metastore.TaskCard{{Task: 2, Card: card(0, "failed")}}, good...)
	equal(t, "all cards", collect(t, s.Cards(ctx, run, nil)), append([]metastore.TaskCard{first}, second...))
	equal(t, "cards of a task", collect(t, s.Cards(ctx, run, []int64{2, 2, 9})), second)
	equal(t, "cards of no task", collect(t, s.Cards(ctx, run, []int64{})), nil)

	resumed, err := s.CreateRun(ctx, metastore.Run{Flow: "F", Origin: run}, metastore.Beginning{From: run, Tasks: []int64{1, 2}})
	must(t, err)
	carried := append([]metastore.TaskCard{first}, good...)
	equal(t, "cards of a resumed run", collect(t, s.Cards(ctx, resumed, nil)), carried)

	var refs []string
	for _, r := range collect(t, s.References(ctx, metastore.RunSet{Runs: []int64{resumed}, After: resumed})) {
		refs = append(refs, fmt.Sprintf("%d/%d/%d %s %x", r.Run, r.Task, r.Attempt, r.Name, r.Hash[:2]))
	}
	want := []string{}
	for _, c := range carried {
		want = append(want, fmt.Sprintf("%d/%d/%d %s %x", resumed, c.Task, c.Attempt, metastore.ReferenceCard, c.HTML[:2]))
	}
	want = append(want, fmt.Sprintf("%d/2/1 %s %x", resumed, metastore.ReferenceCardData, withData.Data[:2]))
	equal(t, "references", sorted(refs), sorted(want))

	must(t, s.Remove(ctx, []int64{run}))
	equal(t, "cards of a removed run", collect(t, s.Cards(ctx, run, nil)), nil)
	equal(t, "cards of the resumed run", collect(t, s.Cards(ctx, resumed, nil)), carried)
}
