package client_test

import (
	"context"
	"errors"
	"io"
	"iter"
	"math/big"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/levadahq/levada/client"
)

func must[T any](v T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func TestObjects(t *testing.T) {
	ctx := t.Context()
	c := open(t, "")
	flows := must(c.Flows(ctx))(t)
	if len(flows) != 1 || flows[0].Name != "TrainFlow" || flows[0].Size != 3 {
		t.Errorf("flows %+v", flows)
	}
	run := must(c.Run(ctx, "TrainFlow/1"))(t)
	if run.User != "ann" || !run.Finished() || run.Ended.Before(run.Created) || run.Environment.Language != "python" || run.FailedTask != -1 ||
		run.Parameters["rate"] != "0.5" || !run.HasTag("user:ann") || !run.HasTag("first") || run.HasTag("second") {
		t.Errorf("run %+v", run)
	}
	var steps []string
	for _, s := range must(run.Steps(ctx))(t) {
		steps = append(steps, s.Path())
		if s.Name == "train" && (s.Counts.Succeeded != 3 || s.Counts.Ended.Before(s.Counts.Started)) {
			t.Errorf("counts %+v", s.Counts)
		}
	}
	if want := []string{"TrainFlow/1/start", "TrainFlow/1/train", "TrainFlow/1/choose", "TrainFlow/1/end"}; !slices.Equal(steps, want) {
		t.Errorf("steps %q", steps)
	}
	var tasks []string
	for task, err := range run.Tasks(ctx, client.TaskFilter{}) {
		if err != nil {
			t.Fatal(err)
		}
		tasks = append(tasks, strings.TrimPrefix(task.Path(), "TrainFlow/1/"))
		if !task.Finished || !task.Succeeded() || task.Latest().Ended.IsZero() {
			t.Errorf("task %+v", task)
		}
	}
	if want := []string{"start/1", "train/2", "train/3", "train/4", "choose/5", "end/6"}; !slices.Equal(tasks, want) {
		t.Errorf("tasks %q", tasks)
	}
	join := must(c.Task(ctx, "1/choose/5"))(t)
	names := func(list []*client.Task) (names []string) {
		for _, task := range list {
			names = append(names, strings.TrimPrefix(task.Path(), "TrainFlow/1/"))
		}
		return names
	}
	if got := names(must(join.Parents(ctx))(t)); !slices.Equal(got, []string{"train/2", "train/3", "train/4"}) {
		t.Errorf("parents %q", got)
	}
	if got := names(must(join.Children(ctx))(t)); !slices.Equal(got, []string{"end/6"}) {
		t.Errorf("children %q", got)
	}
	if known := must(join.Metadata(ctx))(t); known["script-name"] != "train.py" || known["attempt_ok"] != "True" {
		t.Errorf("metadata %v", known)
	}
	retried := must(c.Task(ctx, "1/train/4"))(t)
	if e := retried.Attempts[0].Exception; retried.Attempts[0].Status != client.Failed || e == nil || e.Error() != "ValueError: did not converge" || !strings.Contains(e.Traceback, "train.py") {
		t.Errorf("attempts %+v", retried.Attempts)
	}
	if list := must(retried.ArtifactsOf(ctx, 0))(t); slices.ContainsFunc(list, func(a *client.Artifact) bool { return a.Name == "loss" }) {
		t.Error("the failed attempt has a loss")
	}
	if again := must(retried.Reload(ctx))(t); !reflect.DeepEqual(again.Attempts, retried.Attempts) {
		t.Errorf("reloaded %+v", again)
	}
	// The parameters are artifacts of task 0.
	params := must(must(run.Step(ctx, "_parameters"))(t).Task(ctx))(t)
	if rate := must(client.Get[float64](ctx, params, "rate"))(t); rate != 0.5 || params.Index() != -1 {
		t.Errorf("rate %v", rate)
	}
	a := must(c.Artifact(ctx, "TrainFlow/1/end/6/best"))(t)
	if a.Path() != "TrainFlow/1/end/6/best" || a.Type != "float" || a.Codec != "pickle" || a.Size == 0 || len(a.SHA256) != 64 || a.Created.IsZero() || a.Task().Run().ID != 1 {
		t.Errorf("artifact %+v", a)
	}
	failed := must(c.LatestRun(ctx, "TrainFlow"))(t)
	if failed.ID != 3 || failed.Status != client.Failed || failed.FailedTask < 0 {
		t.Errorf("latest run %+v", failed)
	}
	if good := must(must(c.Flow(ctx, "TrainFlow"))(t).LatestSuccessfulRun(ctx))(t); good.ID != 2 {
		t.Errorf("latest good run %+v", good)
	}
}

func TestValues(t *testing.T) {
	ctx := t.Context()
	run := must(open(t, "").Run(ctx, "1"))(t)
	if v := must(client.Get[*big.Int](ctx, run, "big"))(t); v.BitLen() != 101 {
		t.Errorf("big %v", v)
	}
	if v := must(client.Get[time.Time](ctx, run, "day"))(t); !v.Equal(time.Date(2026, 11, 23, 14, 30, 0, 0, time.UTC)) {
		t.Errorf("day %v", v)
	}
	if v := must(client.Get[time.Duration](ctx, run, "took"))(t); v != 90*time.Second {
		t.Errorf("took %v", v)
	}
	if v := must(client.Get[string](ctx, run, "price"))(t); v != "1.20" {
		t.Errorf("price %v", v)
	}
	want := []any{nil, true, int64(1), "text", []any{1.5, []byte("bytes")}, map[string]any{"key": []any{int64(1), int64(2)}}}
	if v := must(client.Get[any](ctx, run, "mixed"))(t); !reflect.DeepEqual(v, any(want)) {
		t.Errorf("mixed %#v", v)
	}
	if v := must(client.Get[string](ctx, run, "table"))(t); v != "a,b\n" {
		t.Errorf("table %q", v)
	}
	if v := must(client.Get[[]byte](ctx, run, "table"))(t); string(v) != "a,b\n" {
		t.Errorf("table %q", v)
	}
	large := must(run.Artifact(ctx, "large"))(t)
	if v := must(client.Decode[[]byte](ctx, large))(t); len(v) != 200_000 {
		t.Errorf("%d bytes", len(v))
	}
	r := must(large.Open(ctx))(t)
	n := must(io.Copy(io.Discard, r))(t)
	if err := r.Close(); err != nil || n != large.Size {
		t.Errorf("%d bytes of %d, %v", n, large.Size, err)
	}
}

func TestErrors(t *testing.T) {
	ctx := t.Context()
	c := open(t, "")
	run := must(c.Run(ctx, "1"))(t)
	task := must(c.Task(ctx, "1/start/1"))(t)
	one := func(_ any, err error) error { return err }
	other := c.In("user:bob")
	for what, tc := range map[string]struct{ err, want error }{
		"no store":              {one(client.Open(ctx, client.Options{Store: filepath.Join(home, "nowhere")})), client.ErrNotFound},
		"no flow":               {one(c.Flow(ctx, "None")), client.ErrNotFound},
		"no latest run":         {one(c.LatestRun(ctx, "None")), client.ErrNotFound},
		"no run":                {one(c.Run(ctx, "99")), client.ErrNotFound},
		"run of another flow":   {one(c.Run(ctx, "Other/1")), client.ErrNotFound},
		"no step":               {one(c.Step(ctx, "1/nowhere")), client.ErrNotFound},
		"no task":               {one(c.Task(ctx, "1/start/99")), client.ErrNotFound},
		"task of another step":  {one(c.Task(ctx, "1/end/1")), client.ErrNotFound},
		"no artifact":           {one(task.Artifact(ctx, "none")), client.ErrNotFound},
		"no end":                {one(must(c.Run(ctx, "3"))(t).EndTask(ctx)), client.ErrNotFound},
		"path too long":         {one(c.Run(ctx, "1/start")), client.ErrInvalid},
		"path too short":        {one(c.Task(ctx, "TrainFlow/1")), client.ErrInvalid},
		"no path":               {one(c.Artifact(ctx, "x")), client.ErrInvalid},
		"run elsewhere":         {one(other.Run(ctx, "1")), client.ErrNamespace},
		"task elsewhere":        {one(other.Task(ctx, "1/start/1")), client.ErrNamespace},
		"flow elsewhere":        {one(other.Flow(ctx, "TrainFlow")), client.ErrNamespace},
		"a system tag":          {one(run.RemoveTags(ctx, "user:ann")), client.ErrInvalid},
		"an empty tag":          {one(run.AddTags(ctx, "fine", "")), client.ErrInvalid},
		"a type that misfits":   {one(client.Get[bool](ctx, run, "best")), client.ErrType},
		"a folder that is full": {one(run.UnpackCode(ctx, home)), client.ErrConflict},
	} {
		if !errors.Is(tc.err, tc.want) {
			t.Errorf("%s: %v, want %v", what, tc.err, tc.want)
		}
	}
	if got := must(run.Reload(ctx))(t); !slices.Equal(got.Tags, []string{"first"}) {
		t.Errorf("tags that were refused have changed the run: %q", got.Tags)
	}
	for r, err := range other.Runs(ctx, client.RunFilter{}) {
		t.Errorf("a run of another namespace: %v, %v", r, err)
	}
	if own := must(c.In("user:ann").LatestRun(ctx, "TrainFlow"))(t); own.ID != 3 {
		t.Errorf("latest run %d", own.ID)
	}
	ended, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := c.Run(ended, "1"); !errors.Is(err, context.Canceled) {
		t.Errorf("a context that ended: %v", err)
	}
	for _, err := range c.Runs(ended, client.RunFilter{}) {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("a context that ended: %v", err)
		}
	}
}

