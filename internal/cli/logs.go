package cli

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/levadahq/levada/internal/metastore"
	"github.com/levadahq/levada/internal/service"
	"github.com/levadahq/levada/internal/tasklog"
)

// logsCommand is `logs`.
type logsCommand struct {
	pathspec             string
	stdout, stderr, both bool
	timestamps           bool
	attempt              int
	follow               bool
	out                  writer
	stamp                stamper
	several              bool // more than one task
}

func (c *logsCommand) options() table {
	return table{
		{name: "stdout", off: "no-stdout", set: flag(&c.stdout), help: "Print stdout. Without --stdout, --stderr and --both, both are printed, stdout first."},
		{name: "stderr", off: "no-stderr", set: flag(&c.stderr), help: "Print stderr."},
		{name: "both", off: "no-both", set: flag(&c.both), help: "Print both."},
		{name: "timestamps", off: "no-timestamps", dest: "TIMESTAMPS", set: flag(&c.timestamps), help: "Begin each line with its time."},
		{name: "attempt", metavar: "INTEGER", set: number(&c.attempt, 0), def: "the last", help: "The attempt to show, counted from 0."},
		{name: "follow", short: "f", set: flag(&c.follow),
			help: "Keep printing new output until the task has ended, or the run if PATHSPEC names more than one task. Streams are interleaved as they were written."},
	}
}

func (c *logsCommand) arguments() []argument { return pathspecArgument(&c.pathspec) }

func (c *logsCommand) run(ctx context.Context, s *session) error {
	tasks, err := s.tasks(ctx, c.pathspec)
	if err != nil {
		return err
	}
	c.out.w = s.env.Stdout
	c.stamp.zone = s.env.Now().Location()
	if c.follow {
		return c.tail(ctx, s)
	}
	// Whether there is more than one task is known when the second comes.
	var first *service.TaskInfo
	for t, err := range tasks {
		if err != nil {
			return err
		}
		if first == nil {
			first = &t
			continue
		}
		if !c.several {
			c.several = true
			if err := c.task(ctx, s, *first); err != nil {
				return err
			}
		}
		if err := c.task(ctx, s, t); err != nil {
			return err
		}
	}
	if first != nil && !c.several {
		if err := c.task(ctx, s, *first); err != nil {
			return err
		}
	}
	return c.out.flush()
}

// streams returns the streams to show, in order.
func (c *logsCommand) streams() []string {
	if c.both || c.stdout == c.stderr {
		return []string{"stdout", "stderr"}
	}
	if c.stdout {
		return []string{"stdout"}
	}
	return []string{"stderr"}
}

// task prints the log of one task, with headers where they are needed to tell contents apart.
func (c *logsCommand) task(ctx context.Context, s *session, t service.TaskInfo) error {
	streams := c.streams()
	if s.global.json {
		return c.json(ctx, s, t, streams)
	}
	header := func(format string, args ...any) error {
		if err := c.out.flush(); err != nil {
			return err
		}
		s.inform(format, args...)
		return nil
	}
	if c.several || len(streams) > 1 {
		if err := header("Dumping logs of run_id=%d step=%s task_id=%d", t.Task.Run, t.Task.Step, t.Task.ID); err != nil {
			return err
		}
	}
	for _, stream := range streams {
		told := len(streams) == 1
		for line, err := range s.store.Service.Log(ctx, t, c.attempt) {
			if err != nil {
				return err
			}
			if line.Stream.String() != stream {
				continue
			}
			if !told {
				told = true
				if err := header("%s", stream); err != nil {
					return err
				}
			}
			if err := c.line(line); err != nil {
				return err
			}
		}
	}
	return c.out.err
}

// line prints a line, or a part of one.
func (c *logsCommand) line(line tasklog.Line) error {
	if c.timestamps {
		c.out.buf = append(c.stamp.append(c.out.buf, line.Time), ' ')
	}
	c.out.buf = append(c.out.buf, line.Text...)
	if line.Newline {
		c.out.buf = append(c.out.buf, '\n')
	}
	return c.out.spill()
}

// json prints the lines in the order in which they were written, one object each.
func (c *logsCommand) json(ctx context.Context, s *session, t service.TaskInfo, streams []string) error {
	attempt := c.attempt
	if attempt < 0 && len(t.Attempts) > 0 {
		attempt = t.Attempts[len(t.Attempts)-1].N
	}
	for line, err := range s.store.Service.Log(ctx, t, c.attempt) {
		if err != nil {
			return err
		}
		if !slices.Contains(streams, line.Stream.String()) {
			continue
		}
		if err := c.jsonLine(t, attempt, line); err != nil {
			return err
		}
	}
	return c.out.err
}

func (c *logsCommand) jsonLine(t service.TaskInfo, attempt int, line tasklog.Line) error {
	return c.out.json(struct {
		Task    string    `json:"task"`
		Attempt int       `json:"attempt"`
		Time    time.Time `json:"time"`
		Stream  string    `json:"stream"`
		Text    string    `json:"text"`
	}{taskPath(t), attempt, line.Time, line.Stream.String(), string(line.Text)})
}

// followEvery is how often a followed log is looked at.
const followEvery = 200 * time.Millisecond

// tail prints what tasks print until they have ended. Where there may be several, each line begins with its task.
func (c *logsCommand) tail(ctx context.Context, s *session) error {
	p, err := s.pathspec(c.pathspec)
	if err != nil {
		return err
	}
	ticker := time.NewTicker(followEvery)
	defer ticker.Stop()
	streams := c.streams()
	whole := true // the last line has ended
	for l, err := range s.store.Service.Follow(ctx, p, c.attempt, ticker.C) {
		if err != nil {
			return err
		}
		if !slices.Contains(streams, l.Stream.String()) {
			continue
		}
		if s.global.json {
			if err := c.jsonLine(l.Task, l.Attempt, l.Line); err != nil {
				return err
			}
		} else {
			if p.Task < 0 && whole {
				c.out.buf = fmt.Appendf(c.out.buf, "[%s] ", taskPath(l.Task))
			}
			whole = l.Newline
			if err := c.line(l.Line); err != nil {
				return err
			}
		}
		if err := c.out.flush(); err != nil {
			return err
		}
	}
	if ctx.Err() != nil {
		return nil
	}
	// That nothing more comes may be because nobody is there any more who could write it.
	run, err := s.store.Service.RunOf(ctx, p)
	if err == nil && run.Status == metastore.RunDied {
		_, err = fmt.Fprintf(s.env.Stderr, "levada: run %d died: the process that ran it is gone. Continue it with `levada resume`.\n", p.Run)
	}
	return err
}
