package api

import (
	"bytes"
	"context"
	"errors"
	"io"
	"slices"

	"github.com/levadahq/levada/internal/fault"
	"github.com/levadahq/levada/internal/metastore"
	"github.com/levadahq/levada/internal/preview"
	"github.com/levadahq/levada/internal/usage"
)

// PreviewRequest asks for an artifact as it is shown to people.
type PreviewRequest = OpenValueRequest

// PreviewResult is an artifact as it is shown.
type PreviewResult struct {
	Name  string `json:"name"`
	Codec string `json:"codec"`
	preview.Preview
}

// headBytes is how much is read of a file that is too large to be read whole.
const headBytes = 256 << 10

// largeAtOnce is how many values of more than largeValue bytes are looked at at once: each
// may take some times its size in memory.
const (
	largeValue  = 1 << 20
	largeAtOnce = 2
)

// Preview returns an artifact as it is shown. Nothing of it is executed. NotFound.
func (s *Service) Preview(ctx context.Context, q PreviewRequest) (PreviewResult, error) {
	a, err := s.artifact(ctx, q)
	if err != nil {
		return PreviewResult{}, err
	}
	res := PreviewResult{Name: a.Name, Codec: a.Codec}
	err = s.encoded(ctx, a, func(v preview.Value) { res.Preview = preview.Make(v) })
	res.Hash = hashText(a.Hash)
	return res, err
}

// encoded reads the bytes of an artifact, or what a preview needs of them, and calls f while there is room for them.
func (s *Service) encoded(ctx context.Context, a metastore.Artifact, f func(preview.Value)) error {
	v := preview.Value{Codec: a.Codec, Type: a.Type, Size: a.Size}
	if a.Size > largeValue {
		select {
		case s.large <- struct{}{}:
			defer func() { <-s.large }()
		case <-ctx.Done():
			return fault.Wrap(fault.Interrupted, "look at artifact "+a.Name, ctx.Err())
		}
	}
	var err error
	switch {
	case a.Size <= preview.ReadLimit:
		v.Data, err = s.c.Data.Bytes(ctx, a)
	case a.Codec == "file":
		v.Data, err = s.head(ctx, a)
	}
	if err != nil {
		return err
	}
	f(v)
	return nil
}

// head reads the beginning of a value.
func (s *Service) head(ctx context.Context, a metastore.Artifact) ([]byte, error) {
	r, err := s.c.Data.Open(ctx, a)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	data := make([]byte, headBytes)
	n, err := io.ReadFull(r, data)
	if errors.Is(err, io.ErrUnexpectedEOF) {
		err = nil
	}
	return data[:n], err
}

// Image is a picture.
type Image struct {
	MediaType string
	Data      []byte
}

// OpenImage returns the picture that an artifact is. Invalid if it is none, or larger than what is shown.
func (s *Service) OpenImage(ctx context.Context, q PreviewRequest) (Image, error) {
	a, err := s.artifact(ctx, q)
	if err != nil {
		return Image{}, err
	}
	var img Image
	if a.Size <= preview.ReadLimit {
		if err := s.encoded(ctx, a, func(v preview.Value) { img.Data, img.MediaType = preview.ImageBytes(v) }); err != nil {
			return Image{}, err
		}
	}
	if img.MediaType == "" {
		return Image{}, fault.New(fault.Invalid, "the artifact %s is not a picture that can be shown", q.Name).Do("download it instead")
	}
	return img, nil
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

// HasAttempt says whether a task has an attempt. NotFound if not, or if there is no such task.
func (s *Service) HasAttempt(ctx context.Context, run, task int64, n int) error {
	if _, _, err := s.task(ctx, run, task); err != nil {
		return err
	}
	attempts, err := s.c.Store.Attempts(ctx, run, task)
	if err != nil || slices.ContainsFunc(attempts, func(a metastore.Attempt) bool { return a.N == n }) {
		return err
	}
	return noAttempt(run, task, len(attempts))
}

// noAttempt is the fault of an attempt that a task does not have; it has some others.
func noAttempt(run, task int64, has int) error {
	e := fault.New(fault.NotFound, "task %d of run %d has no such attempt", task, run)
	switch has {
	case 0:
		return e.Do("it has not been started yet")
	case 1:
		return e.Do("it has one, 0")
	}
	return e.Do("it has %d, from 0 to %d", has, has-1)
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
		return UsageResult{}, noAttempt(q.Run, q.Task, len(attempts))
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