func TestCodeAndLogs(t *testing.T) {
	ctx := t.Context()
	c := open(t, "")
	run := must(c.Run(ctx, "1"))(t)
	if source := must(run.Source(ctx))(t); source != trainFlow {
		t.Errorf("source %q", source)
	}
	dir := filepath.Join(t.TempDir(), "was")
	n := must(run.UnpackCode(ctx, dir))(t)
	files := 0
	for f, err := range run.Code(ctx) {
		if err != nil {
			t.Fatal(err)
		}
		text := must(io.ReadAll(f))(t)
		if kept := must(os.ReadFile(filepath.Join(dir, f.Path)))(t); string(kept) != string(text) || int64(len(text)) != f.Size {
			t.Errorf("%s: %d and %d bytes of %d", f.Path, len(text), len(kept), f.Size)
		}
		files++
	}
	if files != n || n != 2 {
		t.Errorf("%d files unpacked, %d listed", n, files)
	}
	task := must(c.Task(ctx, "1/choose/5"))(t)
	if out := must(task.Output(ctx, client.Stderr))(t); out != "choosing\n" {
		t.Errorf("stderr %q", out)
	}
	if out := must(task.Output(ctx, client.Stdout))(t); out != "" {
		t.Errorf("stdout %q", out)
	}
	for l, err := range task.Log(ctx, client.Both) {
		if err != nil || !l.Stderr || !l.Newline || l.Time.IsZero() {
			t.Errorf("line %+v, %v", l, err)
		}
	}
}

