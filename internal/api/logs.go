package api

import (
	"context"
	"iter"
	"time"

	"github.com/levadahq/levada/internal/fault"
	"github.com/levadahq/levada/internal/service"
	"github.com/levadahq/levada/internal/tasklog"
)

// Log returns a page of the log of an attempt. NotFound if there is no such task.
func (s *Service) Log(ctx context.Context, q LogRequest) (LogResult, error) {
	if q.Stream != "" && q.Stream != "stdout" && q.Stream != "stderr" {
		return LogResult{}, fault.New(fault.Usage, "a task has no stream %q: it is stdout or stderr, or empty for both", q.Stream)
	}
	skip, err := parseCursor(q.Cursor, 0)
	if err != nil {
		return LogResult{}, err
	}
	run, t, err := s.task(ctx, q.Run, q.Task)
	if err != nil {
		return LogResult{}, err
	}
	info := service.TaskInfo{Flow: run.Flow, Task: t}
	if info.Attempts, err = s.c.Store.Attempts(ctx, q.Run, q.Task); err != nil {
		return LogResult{}, err
	}
	res := LogResult{Lines: []LogLine{}}
	limit := q.Limit
	if limit <= 0 {
		limit = pageBytes / 8
	}
	var at int64 // lines read so far
	for l, err := range s.c.Cases.Log(ctx, info, q.Attempt) {
		if fault.Is(err, fault.NotFound) {
			return res, nil // no such attempt: it has written nothing
		}
		if err != nil {
			return LogResult{}, err
		}
		if at++; at <= skip || q.Stream != "" && l.Stream.String() != q.Stream {
			continue
		}
		if len(res.Lines) == limit || len(res.Lines) > 0 && len(res.Data)+len(l.Text) > pageBytes {
			res.Next = formatCursor(at - 1)
			res.End = res.Next
			return res, nil
		}
		res.Lines = append(res.Lines, LogLine{
			Time: TimeOf(l.Time), Stderr: l.Stream == tasklog.Stderr, Length: len(l.Text), Newline: l.Newline,
		})
		res.Data = append(res.Data, l.Text...)
	}
	res.End = formatCursor(max(at, skip))
	return res, nil
}

// FollowedLine is a line of a log that is followed.
type FollowedLine struct {
	Time    Time
	Stderr  bool
	Text    string
	Newline bool   // whether the line ended here
	Cursor  string // behind it
}

// FollowLog yields the log of an attempt from a cursor on, and what it prints then, until the attempt has ended.
// It looks at every tick. An Attempt of -1 is the task's last one at this moment, or its first if none has
// started. NotFound if there is no such task.
func (s *Service) FollowLog(ctx context.Context, q LogRequest, tick <-chan time.Time) (iter.Seq2[FollowedLine, error], error) {
	if q.Stream != "" && q.Stream != "stdout" && q.Stream != "stderr" {
		return nil, fault.New(fault.Usage, "a task has no stream %q: it is stdout or stderr, or empty for both", q.Stream)
	}
	skip, err := parseCursor(q.Cursor, 0)
	if err != nil {
		return nil, err
	}
	_, t, err := s.task(ctx, q.Run, q.Task)
	if err != nil {
		return nil, err
	}
	attempt := q.Attempt
	if attempt < 0 {
		attempts, err := s.c.Store.Attempts(ctx, q.Run, q.Task)
		if err != nil {
			return nil, err
		}
		attempt = max(len(attempts)-1, 0)
	}
	return func(yield func(FollowedLine, error) bool) {
		var at int64
		for l, err := range s.c.Cases.Follow(ctx, service.Pathspec{Run: q.Run, Step: t.Step, Task: q.Task}, attempt, tick) {
			if err != nil {
				yield(FollowedLine{}, err)
				return
			}
			if at++; at <= skip || q.Stream != "" && l.Stream.String() != q.Stream {
				continue
			}
			if !yield(FollowedLine{TimeOf(l.Time), l.Stream == tasklog.Stderr, string(l.Text), l.Newline, formatCursor(at)}, nil) {
				return
			}
		}
	}, nil
}
