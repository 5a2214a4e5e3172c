package api

import (
	"bytes"
	"context"
	"io"
	"slices"

	"github.com/levadahq/levada/internal/fault"
	"github.com/levadahq/levada/internal/metastore"
	"github.com/levadahq/levada/internal/preview"
	"github.com/levadahq/levada/internal/service"
	"github.com/levadahq/levada/internal/usage"
)

// PreviewRequest asks for an artifact as it is shown to people.
type PreviewRequest = OpenValueRequest

// PreviewResult is an artifact as it is shown.
type PreviewResult struct {
	Artifact
	preview.Preview
}

// Preview returns an artifact as it is shown. Nothing of it is executed. NotFound.
func (s *Service) Preview(ctx context.Context, q PreviewRequest) (PreviewResult, error) {
	a, err := s.artifact(ctx, q)
	if err != nil {
		return PreviewResult{}, err
	}
	res := PreviewResult{Artifact: artifactOf(a)}
	if a.Size > preview.MaxInput {
		res.Preview = preview.TooLarge(a.Type)
		return res, nil
	}
	data, err := s.c.Data.Bytes(ctx, a)
	if err != nil {
		return PreviewResult{}, err
	}
	res.Preview = preview.Of(a.Codec, a.Type, data)
	return res, nil
}

// Image is a picture.
type Image struct {
	MediaType string
	Data      []byte
}

// OpenImage returns the picture that an artifact is. Invalid if it is none.
func (s *Service) OpenImage(ctx context.Context, q PreviewRequest) (Image, error) {
	a, err := s.artifact(ctx, q)
	if err != nil {
		return Image{}, err
	}
	if a.Size <= preview.MaxInput {
		data, err := s.c.Data.Bytes(ctx, a)
		if err != nil {
			return Image{}, err
		}
		if raw, media, ok := preview.Raw(a.Codec, data); ok {
			return Image{MediaType: media, Data: raw}, nil
		}
	}
	return Image{}, fault.New(fault.Invalid, "the artifact %s is not a picture that can be shown", q.Name).Do("download it instead")
}

// artifact finds one artifact. NotFound.
func (s *Service) artifact(ctx context.Context, q OpenValueRequest) (metastore.Artifact, error) {
	n := &q.Attempt
	if q.Attempt < 0 {
		n = nil
	}
	if _, _, err := s.task(ctx, q.Run, q.Task); err != nil {
		return metastore.Artifact{}, err
	}
	found, err := s.attempts(ctx, q.Run, []int64{q.Task}, n)
	if err != nil {
		return metastore.Artifact{}, err
	}
	a, ok, err := s.find(ctx, found[q.Task], q.Name)
	if err == nil && !ok {
		err = fault.New(fault.NotFound, "task %d of run %d has no artifact %s", q.Task, q.Run, q.Name)
	}
	return a, err
}

// UsageRequest asks for what an attempt used.
type UsageRequest struct {
	Run     int64 `json:"run"`
	Task    int64 `json:"task"`
	Attempt int   `json:"attempt"` // -1: the last
}

// UsageResult is what a step asked for and an attempt used. An attempt of less than a second has no samples.
type UsageResult struct {
	Requested    Resources `json:"requested"` // zero fields were not asked for
	Samples      Samples   `json:"samples"`
	CPU          float64   `json:"cpu_seconds"`
	PeakMemory   int64     `json:"peak_memory"` // bytes
	MemorySource string    `json:"memory_source,omitempty"`
}

// Resources is what @resources asks for.
type Resources struct {
	CPU    float64 `json:"cpu"`
	Memory int64   `json:"memory"` // bytes
	GPU    float64 `json:"gpu"`
}

// Samples is columns of one length.
type Samples struct {
	Time   []Time    `json:"time"` // the end of what the sample stands for
	CPU    []float64 `json:"cpu"`  // cores used
	Memory []int64   `json:"memory"`
}

// Usage returns what an attempt used. NotFound if there is no such task or attempt.
func (s *Service) Usage(ctx context.Context, q UsageRequest) (UsageResult, error) {
	run, t, err := s.task(ctx, q.Run, q.Task)
	if err != nil {
		return UsageResult{}, err
	}
	attempts, err := s.c.Store.Attempts(ctx, q.Run, q.Task)
	if err != nil {
		return UsageResult{}, err
	}
	at := len(attempts) - 1
	if q.Attempt >= 0 {
		at = slices.IndexFunc(attempts, func(a metastore.Attempt) bool { return a.N == q.Attempt })
	}
	if at < 0 {
		return UsageResult{}, fault.New(fault.NotFound, "task %d of run %d has no such attempt", q.Task, q.Run)
	}
	a := attempts[at]
	points, err := usage.DecodeSeries(a.Series)
	if err != nil {
		return UsageResult{}, err
	}
	res := UsageResult{
		CPU: (a.UserCPU + a.SystemCPU).Seconds(), PeakMemory: a.PeakMemory, MemorySource: a.MemorySource,
		Samples: Samples{Time: []Time{}, CPU: []float64{}, Memory: []int64{}},
	}
	for _, p := range points {
		res.Samples.Time = append(res.Samples.Time, TimeOf(a.Started)+Time(p.Millis*1000))
		res.Samples.CPU = append(res.Samples.CPU, float64(p.MilliCores)/1000)
		res.Samples.Memory = append(res.Samples.Memory, p.KiB<<10)
	}
	g, err := s.graph(ctx, run)
	if err != nil {
		return res, nil // a run whose definition cannot be read has used what it used
	}
	if n := g.Lookup(t.Step); n != nil {
		res.Requested = Resources{CPU: n.Resources.CPU, GPU: n.Resources.GPU, Memory: n.Resources.Memory << 20}
	}
	return res, nil
}

