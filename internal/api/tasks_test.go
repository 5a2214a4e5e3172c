package api_test

import (
	"crypto/sha256"
	"encoding/json"
	"testing"

	"github.com/levadahq/levada/internal/api"
	"github.com/levadahq/levada/internal/api/apitest"
	"github.com/levadahq/levada/internal/graph"
	"github.com/levadahq/levada/internal/metastore"
)

// A task of a run that goes on has ended for good when the engine would not try it again.
func TestFinishedIsNotTriedAgain(t *testing.T) {
	s := apitest.New(t)
	def, err := json.Marshal(&graph.Flow{
		Version: graph.DefinitionVersion, Name: "Caught", File: "/code/caught.py", Language: "python", Runtime: "3.11.7",
		Steps: []graph.Step{
			{Name: "start", Args: 1, Line: 10, Decorators: []graph.Decorator{{Name: "catch"}}, Next: &graph.Next{Kind: graph.NextLinear, Targets: []string{"end"}}},
			{Name: "end", Args: 1, Line: 20},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	hash := sha256.Sum256(def)
	for _, c := range []struct {
		what     string
		attempt  metastore.Attempt
		finished bool
	}{
		{"it died", metastore.Attempt{Signal: 9}, false},
		{"nothing is known of its end", metastore.Attempt{Exception: &metastore.Exception{Type: "Lost"}}, false},
		{"it was too late", metastore.Attempt{Exception: &metastore.Exception{Type: "timeout"}}, false},
		{"it raised", metastore.Attempt{Exception: &metastore.Exception{Type: "ValueError"}}, true},
		{"it wants no other", metastore.Attempt{ExitCode: 202}, true},
		{"a fallback died", metastore.Attempt{N: 2, Signal: 9}, false},
		{"the last fallback died", metastore.Attempt{N: 3, Signal: 9}, true},
	} {
		run, err := s.Meta.CreateRun(t.Context(), metastore.Run{
			Flow: "Caught", Status: metastore.RunRunning, Created: apitest.Start, FailedTask: -1, Definition: hash,
			Lease: metastore.Lease{Host: "elsewhere", Heartbeat: apitest.Start},
		}, metastore.Beginning{First: []metastore.Record{{Blobs: []metastore.Blob{{Hash: hash, Data: def}}}}})
		if err != nil {
			t.Fatal(err)
		}
		a, done := c.attempt, make(chan error, 1)
		a.Run, a.Task, a.Status, a.Started, a.Ended = run, 1, metastore.AttemptFailed, apitest.Start, apitest.Start
		s.Meta.Record(metastore.Record{
			Task:    &metastore.Task{Run: run, ID: 1, Step: "start", Scope: -1, Created: apitest.Start},
			Attempt: &a, Done: func(err error) { done <- err },
		})
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		res, err := s.Tasks(t.Context(), api.TasksRequest{Run: run})
		if err != nil || len(res.Tasks) != 1 {
			t.Fatalf("%s: %+v, %v", c.what, res, err)
		}
		if got := res.Tasks[0].Finished; got != c.finished {
			t.Errorf("%s: finished is %v", c.what, got)
		}
	}
}
