package runner

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/levadahq/levada/internal/fault"
	"github.com/levadahq/levada/internal/metastore"
	"github.com/levadahq/levada/internal/tasklog"
)

// What is printed after the limit of a log is not in it, also if it were short enough: the
// marker ends its stream, on a line of its own.
func TestMarkerEndsTheStream(t *testing.T) {
	r := &Runner{}
	r.MaxLogSize = 100
	var l attemptLog
	l.init(r, &metastore.Attempt{})
	say := func(s tasklog.Stream, text string, newline bool) {
		l.keep(tasklog.Line{Time: time.UnixMilli(1), Stream: s, Text: []byte(text), Newline: newline})
	}
	say(tasklog.Stdout, "first", true)
	say(tasklog.Stdout, strings.Repeat("B", 60), false)
	say(tasklog.Stderr, "error", true)
	say(tasklog.Stdout, strings.Repeat("B", 60), false)
	say(tasklog.Stdout, "", true)
	say(tasklog.Stdout, "after", true)
	say(tasklog.Stderr, strings.Repeat("E", 120), true)
	say(tasklog.Stderr, "after", true)
	got := map[tasklog.Stream]string{}
	for line, err := range tasklog.Read(l.close()) {
		if err != nil {
			t.Fatal(err)
		}
		got[line.Stream] += string(line.Text)
		if line.Newline {
			got[line.Stream] += "\n"
		}
	}
	for s, want := range map[tasklog.Stream]string{
		tasklog.Stdout: "first\n" + strings.Repeat("B", 60) + "\n" + tasklog.Truncated + "\n",
		tasklog.Stderr: "error\n" + tasklog.Truncated + "\n",
	} {
		if got[s] != want {
			t.Errorf("%s is %q, want %q", s, got[s], want)
		}
	}
	if l.lines != 8 {
		t.Errorf("%d lines were printed", l.lines)
	}
}

// A log that is finished is sealed, whether it goes into a file or into the database: a changed byte is noticed.
func TestLogsAreSealed(t *testing.T) {
	for _, long := range []bool{false, true} {
		r := &Runner{}
		r.LogDir = t.TempDir()
		var l attemptLog
		l.init(r, &metastore.Attempt{Task: 1})
		text := "good text"
		if long {
			text += strings.Repeat(".", shortLog)
		}
		l.keep(tasklog.Line{Time: time.UnixMilli(1), Text: []byte(text), Newline: true})
		log := l.close()
		if long {
			var err error
			if log, err = os.ReadFile(filepath.Join(r.LogDir, l.file)); err != nil {
				t.Fatal(err)
			}
		}
		for changed, want := range map[string]bool{"good": false, "wood": true} {
			var last error
			for _, err := range tasklog.Read(bytes.Replace(log, []byte("good"), []byte(changed), 1)) {
				last = err
			}
			if fault.Is(last, fault.Corrupt) != want {
				t.Errorf("long %t, %q: %v", long, changed, last)
			}
		}
	}
}