func TestClosed(t *testing.T) {
	ctx := t.Context()
	c := open(t, "")
	other := c.In("user:ann")
	run := must(c.Run(ctx, "1"))(t)
	task := must(run.Task(ctx, 1))(t)
	artifact := must(task.Artifact(ctx, "rates"))(t)
	for range 2 {
		if err := c.Close(); err != nil {
			t.Errorf("closed: %v", err)
		}
	}
	one := func(_ any, err error) error { return err }
	last := func(list iter.Seq2[*client.Run, error]) (err error) {
		for _, err = range list {
		}
		return err
	}
	var zero client.Client
	for what, err := range map[string]error{
		"flows":      one(c.Flows(ctx)),
		"flow":       one(c.Flow(ctx, "TrainFlow")),
		"run":        one(c.Run(ctx, "1")),
		"runs":       last(c.Runs(ctx, client.RunFilter{})),
		"namespace":  one(other.LatestRun(ctx, "TrainFlow")),
		"artifact":   one(c.Artifact(ctx, "1/start/1/rates")),
		"steps":      one(run.Steps(ctx)),
		"source":     one(run.Source(ctx)),
		"tags":       one(run.AddTags(ctx, "late")),
		"parents":    one(task.Parents(ctx)),
		"output":     one(task.Output(ctx, client.Stdout)),
		"bytes":      one(artifact.Bytes(ctx)),
		"value":      one(client.Get[any](ctx, task, "rates")),
		"zero flows": one(zero.Flows(ctx)),
		"zero run":   one(zero.Run(ctx, "1")),
		"zero runs":  last(zero.In("user:ann").Runs(ctx, client.RunFilter{})),
	} {
		if !errors.Is(err, client.ErrClosed) || errors.Is(err, client.ErrInvalid) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if err := zero.Close(); err != nil || zero.Home() != "" || zero.Namespace() != "" {
		t.Errorf("the zero client: %v, %q", err, zero.Home())
	}
}