// CodeFile is a file of a run's code.
type CodeFile struct {
	Path string `json:"path"`
	Size int64  `json:"size"`
}

// CodeFilesResult is the files of a run's code.
type CodeFilesResult struct {
	Files []CodeFile `json:"files"`
}

// CodeFiles lists the files of a run's code. NotFound if it was not kept.
func (s *Service) CodeFiles(ctx context.Context, q RunRequest) (CodeFilesResult, error) {
	r, err := s.c.Cases.RunByID(ctx, q.Run)
	if err != nil {
		return CodeFilesResult{}, err
	}
	res := CodeFilesResult{Files: []CodeFile{}}
	for e, err := range s.c.Cases.Code(ctx, r) {
		if err != nil {
			return CodeFilesResult{}, err
		}
		res.Files = append(res.Files, CodeFile{e.Path, e.Size})
	}
	return res, nil
}

// CodeFileRequest asks for a file of a run's code.
type CodeFileRequest struct {
	Run  int64  `json:"run"`
	Path string `json:"path"`
}

// maxCodeFile is the size in bytes up to which a file of the code is shown.
const maxCodeFile = 4 << 20

// OpenCodeFile returns a file of a run's code. NotFound; Invalid if it is larger than what is shown.
func (s *Service) OpenCodeFile(ctx context.Context, q CodeFileRequest) (io.ReadCloser, error) {
	r, err := s.c.Cases.RunByID(ctx, q.Run)
	if err != nil {
		return nil, err
	}
	for e, err := range s.c.Cases.Code(ctx, r) {
		if err != nil {
			return nil, err
		}
		if e.Path != q.Path {
			continue
		}
		if e.Size > maxCodeFile {
			return nil, fault.New(fault.Invalid, "%s is too large to be shown: %d bytes", q.Path, e.Size).Do("download the code")
		}
		data, err := io.ReadAll(e)
		return io.NopCloser(bytes.NewReader(data)), fault.Wrap(fault.Corrupt, "read the code", err)
	}
	return nil, fault.New(fault.NotFound, "the code of run %d has no file %s", q.Run, q.Path)
}

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

// Metrics returns the numbers that runs of a flow ended with.
func (s *Service) Metrics(ctx context.Context, q MetricsRequest) (MetricsResult, error) {
	if q.Flow == "" {
		return MetricsResult{}, fault.New(fault.Usage, "metrics are those of a flow, which the request must name")
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
	for i, r := range runs.Runs {
		p := &res.Points[i]
		*p = Point{
			Run: r.ID, Task: -1, Created: r.Created, Status: r.Status, User: r.User, Tags: r.Tags, Parameters: r.Parameters, Values: map[string]float64{},
		}
		if err := s.measure(ctx, p, q.Step); err != nil {
			return MetricsResult{}, err
		}
		for name := range p.Values {
			if !slices.Contains(res.Names, name) {
				res.Names = append(res.Names, name)
			}
		}
	}
	slices.Sort(res.Names)
	return res, nil
}

// measure fills in the numbers of a run.
func (s *Service) measure(ctx context.Context, p *Point, step string) error {
	spans, err := s.c.Store.Steps(ctx, p.Run)
	if err != nil {
		return err
	}
	if step == "" {
		step = "end"
		run, err := s.c.Store.Run(ctx, p.Run)
		if err != nil {
			return err
		}
		if g, err := s.graph(ctx, run); err == nil {
			step = g.End.Name
		}
	}
	at := slices.IndexFunc(spans, func(sp metastore.StepSpan) bool { return sp.Step == step })
	if at < 0 || step == service.ParametersStep {
		return nil
	}
	id := spans[at].Last
	found, err := s.attempts(ctx, p.Run, []int64{id}, nil)
	if err != nil || found[id].attempt == nil {
		return err
	}
	p.Task = id
	all, err := s.all(ctx, found[id])
	if err != nil {
		return err
	}
	for _, a := range all {
		if a.Inline == nil { // a number is small
			continue
		}
		if f, ok := preview.Float(a.Codec, a.Inline); ok {
			if f-f == 0 { // JSON has neither nan nor the infinities
				p.Values[a.Name] = f
			}
		}
	}
	return nil
}
