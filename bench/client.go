package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/levadahq/levada/internal/local"
	"github.com/levadahq/levada/internal/metastore"
)

// looks are what client measures on the same history, in the order of the table.
var looks = []struct{ name, what string }{
	{"first", "import, start and the latest run"},
	{"latest", "`latest_run`"},
	{"model", "`latest_run['train'].task.data.model`"},
	{"tasks", "list the tasks of a step"},
	{"models", "load an artifact of each of them"},
	{"stdout", "`task.stdout`"},
}

// client measures what people wait for who look at runs from Python, against the reference's client.
func client(ctx context.Context, b *bench) ([]row, error) {
	runs, tasks := b.size(100, 10), b.size(100, 30)
	dir := b.folder()
	defer os.RemoveAll(dir)
	for range runs {
		if _, err := b.run(ctx, b.flow(dir, "history.py", "--n", strconv.Itoa(tasks))); err != nil {
			return nil, err
		}
	}
	ours, err := b.look(ctx, dir, true, "latest", "model", "tasks", "models", "stdout")
	if err != nil {
		return nil, err
	}
	theirs := map[string]time.Duration{}
	if b.reference {
		other := b.folder()
		defer os.RemoveAll(other)
		if _, err := b.run(ctx, b.referenceFlow(other, "history.py", "--n", strconv.Itoa(tasks))); err != nil {
			return nil, err
		}
		if err := repeatReferenceRun(filepath.Join(other, ".metaflow", "HistoryFlow"), runs-1); err != nil {
			return nil, err
		}
		if theirs, err = b.look(ctx, other, false, "latest", "model", "tasks", "models", "stdout"); err != nil {
			return nil, err
		}
	}
	work := fmt.Sprintf("client, %d runs of %d tasks", runs, tasks)
	var rows []row
	for _, l := range looks {
		r := row{work: work, measured: fmt.Sprintf("%s: %s", l.what, seconds(ours[l.name]))}
		if b.reference {
			r.measured += fmt.Sprintf("; Metaflow: %s", seconds(theirs[l.name]))
			r.ratio = fmt.Sprintf("1/%.1f", per(theirs[l.name], ours[l.name]))
		}
		rows = append(rows, r)
	}
	more, err := clientLarge(ctx, b)
	return append(rows, more...), err
}

// repeatReferenceRun makes more runs like the only one in the folder of the reference's flow: a run is a folder of
// small files, in which its id is the name of the folder and a text in some of them.
func repeatReferenceRun(flow string, times int) error {
	found, err := filepath.Glob(filepath.Join(flow, "[0-9]*"))
	if err != nil || len(found) != 1 {
		return fmt.Errorf("there is not one run in %s: %v, %v", flow, found, err)
	}
	first, err := strconv.ParseInt(filepath.Base(found[0]), 10, 64)
	if err != nil {
		return err
	}
	for i := range int64(times) {
		was, id := strconv.FormatInt(first, 10), strconv.FormatInt(first+i+1, 10)
		err := filepath.WalkDir(found[0], func(path string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			to := strings.Replace(path, was, id, 1)
			if d.IsDir() {
				return os.Mkdir(to, 0o755)
			}
			text, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			return os.WriteFile(to, bytes.ReplaceAll(text, []byte(was), []byte(id)), 0o644)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// clientLarge measures the client on a store of many runs, and on a run of many tasks.
func clientLarge(ctx context.Context, b *bench) ([]row, error) {
	runs, tasks := b.size(10_000, 1000), b.size(10_000, 1000)
	dir := b.folder()
	defer os.RemoveAll(dir)
	if _, err := b.run(ctx, b.flow(dir, "history.py", "--n", "1")); err != nil {
		return nil, err
	}
	if err := repeatRun(ctx, filepath.Join(dir, ".levada"), runs-1); err != nil {
		return nil, err
	}
	got, err := b.look(ctx, dir, true, "model", "runs")
	if err != nil {
		return nil, err
	}
	rows := []row{{
		work: fmt.Sprintf("client, a store of %s runs", thousands(runs)), reach: "`latest_run['train'].task.data.model` ≤ 30 ms once it is up",
		measured: fmt.Sprintf("%s; from the import on, `latest_run` took %s", seconds(got["model"]), seconds(got["first"])),
		ratio:    seconds(got["model"]), met: verdictOf(got["model"] <= 30*time.Millisecond),
	}, {
		work:     fmt.Sprintf("client, a store of %s runs", thousands(runs)),
		measured: "go through all runs: " + seconds(got["runs"]), ratio: fmt.Sprintf("%.0f runs/s", float64(runs)/got["runs"].Seconds()),
	}}
	if _, err := b.run(ctx, b.flow(dir, "history.py", "--n", strconv.Itoa(tasks))); err != nil {
		return nil, err
	}
	if got, err = b.look(ctx, dir, true, "tasks"); err != nil {
		return nil, err
	}
	return append(rows, row{
		work: fmt.Sprintf("client, a run of %s tasks", thousands(tasks)), measured: "list them: " + seconds(got["tasks"]), ratio: rate(tasks, got["tasks"]),
	}), nil
}

// repeatRun makes more runs like the first of a store: with its tasks, as a resumed run has those of its origin.
func repeatRun(ctx context.Context, home string, times int) error {
	store, err := local.Open(ctx, local.Where{Path: home, Access: local.Change})
	if err != nil {
		return err
	}
	defer store.Close()
	meta := store.Config.Store
	run, err := meta.Run(ctx, 1)
	if err != nil {
		return err
	}
	begin := metastore.Beginning{From: 1}
	for t, err := range meta.Tasks(ctx, metastore.TaskFilter{Run: 1, After: -1}) {
		if err != nil {
			return err
		}
		begin.Tasks = append(begin.Tasks, t.ID)
	}
	for range times {
		if _, err := meta.CreateRun(ctx, run, begin); err != nil {
			return err
		}
	}
	return nil
}

// look runs look.py in a folder with Levada's client or the reference's and returns what it measured.
func (b *bench) look(ctx context.Context, dir string, ours bool, names ...string) (map[string]time.Duration, error) {
	c := command{dir: dir, args: append([]string{b.python, b.file("look.py"), strconv.Itoa(b.size(10, 3))}, names...)}
	c.env = b.referenceFlow(dir, "history.py").env
	if ours {
		c.env = append(c.env, "PYTHONPATH="+filepath.Join(b.root, "python"), "LEVADA_BIN="+b.levada)
	}
	r, err := b.run(ctx, c)
	if err != nil {
		return nil, err
	}
	text, err := os.ReadFile(r.log)
	if err != nil {
		return nil, err
	}
	var times map[string]float64
	if err := json.Unmarshal(text, &times); err != nil {
		return nil, fmt.Errorf("look.py printed %q: %w", firstLine(string(text)), err)
	}
	found := make(map[string]time.Duration, len(times))
	for name, s := range times {
		found[name] = time.Duration(s * float64(time.Second))
	}
	return found, nil
}
