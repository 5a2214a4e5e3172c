package runner

import (
	"context"
	"testing"

	"github.com/levadahq/levada/internal/engine"
	"github.com/levadahq/levada/internal/metastore"
)

// farAway is a store that takes its time for the scopes of a run.
type farAway struct {
	metastore.Store
	asked, answer chan struct{}
}

func (f farAway) Scopes(context.Context, int64) ([]metastore.Scope, error) {
	close(f.asked)
	<-f.answer
	return nil, nil
}

// TestElementsThatAreFetchedHoldUpNoOthers: the loop needs those of other foreaches meanwhile.
func TestElementsThatAreFetchedHoldUpNoOthers(t *testing.T) {
	r := newTalker(t).r
	store := farAway{r.Store, make(chan struct{}), make(chan struct{})}
	r.Store = store
	failed := make(chan error)
	go func() {
		_, err := r.openItems(1)
		failed <- err
	}()
	<-store.asked
	others := &foreachItems{codec: "json"}
	r.keepItems(engine.TaskID(2), others)
	if it, err := r.openItems(2); it != others || err != nil {
		t.Errorf("%v, %v", it, err)
	}
	close(store.answer)
	if err := <-failed; err == nil {
		t.Error("elements that are nowhere were found")
	}
}
