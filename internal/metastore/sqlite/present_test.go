package sqlite_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/levadahq/levada/internal/fault"
	"github.com/levadahq/levada/internal/metastore"
	"github.com/levadahq/levada/internal/metastore/sqlite"
)

// A store that is deleted, moved or replaced while it is open takes nothing more: what SQLite
// writes then is in a file without a name.
func TestAStoreThatIsGoneTakesNothing(t *testing.T) {
	ctx := t.Context()
	for name, lose := range map[string]func(folder string) error{
		"deleted":    os.RemoveAll,
		"moved away": func(folder string) error { return os.Rename(folder, folder+".old") },
		"replaced": func(folder string) error {
			if err := os.RemoveAll(folder); err != nil {
				return err
			}
			other, err := sqlite.Open(ctx, folder, sqlite.Options{})
			if err != nil {
				return err
			}
			return other.Close()
		},
	} {
		t.Run(name, func(t *testing.T) {
			folder := filepath.Join(t.TempDir(), "store")
			s, err := sqlite.Open(ctx, folder, sqlite.Options{Linger: -1})
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			run, err := s.CreateRun(ctx, metastore.Run{Flow: "F", Status: metastore.RunRunning}, metastore.Beginning{})
			if err != nil {
				t.Fatal(err)
			}
			if err := s.Present(); err != nil {
				t.Errorf("while it is there: %v", err)
			}
			if err := lose(folder); err != nil {
				t.Fatal(err)
			}
			recorded := make(chan error, 1)
			s.Record(metastore.Record{Task: &metastore.Task{Run: run, ID: 1, Step: "start"}, Soon: true, Done: func(err error) { recorded <- err }})
			_, created := s.CreateRun(ctx, metastore.Run{Flow: "F"}, metastore.Beginning{})
			for what, err := range map[string]error{
				"it is there": s.Present(), "a record": <-recorded, "a new run": created, "a heartbeat": s.Beat(ctx, run, time.Now()),
				"the end of a run": s.EndRun(ctx, run, metastore.RunEnd{Status: metastore.RunSucceeded}),
			} {
				if !fault.Is(err, fault.NotFound) || !strings.Contains(err.Error(), "while it was in use") || fault.HintOf(err) == "" {
					t.Errorf("%s: %v", what, err)
				}
			}
		})
	}
}
