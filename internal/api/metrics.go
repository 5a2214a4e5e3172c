package api

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/levadahq/levada/internal/fault"
	"github.com/levadahq/levada/internal/metastore"
	"github.com/levadahq/levada/internal/pickle"
)

// MetricsRequest asks for the numbers that runs of a flow ended with, newest first.
type MetricsRequest struct {
	Flow   string   `json:"flow"`
	Step   string   `json:"step"` // whose last task is looked at; empty for the end
	User   string   `json:"user"`
	Status Status   `json:"status"`
	Tags   []string `json:"tags"`
	After  Time     `json:"after"`
	Before Time     `json:"before"`
	Cursor string   `json:"cursor"`
	Limit  int      `json:"limit"` // runs
}

// MetricsResult answers it. Names are those of all points, sorted.
type MetricsResult struct {
	Names  []string `json:"names"`
	Points []Point  `json:"points"`
	Next   string   `json:"next"`
}

// Point is the numbers of one run: its artifacts that are an int, a float, a bool or a numpy scalar.
type Point struct {
	Run        int64              `json:"run"`
	Task       int64              `json:"task"` // that has them; -1 if the run never came there
	Created    Time               `json:"created"`
	Status     Status             `json:"status"`
	User       string             `json:"user"`
	Tags       []string           `json:"tags"`
	Parameters map[string]string  `json:"parameters"`
	Values     map[string]float64 `json:"values"`
}

// usualMetrics is how many runs a page of metrics has if the request does not say.
const usualMetrics = 200

// numeric are the types of artifacts that are numbers, as Python, numpy and Go name them.
var numeric = []string{
	"int", "float", "bool",
	"numpy.bool", "numpy.bool_", "numpy.int8", "numpy.int16", "numpy.int32", "numpy.int64", "numpy.uint8", "numpy.uint16", "numpy.uint32",
	"numpy.uint64", "numpy.float16", "numpy.float32", "numpy.float64",
	"int8", "int16", "int32", "int64", "uint", "uint8", "uint16", "uint32", "uint64", "float32", "float64",
}

// Metrics returns the numbers that runs of a flow ended with, those they inherited included. It takes a few queries a
// page and reads no file: numbers are short, so they are in their records.
func (s *Service) Metrics(ctx context.Context, q MetricsRequest) (MetricsResult, error) {
	if q.Flow == "" {
		return MetricsResult{}, fault.New(fault.Usage, "metrics belong to a flow, which the request must name")
	}
	if q.Limit <= 0 {
		q.Limit = usualMetrics
	}
	runs, err := s.Runs(ctx, RunsRequest{
		Flow: One(q.Flow), User: One(q.User), Status: One(q.Status), Tags: q.Tags, After: q.After, Before: q.Before, Cursor: q.Cursor, Limit: min(q.Limit, usualPage),
	})
	if err != nil {
		return MetricsResult{}, err
	}
	res := MetricsResult{Names: []string{}, Points: make([]Point, len(runs.Runs)), Next: runs.Next}
	place := make(map[int64]int, len(runs.Runs))
	byStep := make(map[string][]int64) // runs by the step to look at
	for i, r := range runs.Runs {
		res.Points[i] = Point{
			Run: r.ID, Task: -1, Created: r.Created, Status: r.Status, User: r.User, Tags: r.Tags, Parameters: r.Parameters, Values: map[string]float64{},
		}
		place[r.ID] = i
		step := q.Step
		if step == "" {
			step = s.endStep(ctx, r)
		}
		byStep[step] = append(byStep[step], r.ID)
	}
	names := make(map[string]bool)
	for step, of := range byStep {
		last, err := s.c.Store.LastTasks(ctx, step, of)
		if err != nil {
			return MetricsResult{}, err
		}
		tasks := make([]metastore.TaskID, 0, len(last))
		for run, task := range last {
			tasks = append(tasks, metastore.TaskID{Run: run, Task: task})
			res.Points[place[run]].Task = task
		}
		for a, err := range s.c.Store.Inherited(ctx, tasks, numeric) {
			if err != nil {
				return MetricsResult{}, err
			}
			if n, ok := numberIn(a.Artifact); ok && !strings.HasPrefix(a.Name, "_") {
				names[a.Name] = true
				res.Points[place[a.Run]].Values[a.Name] = n
			}
		}
	}
	res.Names = slices.AppendSeq(res.Names, maps.Keys(names))
	slices.Sort(res.Names)
	return res, nil
}

// endStep is the step that a run's flow ends with: the usual one if its graph is not known.
func (s *Service) endStep(ctx context.Context, r Run) string {
	run, err := s.c.Store.Run(ctx, r.ID)
	if err == nil {
		if g, err := s.graph(ctx, run); err == nil {
			return g.End.Name
		}
	}
	return "end"
}

// numberIn reads the number in an artifact's record; not ok if it is none, or one that JSON does not have.
func numberIn(a metastore.Artifact) (float64, bool) {
	if a.Inline == nil {
		return 0, false
	}
	var n float64
	switch a.Codec {
	case "json":
		switch text := string(a.Inline); text {
		case "true":
			n = 1
		case "false":
		default:
			var err error
			if n, err = strconv.ParseFloat(text, 64); err != nil {
				return 0, false
			}
		}
	case "pickle":
		v, err := pickle.Decode(a.Inline, pickle.Limits{})
		if err != nil {
			return 0, false
		}
		if x, ok := pickle.Scalar(v); ok {
			v = x
		}
		switch v := v.(type) {
		case bool:
			if v {
				n = 1
			}
		case int64:
			n = float64(v)
		case float64:
			n = v
		default:
			return 0, false
		}
	default:
		return 0, false
	}
	return n, n-n == 0
}
