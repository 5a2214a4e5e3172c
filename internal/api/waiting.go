package api

import (
	"context"
	"slices"

	"github.com/levadahq/levada/internal/graph"
	"github.com/levadahq/levada/internal/metastore"
	"github.com/levadahq/levada/internal/service"
)

// ahead is how many tasks of each step are known to come.
type ahead struct {
	steps    map[string]int
	launched map[string]int // how many tasks each step of a run that goes on had when that was found
}

// of is how many tasks a step will have beside those that were counted a moment before. What was launched in between is
// not among these: it is still to come, or the sum would be smaller for that moment.
func (a ahead) of(step string, counted int) int {
	return a.steps[step] + max(0, a.launched[step]-counted)
}

// all is the same of all steps.
func (a ahead) all(counted int) int {
	return sumOf(a.steps) + max(0, sumOf(a.launched)-counted)
}

// waiting tells of runs how many tasks of each step are known to come and have not been launched, or would
// have come if the run had not ended: a foreach says how many elements it has before the first of them is
// looked at. Runs that succeeded, or whose graph is not known, are not in the answer. What a run that is over
// left out stays the same, so it is counted once.
func (s *Service) waiting(ctx context.Context, runs []metastore.Run) (map[int64]ahead, error) {
	var ask []int64
	res := make(map[int64]ahead)
	s.mu.Lock()
	for _, r := range runs {
		// One that spins a task runs nothing but that.
		if r.Status == metastore.RunSucceeded || r.Definition == (metastore.Hash{}) || r.Info.Spin != "" {
			continue
		}
		if steps, ok := s.left[r.ID]; ok {
			res[r.ID] = ahead{steps: steps}
		} else {
			ask = append(ask, r.ID)
		}
	}
	s.mu.Unlock()
	if len(ask) == 0 {
		return res, nil
	}
	widths, err := s.c.Store.Widths(ctx, ask)
	if err != nil {
		return nil, err
	}
	for _, r := range runs {
		if !slices.Contains(ask, r.ID) {
			continue
		}
		var steps map[string]int
		if wide, ok := widths[r.ID]; ok {
			g, err := s.graph(ctx, r)
			if err != nil {
				continue // what was launched is counted all the same
			}
			steps = missing(g, wide)
			res[r.ID] = ahead{steps, launched(r, wide)}
		}
		if settled(r) {
			s.mu.Lock()
			if len(s.left) >= maxCounts {
				clear(s.left)
			}
			s.left[r.ID] = steps
			s.mu.Unlock()
		}
	}
	return res, nil
}

// missing is how many tasks steps will have at least, less those that they have.
func missing(g *graph.Graph, steps []metastore.StepWidth) map[string]int {
	tasks := make(map[string]int)
	for _, st := range steps {
		if n := g.Lookup(st.Step); n != nil && st.Opened > 0 && n.Join != nil {
			expect(n.Out[0], n.Join, st.Opened, tasks)
		}
	}
	for _, st := range steps {
		tasks[st.Step] -= st.Tasks
	}
	for step, n := range tasks {
		if n <= 0 { // a loop makes more
			delete(tasks, step)
		}
	}
	return tasks
}

// launched is how many tasks each step of a run that goes on has.
func launched(r metastore.Run, steps []metastore.StepWidth) map[string]int {
	if r.Status != metastore.RunRunning {
		return nil
	}
	tasks := make(map[string]int)
	for _, st := range steps {
		if st.Step != service.ParametersStep { // which is not counted
			tasks[st.Step] = st.Tasks
		}
	}
	return tasks
}

// expect adds the tasks of the steps from one to the join around it that come for certain, when as many as width come
// that way. How wide a foreach in between is, its own scopes say; what comes after a switch is not certain.
func expect(n, join *graph.Node, width int, tasks map[string]int) {
	for n != join {
		tasks[n.Name] += width
		switch {
		case n.Kind == graph.Split:
			for _, branch := range n.Out {
				expect(branch, n.Join, width, tasks)
			}
			n = n.Join
		case n.Kind.Opens():
			n = n.Join
		case len(n.Out) == 1 && n.Kind != graph.Switch:
			n = n.Out[0]
		default:
			return
		}
	}
}

func sumOf(steps map[string]int) (sum int) {
	for _, n := range steps {
		sum += n
	}
	return sum
}
