package api

import (
	"context"
	"encoding/hex"
	"io"
	"slices"

	"github.com/levadahq/levada/internal/datastore"
	"github.com/levadahq/levada/internal/fault"
	"github.com/levadahq/levada/internal/metastore"
)

// attempted is a task with the attempt that is looked at.
type attempted struct {
	task    metastore.Task
	attempt *metastore.Attempt // nil: there is none that ended
	latest  bool
}

// attempts finds tasks of a run and for each the attempt to look at: the one with number n, or its
// last if n is nil. One that is still running, or does not exist, has no artifacts: nil.
func (s *Service) attempts(ctx context.Context, run int64, ids []int64, n *int) (map[int64]attempted, error) {
	found := make(map[int64]attempted, len(ids))
	for t, err := range s.c.Store.Tasks(ctx, metastore.TaskFilter{Run: run, After: -1, IDs: notNil(ids)}) {
		if err != nil {
			return nil, err
		}
		found[t.ID] = attempted{task: t}
	}
	var inherited []int64
	for a, err := range s.c.Store.AttemptsOf(ctx, run, ids) {
		if err != nil {
			return nil, err
		}
		at, ok := found[a.Task]
		if !ok {
			continue
		}
		at.latest = n == nil || *n == a.N
		if at.latest {
			at.attempt = nil
			if a.Status != metastore.AttemptRunning {
				at.attempt = &a
			}
		}
		found[a.Task] = at
	}
	for id, at := range found {
		if at.attempt != nil {
			inherited = append(inherited, id)
		}
	}
	return found, s.layers.Prefetch(ctx, s.c.Store, run, inherited)
}

// Artifacts returns the artifacts of tasks. A task that does not exist has none.
func (s *Service) Artifacts(ctx context.Context, q ArtifactsRequest) (ArtifactsResult, error) {
	if _, err := s.c.Cases.RunByID(ctx, q.Run); err != nil {
		return ArtifactsResult{}, err
	}
	found, err := s.attempts(ctx, q.Run, q.Tasks, q.Attempt)
	if err != nil {
		return ArtifactsResult{}, err
	}
	res := ArtifactsResult{Tasks: make([]TaskArtifacts, len(q.Tasks))}
	for i, id := range q.Tasks {
		out := &res.Tasks[i]
		*out = TaskArtifacts{Task: id, Attempt: -1, Artifacts: []Artifact{}}
		at := found[id]
		if at.attempt == nil {
			continue
		}
		out.Attempt, out.Ended = at.attempt.N, TimeOf(at.attempt.Ended)
		all, err := s.all(ctx, at)
		if err != nil {
			return ArtifactsResult{}, err
		}
		for _, a := range all {
			if q.Names == nil || slices.Contains(q.Names, a.Name) {
				out.Artifacts = append(out.Artifacts, artifactOf(a))
			}
		}
	}
	return res, nil
}

func artifactOf(a metastore.Artifact) Artifact {
	return Artifact{Name: a.Name, Hash: hex.EncodeToString(a.Hash[:]), Size: a.Size, Codec: a.Codec, Type: a.Type}
}

// all returns the artifacts of an attempt, those of its task's layers if it is what made them.
func (s *Service) all(ctx context.Context, at attempted) ([]metastore.Artifact, error) {
	if at.latest && isGood(at.attempt) {
		return s.layers.All(ctx, at.task.Run, at.task.ID)
	}
	return s.layers.OfAttempt(ctx, at.task, *at.attempt)
}

func isGood(a *metastore.Attempt) bool {
	return a.Status == metastore.AttemptSucceeded || a.Status == metastore.AttemptCaught
}

// find returns one artifact of an attempt.
func (s *Service) find(ctx context.Context, at attempted, name string) (metastore.Artifact, bool, error) {
	if at.attempt == nil {
		return metastore.Artifact{}, false, nil
	}
	if at.latest && isGood(at.attempt) {
		return s.layers.Find(ctx, at.task.Run, at.task.ID, name)
	}
	own, err := s.c.Store.Artifact(ctx, at.task.Run, at.task.ID, at.attempt.N, name)
	if err == nil || !fault.Is(err, fault.NotFound) {
		return own, err == nil, err
	}
	if at.attempt.Complete {
		return own, false, nil
	}
	return s.layers.Find(ctx, at.task.Run, at.task.Base, name)
}

