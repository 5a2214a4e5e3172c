package api

import (
	"context"
	"iter"
	"time"

	"github.com/levadahq/levada/internal/fault"
	"github.com/levadahq/levada/internal/service"
	"github.com/levadahq/levada/internal/tasklog"
)

// checkStream refuses a stream that a task does not have.
func checkStream(name string) error {
	if name != "" && name != "stdout" && name != "stderr" {
		return fault.New(fault.Usage, "a task has no stream %q: it is stdout or stderr, or empty for both", name)
	}
	return nil
}

// in reports whether a line is of a stream; all are of "".
func in(stream string, l tasklog.Line) bool { return stream == "" || l.Stream.String() == stream }

// wholeLog yields the log of an attempt as it is now, both streams. One that does not exist has written nothing.
// NotFound if there is no such task.
func (s *Service) wholeLog(ctx context.Context, q LogRequest) (iter.Seq2[tasklog.Line, error], error) {
	if err := checkStream(q.Stream); err != nil {
		return nil, err
	}
	run, t, err := s.task(ctx, q.Run, q.Task)
	if err != nil {
		return nil, err
	}
	info := service.TaskInfo{Flow: run.Flow, Task: t}
	if info.Attempts, err = s.c.Store.Attempts(ctx, q.Run, q.Task); err != nil {
		return nil, err
	}
	return func(yield func(tasklog.Line, error) bool) {
		var last time.Time
		for l, err := range s.c.Cases.Log(ctx, info, q.Attempt) {
			if fault.Is(err, fault.Corrupt) { // what is left of it is worth more than an error
				l, err = damagedLine(q.Stream, last, err), nil
			}
			if fault.Is(err, fault.NotFound) || !yield(l, err) {
				return
			}
			last = l.Time
		}
	}, nil
}

// damagedLine is the line that ends a log of which the rest is damaged or missing, in whichever stream is read.
func damagedLine(stream string, at time.Time, err error) tasklog.Line {
	l := tasklog.Line{Time: at, Stream: tasklog.Stderr, Text: []byte("[" + err.Error() + "]"), Newline: true}
	if stream == tasklog.Stdout.String() {
		l.Stream = tasklog.Stdout
	}
	return l
}

// ReadLog yields the log of an attempt as it is now, to its end: unlike pages of it, it is read once. The text of a
// line is valid until the next. NotFound if there is no such task.
func (s *Service) ReadLog(ctx context.Context, q LogRequest) (iter.Seq2[tasklog.Line, error], error) {
	lines, err := s.wholeLog(ctx, q)
	return func(yield func(tasklog.Line, error) bool) {
		for l, err := range lines {
			if (err != nil || in(q.Stream, l)) && !yield(l, err) {
				return
			}
		}
	}, err
}

// Log returns a page of the log of an attempt. NotFound if there is no such task.
func (s *Service) Log(ctx context.Context, q LogRequest) (LogResult, error) {
	skip, err := parseCursor(q.Cursor, 0)
	if err != nil {
		return LogResult{}, err
	}
	lines, err := s.wholeLog(ctx, q)
	if err != nil {
		return LogResult{}, err
	}
	res := LogResult{Lines: []LogLine{}}
	limit := q.Limit
	if limit <= 0 {
		limit = pageBytes / 8
	}
	var at int64 // lines read so far
	for l, err := range lines {
		if err != nil {
			return LogResult{}, err
		}
		if at++; at <= skip || !in(q.Stream, l) {
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
	if err := checkStream(q.Stream); err != nil {
		return nil, err
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
			if at++; at <= skip || !in(q.Stream, l.Line) {
				continue
			}
			if !yield(FollowedLine{TimeOf(l.Time), l.Stream == tasklog.Stderr, string(l.Text), l.Newline, formatCursor(at)}, nil) {
				return
			}
		}
	}, nil
}
