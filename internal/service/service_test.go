package service

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/levadahq/levada/internal/fault"
	"github.com/levadahq/levada/internal/graph"
	"github.com/levadahq/levada/internal/metastore"
	"github.com/levadahq/levada/internal/metastore/mem"
	"github.com/levadahq/levada/internal/usage"
)

func TestParsePathspec(t *testing.T) {
	good := map[string]Pathspec{
		"12":              {Run: 12, Task: -1},
		"12/train":        {Run: 12, Step: "train", Task: -1},
		"12/train/3":      {Run: 12, Step: "train", Task: 3},
		"Flow/12":         {Flow: "Flow", Run: 12, Task: -1},
		"Flow/12/train/0": {Flow: "Flow", Run: 12, Step: "train", Task: 0},
		"/12/train/":      {Run: 12, Step: "train", Task: -1},
	}
	for text, want := range good {
		got, err := ParsePathspec(text)
		if err != nil || got != want {
			t.Errorf("%q: %+v, %v, want %+v", text, got, err, want)
		}
		if again, err := ParsePathspec(got.String()); err != nil || again != got {
			t.Errorf("%q is written as %q, which is %+v, %v", text, got, again, err)
		}
	}
	for _, text := range []string{"", "/", "train", "0", "-1", "12/train/x", "12/train/-2", "12//3", "a/b/c", "F/1/s/2/3", "99999999999999999999"} {
		if got, err := ParsePathspec(text); !fault.Is(err, fault.Usage) {
			t.Errorf("%q: %+v, %v, want a fault of usage", text, got, err)
		}
	}
}

func FuzzParsePathspec(f *testing.F) {
	f.Add("Flow/12/train/3")
	f.Fuzz(func(t *testing.T, text string) {
		p, err := ParsePathspec(text)
		if err != nil {
			return
		}
		if again, err := ParsePathspec(p.String()); err != nil || again != p {
			t.Errorf("%q: %+v is written as %q", text, p, p)
		}
	})
}

func TestProject(t *testing.T) {
	flow := func(attributes string) *graph.Flow {
		d := graph.Decorator{Name: "project"}
		if err := json.Unmarshal([]byte(attributes), &d.Attributes); err != nil {
			t.Fatal(err)
		}
		return &graph.Flow{Name: "F", Decorators: []graph.Decorator{d}}
	}
	for _, c := range []struct {
		attributes string
		o          RunOptions
		branch     string // empty: refused
	}{
		{`{"name":"fraud"}`, RunOptions{User: "ann"}, "user.ann"},
		{`{"name":"fraud"}`, RunOptions{User: "ann", Owner: "bob"}, "user.bob"},
		{`{"name":"fraud"}`, RunOptions{User: "ann", Branch: "new"}, "test.new"},
		{`{"name":"fraud"}`, RunOptions{User: "ann", Production: true}, "prod"},
		{`{"name":"fraud"}`, RunOptions{User: "ann", Production: true, Branch: "new"}, "prod.new"},
		{`{"name":"fraud","branch":"new"}`, RunOptions{User: "ann"}, "test.new"},
		{`{"name":"fraud","production":true}`, RunOptions{User: "ann"}, "prod"},
		{`{"name":"fraud","branch":"new"}`, RunOptions{User: "ann", Branch: "old"}, ""},
		{`{"name":"Fraud!"}`, RunOptions{User: "ann"}, ""},
		{`{}`, RunOptions{User: "ann"}, ""},
		{`{"name":"fraud"}`, RunOptions{User: "ann", Branch: "a b"}, ""},
	} {
		p, err := Project(flow(c.attributes), c.o)
		switch {
		case c.branch == "" && err == nil:
			t.Errorf("%s %+v was not refused: %+v", c.attributes, c.o, p)
		case c.branch != "" && (err != nil || p.Branch != c.branch || p.FlowName != "fraud."+c.branch+".F"):
			t.Errorf("%s %+v: %+v, %v, want the branch %s", c.attributes, c.o, p, err, c.branch)
		}
	}
	if _, err := Project(&graph.Flow{Name: "F"}, RunOptions{Production: true}); !fault.Is(err, fault.Usage) {
		t.Errorf("--production without @project: %v", err)
	}
}