// Limits of one result of values.
const (
	maxValueInData = 32 << 20 // longer ones are files or streams
	maxValueData   = 48 << 20
)

// Values returns values of a run.
func (s *Service) Values(ctx context.Context, q ValuesRequest) (ValuesResult, error) {
	if _, err := s.c.Cases.RunByID(ctx, q.Run); err != nil {
		return ValuesResult{}, err
	}
	byAttempt := make(map[int][]int64)
	for _, v := range q.Values {
		byAttempt[max(v.Attempt, -1)] = append(byAttempt[max(v.Attempt, -1)], v.Task)
	}
	found := make(map[int]map[int64]attempted, len(byAttempt))
	for n, ids := range byAttempt {
		at := &n
		if n < 0 {
			at = nil
		}
		var err error
		if found[n], err = s.attempts(ctx, q.Run, ids, at); err != nil {
			return ValuesResult{}, err
		}
	}
	res := ValuesResult{Values: []Value{}}
	for _, ref := range q.Values {
		a, ok, err := s.find(ctx, found[max(ref.Attempt, -1)][ref.Task], ref.Name)
		if err != nil {
			return ValuesResult{}, err
		}
		if !ok {
			res.Values = append(res.Values, Value{})
			continue
		}
		v, data, err := s.value(ctx, a, q)
		if err != nil {
			return ValuesResult{}, err
		}
		if len(res.Data)+len(data) > maxValueData {
			break // asked for again
		}
		res.Values = append(res.Values, v)
		res.Data = append(res.Data, data...)
	}
	return res, nil
}

// value says where the bytes of an artifact are, or reads them.
func (s *Service) value(ctx context.Context, a metastore.Artifact, q ValuesRequest) (Value, []byte, error) {
	v := Value{Found: true, Artifact: artifactOf(a)}
	if q.Max > 0 && a.Size > q.Max {
		v.Large = true
		return v, nil, nil
	}
	if q.Local && a.Size > datastore.SmallLimit && a.Inline == nil {
		path, plain, err := s.c.Data.File(ctx, a.Hash)
		if err != nil {
			return v, nil, err
		}
		if plain {
			v.Path = path
			return v, nil, nil
		}
	}
	if a.Size > maxValueInData {
		v.Large = true
		return v, nil, nil
	}
	data, err := s.c.Data.Bytes(ctx, a)
	v.Length = len(data)
	return v, data, err
}

// OpenValue returns the bytes of a value as a stream, which is verified as it is read. NotFound.
func (s *Service) OpenValue(ctx context.Context, q OpenValueRequest) (io.ReadCloser, error) {
	n := &q.Attempt
	if q.Attempt < 0 {
		n = nil
	}
	found, err := s.attempts(ctx, q.Run, []int64{q.Task}, n)
	if err != nil {
		return nil, err
	}
	a, ok, err := s.find(ctx, found[q.Task], q.Name)
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, fault.New(fault.NotFound, "task %d of run %d has no artifact %s", q.Task, q.Run, q.Name)
	}
	return s.c.Data.Open(ctx, a)
}

// Code describes the code package of a run. NotFound if none was kept.
func (s *Service) Code(ctx context.Context, q RunRequest) (Code, error) {
	r, err := s.c.Cases.RunByID(ctx, q.Run)
	if err != nil {
		return Code{}, err
	}
	if r.Code == (metastore.Hash{}) {
		return Code{}, fault.New(fault.NotFound, "the code of run %d was not kept", r.ID)
	}
	size, err := s.c.Data.Size(ctx, r.Code)
	return Code{Hash: hashText(r.Code), Size: size, Script: scriptOf(r), Flow: r.Flow}, err
}

// OpenCode returns the files of a run's code as a tar archive.
func (s *Service) OpenCode(ctx context.Context, q RunRequest) (io.ReadCloser, error) {
	r, err := s.c.Cases.RunByID(ctx, q.Run)
	if err != nil {
		return nil, err
	}
	return s.c.Cases.CodeArchive(ctx, r)
}
