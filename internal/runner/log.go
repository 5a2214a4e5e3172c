package runner

import (
	"bytes"
	"os"
	"path/filepath"
	"time"

	"github.com/levadahq/levada/internal/fault"
	"github.com/levadahq/levada/internal/metastore"
	"github.com/levadahq/levada/internal/tasklog"
)

const (
	// maxLine is the size in bytes above which a line is passed on in parts.
	maxLine = 64 << 10
	// shortLog is the size in bytes up to which a log stays in memory and goes into the database.
	shortLog = 32 << 10
)

// attemptLog keeps what an attempt prints. A short log is held and ends in the database. It
// moves to a file when it grows, or when the task has run for a second, so that it can be read
// while the task runs.
type attemptLog struct {
	r    *Runner
	rec  *metastore.Attempt
	enc  tasklog.Writer
	held []byte // not yet in the file
	out  *os.File
	full [2]bool // the stream printed more than is kept: the log of it has ended
	part [2]bool // what is kept of the stream ends within a line
	kept [2]int64

	file  string // name of the file, if there is one
	lines int64
	bytes int64
	err   error // the file could not be written
}

func (l *attemptLog) init(r *Runner, rec *metastore.Attempt) { l.r, l.rec = r, rec }

// add takes over what was read from a stream: lines, of which the last may have no end.
func (l *attemptLog) add(a *attempt, now time.Time, s tasklog.Stream, data []byte) {
	for len(data) > 0 {
		line := tasklog.Line{Time: now, Stream: s}
		if i := bytes.IndexByte(data, '\n'); i >= 0 {
			line.Text, line.Newline, data = data[:i], true, data[i+1:]
		} else {
			line.Text, data = data, nil
		}
		l.keep(line)
		e := &Event{Kind: LogLine, Time: now, Stream: s.String(), Text: string(line.Text)}
		a.emit(e)
	}
}

func (l *attemptLog) keep(line tasklog.Line) {
	l.lines++
	l.bytes += int64(len(line.Text)) + 1
	i := line.Stream & 1
	if l.full[i] {
		return
	}
	if limit := l.r.MaxLogSize; limit > 0 && l.kept[i]+int64(len(line.Text)) > limit {
		l.full[i] = true
		if l.part[i] { // its line ends here
			l.held = l.enc.Append(l.held, tasklog.Line{Time: line.Time, Stream: line.Stream, Newline: true})
		}
		line.Text, line.Newline = []byte(tasklog.Truncated), true
	}
	l.kept[i] += int64(len(line.Text)) + 1
	l.part[i] = !line.Newline
	l.held = l.enc.Append(l.held, line)
	if len(l.held) > shortLog {
		l.spill()
	}
}

// show moves what is held to the file, where others can read it.
func (l *attemptLog) show() {
	if len(l.held) > 0 && l.r.Now().Sub(l.rec.Started) >= time.Second {
		l.spill()
	}
}

// spill moves what is held to the file.
func (l *attemptLog) spill() {
	if l.err == nil && l.out == nil {
		l.file = tasklog.FileName(l.rec.Task, l.rec.N)
		if l.err = os.MkdirAll(l.r.LogDir, 0o777); l.err == nil {
			l.out, l.err = os.Create(filepath.Join(l.r.LogDir, l.file))
		}
	}
	if l.err == nil {
		_, l.err = l.out.Write(l.held)
	}
	l.held = l.held[:0]
}

// close ends the log, and returns it if it goes into the database, nil if it is in a file or there is none.
func (l *attemptLog) close() []byte {
	l.held = l.enc.End(l.held)
	if l.out == nil && l.err == nil {
		if len(l.held) == 0 {
			return nil
		}
		return l.held
	}
	if len(l.held) > 0 {
		l.spill()
	}
	if l.out != nil {
		if err := l.out.Sync(); l.err == nil {
			l.err = err
		}
		if err := l.out.Close(); l.err == nil {
			l.err = err
		}
	}
	return nil
}

// problem is why the log is not whole, nil if it is.
func (l *attemptLog) problem() error {
	return fault.Wrap(fault.Internal, "write the task's log", l.err)
}