// A run is shown as running only while something runs it.
func TestHonestStatus(t *testing.T) {
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	self := usage.ProcessStart(1)
	leases := map[string]struct {
		lease metastore.Lease
		want  metastore.RunStatus
	}{
		"alive here":                {metastore.Lease{Host: "here", Boot: "b", Namespace: "1", PID: 1, Start: self}, metastore.RunRunning},
		"gone here":                 {metastore.Lease{Host: "here", Boot: "b", Namespace: "1", PID: 1 << 30, Start: 5, Heartbeat: now}, metastore.RunDied},
		"before a restart":          {metastore.Lease{Host: "here", Boot: "a", Namespace: "1", PID: 1, Start: self, Heartbeat: now.Add(-2 * leaseTime)}, metastore.RunDied},
		"a namesake":                {metastore.Lease{Host: "here", Boot: "a", Namespace: "1", PID: 1 << 30, Heartbeat: now}, metastore.RunRunning},
		"in a container":            {metastore.Lease{Host: "here", Boot: "b", Namespace: "2", PID: 1 << 30, Start: 5, Heartbeat: now}, metastore.RunRunning},
		"in a container, silent":    {metastore.Lease{Host: "here", Boot: "b", Namespace: "2", PID: 1, Start: self, Heartbeat: now.Add(-2 * leaseTime)}, metastore.RunDied},
		"of an older version":       {metastore.Lease{Host: "here", Boot: "b", PID: 1 << 30, Start: 5, Heartbeat: now}, metastore.RunRunning},
		"elsewhere, heard lately":   {metastore.Lease{Host: "there", Boot: "x", PID: 1, Heartbeat: now.Add(-leaseTime / 2)}, metastore.RunRunning},
		"elsewhere, long not heard": {metastore.Lease{Host: "there", Boot: "x", PID: 1, Heartbeat: now.Add(-2 * leaseTime)}, metastore.RunDied},
	}
	ctx := context.Background()
	store := mem.New()
	s := New(Config{Store: store, Host: "here", Boot: "b", Namespace: "1", Now: func() time.Time { return now }})
	want := map[int64]metastore.RunStatus{}
	names := map[int64]string{}
	for name, c := range leases {
		id, err := store.CreateRun(ctx, metastore.Run{Flow: "F", Status: metastore.RunRunning, Lease: c.lease}, metastore.Beginning{})
		if err != nil {
			t.Fatal(err)
		}
		want[id], names[id] = c.want, name
	}
	died := 0
	for r, err := range s.Runs(ctx, metastore.RunFilter{}) {
		if err != nil {
			t.Fatal(err)
		}
		if r.Status != want[r.ID] {
			t.Errorf("%s: %s, want %s", names[r.ID], r.Status, want[r.ID])
		}
		if r.Status == metastore.RunDied {
			died++
		}
	}
	n := 0
	for r, err := range s.Runs(ctx, metastore.RunFilter{Statuses: []metastore.RunStatus{metastore.RunDied}}) {
		if n++; err != nil || r.Status != metastore.RunDied {
			t.Errorf("asked for runs that died: %+v, %v", r, err)
		}
	}
	if n != died {
		t.Errorf("%d runs that died, want %d", n, died)
	}
	if _, err := s.LatestRun(ctx, "G"); !fault.Is(err, fault.NotFound) {
		t.Errorf("the latest run of a flow that never ran: %v", err)
	}
}

// A run that is known to be gone is told from one that nothing is heard of, which may come
// back as long as its engine has patience.
func TestMayReturn(t *testing.T) {
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	s := New(Config{Store: mem.New(), Host: "here", Boot: "b", Namespace: "1", Now: func() time.Time { return now }})
	ago := func(d time.Duration) metastore.Lease {
		return metastore.Lease{Host: "there", Boot: "x", Heartbeat: now.Add(-d)}
	}
	patient := ago(time.Hour)
	patient.Patience = 2 * time.Hour
	for name, c := range map[string]struct {
		run    metastore.Run
		status metastore.RunStatus
		until  time.Time
	}{
		"gone here":        {metastore.Run{Lease: metastore.Lease{Host: "here", Boot: "b", Namespace: "1", PID: 1 << 30, Start: 5, Heartbeat: now}}, metastore.RunDied, time.Time{}},
		"heard lately":     {metastore.Run{Lease: ago(leaseTime / 2)}, metastore.RunRunning, time.Time{}},
		"silent":           {metastore.Run{Lease: ago(2 * leaseTime)}, metastore.RunDied, now.Add(metastore.Patience - 2*leaseTime)},
		"silent for long":  {metastore.Run{Lease: ago(metastore.Patience)}, metastore.RunDied, time.Time{}},
		"patient":          {metastore.Run{Lease: patient}, metastore.RunDied, now.Add(time.Hour)},
		"silent, Metaflow": {metastore.Run{Lease: ago(leaseTime), FailedTask: 3, Info: metastore.RunInfo{Engine: metastore.EngineMetaflow}}, metastore.RunFailed, now.Add(metastore.Patience - leaseTime)},
		"over":             {metastore.Run{Status: metastore.RunFailed, Lease: ago(2 * leaseTime)}, metastore.RunFailed, time.Time{}},
	} {
		if c.run.Status == "" {
			c.run.Status = metastore.RunRunning
		}
		if status, until := s.upkeep().Status(c.run); status != c.status || !until.Equal(c.until) {
			t.Errorf("%s: %s, until %v; want %s, until %v", name, status, until, c.status, c.until)
		}
	}
}
