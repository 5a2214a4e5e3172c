package upkeep

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/levadahq/levada/internal/blob"
	"github.com/levadahq/levada/internal/datastore"
	"github.com/levadahq/levada/internal/metastore"
)

// TestDecide has a value of 10 bytes in a file, another of 1 byte in the
// database, a log of 100 bytes, or something else.
func TestDecide(t *testing.T) {
	succeeded := func(id int64) metastore.Run { return metastore.Run{ID: id, Status: metastore.RunSucceeded} }
	goes, stays, newer := succeeded(1), succeeded(2), succeeded(3)
	large, small := metastore.Hash{1}, metastore.Hash{2}
	living := engines{living: true, oldest: noon}
	logOf := func(run int64) logFile { return logFile{logKey: logKey{run, 5, 0}, path: "a log", size: 100} }
	card := logFile{logKey: logKey{run: 2}, card: true, path: "a card", size: 1000}

	type outcome struct {
		Files, Rows, Logs, Parts                      int
		Shares                                        map[int64]int64
		Unneeded, Held, Left, Unclaimed, BeingWritten int64
	}
	for name, test := range map[string]struct {
		runs, gone []metastore.Run
		engines    engines
		stored     time.Time // the file
		refer      []int64   // runs to both values
		logs       []logFile
		carried    []metastore.CarriedLog
		parts      []blob.Part
		force      bool
		want       outcome
	}{
		"what a run alone needs goes with it": {
			runs: []metastore.Run{stays, goes}, gone: []metastore.Run{goes}, refer: []int64{1}, logs: []logFile{logOf(1), logOf(2)},
			want: outcome{Files: 1, Rows: 1, Logs: 1, Shares: map[int64]int64{1: 111}},
		},
		"what another needs stays": {
			runs: []metastore.Run{stays, goes}, gone: []metastore.Run{goes}, refer: []int64{1, 2}, logs: []logFile{logOf(1)},
			carried: []metastore.CarriedLog{{Run: 1, Task: 5, Needs: 2}},
			want:    outcome{Shares: map[int64]int64{1: 0}},
		},
		"what several need that go counts for the newest": {
			runs: []metastore.Run{newer, goes}, gone: []metastore.Run{newer, goes}, refer: []int64{1, 3}, logs: []logFile{logOf(1)},
			carried: []metastore.CarriedLog{{Run: 1, Task: 5, Needs: 3}},
			want:    outcome{Files: 1, Rows: 1, Logs: 1, Shares: map[int64]int64{1: 100, 3: 11}},
		},
		"what nobody needs goes": {
			runs: []metastore.Run{stays}, logs: []logFile{logOf(1)},
			want: outcome{Files: 1, Rows: 1, Logs: 1, Unneeded: 111},
		},
		"a log of a run that came meanwhile stays": {
			runs: []metastore.Run{stays}, refer: []int64{2}, logs: []logFile{logOf(4)},
		},
		"a young file stays beside an engine": {
			runs: []metastore.Run{stays}, engines: living, stored: noon.Add(time.Minute),
			want: outcome{Rows: 1, Unneeded: 1, Held: 10},
		},
		"an old file goes beside an engine": {
			runs: []metastore.Run{stays}, engines: living, stored: ago(time.Minute),
			want: outcome{Files: 1, Rows: 1, Unneeded: 11},
		},
		"cards of a run that is over go": {
			runs: []metastore.Run{stays}, refer: []int64{2}, logs: []logFile{card},
			want: outcome{Logs: 1, Left: 1000},
		},
		"cards of a run that goes on stay": {
			runs: []metastore.Run{{ID: 2, Status: metastore.RunRunning}}, refer: []int64{2}, logs: []logFile{card},
		},
		"leftovers go": {
			runs: []metastore.Run{stays}, refer: []int64{2}, engines: engines{left: []leftover{{"a folder", 7}}, kept: 3},
			parts: []blob.Part{{Bytes: 20, Writer: blob.Gone, Changed: noon}, {Bytes: 40, Writer: blob.Unknown, Changed: ago(2 * time.Minute)}},
			want:  outcome{Parts: 2, Left: 67, BeingWritten: 3},
		},
		"a file that may be being written stays beside an engine": {
			runs: []metastore.Run{stays}, refer: []int64{2}, engines: living,
			parts: []blob.Part{{Bytes: 40, Writer: blob.Unknown, Changed: ago(2 * time.Minute)}},
			want:  outcome{BeingWritten: 40},
		},
		"files of a store without runs stay": {
			logs: []logFile{logOf(1)},
			want: outcome{Rows: 1, Unneeded: 1, Unclaimed: 10},
		},
		"with force they go": {
			logs: []logFile{logOf(1)}, force: true,
			want: outcome{Files: 1, Rows: 1, Unneeded: 11},
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := found{
				now: noon, runs: test.runs, gone: test.gone, engines: test.engines, logs: test.logs, parts: test.parts,
				files: []datastore.File{{Hash: large, Size: 10, Stored: test.stored}}, rows: []metastore.Hash{small},
				account: newLedger(test.runs, test.gone),
			}
			f.account.stored(large, 10, f.engines.holds(f.files[0]))
			f.account.stored(small, 1, false)
			for _, run := range test.refer {
				f.account.refers(run, large)
				f.account.refers(run, small)
			}
			for _, c := range test.carried {
				f.account.needs(c)
			}
			p := decide(f, test.force)
			got := outcome{
				Files: len(p.files), Rows: len(p.rows), Logs: len(p.logs), Parts: len(p.parts), Unneeded: p.Unneeded, Held: p.Held,
				Left: p.LeftBehind, Unclaimed: p.Unclaimed, BeingWritten: p.Unfinished,
			}
			for _, s := range p.Runs {
				if got.Shares == nil {
					got.Shares = make(map[int64]int64)
				}
				got.Shares[s.Run.ID] = s.Bytes
			}
			if d := cmp.Diff(test.want, got); d != "" {
				t.Errorf("what goes (-want +got):\n%s", d)
			}
		})
	}
}
