package runner

import (
	"github.com/levadahq/levada/internal/engine"
	"github.com/levadahq/levada/internal/usage"
)

// sample measures the tasks that have run for longer than a second. Reading a large process's memory
// map takes milliseconds, so it happens beside the loop.
func (r *Runner) sample() {
	if r.sampling {
		return // the last one still goes on
	}
	type target struct {
		task engine.TaskID
		a    *attempt
		pid  int
	}
	now := r.Now()
	var targets []target
	for id, a := range r.active {
		a.log.show()
		if a.rec.PID > 0 && !a.shared && a.rec.Ended.IsZero() && now.Sub(a.rec.Started) >= sampleEvery {
			targets = append(targets, target{id, a, a.rec.PID})
		}
	}
	if len(targets) == 0 {
		return
	}
	r.sampling = true
	go func() {
		pids := make([]int, len(targets))
		for i, t := range targets {
			pids[i] = t.pid
		}
		got := r.Usage.Sample(pids)
		r.post(func() {
			r.sampling = false
			for _, t := range targets {
				reading, ok := got[t.pid]
				if !ok || r.active[t.task] != t.a || !t.a.rec.Ended.IsZero() {
					continue
				}
				if t.a.series == nil {
					t.a.series = usage.NewSeries(t.a.rec.Started)
				}
				t.a.series.Add(now, reading)
			}
		})
	}()
}
