package tasklog

import (
	"bytes"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/levadahq/levada/internal/fault"
)

func collect(t testing.TB, log []byte) []Line {
	t.Helper()
	var all []Line
	for l, err := range Read(log) {
		if err != nil {
			t.Fatal(err)
		}
		l.Text = bytes.Clone(l.Text)
		all = append(all, l)
	}
	return all
}

func TestLogsComeBackAsWritten(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		var w Writer
		var log []byte
		var want []Line
		for range rapid.IntRange(0, 20).Draw(rt, "lines") {
			l := Line{
				Time:    time.UnixMilli(rapid.Int64Range(0, 1<<45).Draw(rt, "ms")),
				Stream:  Stream(rapid.IntRange(0, 1).Draw(rt, "stream")),
				Text:    rapid.SliceOf(rapid.Byte()).Draw(rt, "text"),
				Newline: rapid.Bool().Draw(rt, "newline"),
			}
			want = append(want, l)
			log = w.Append(log, l)
		}
		log = w.End(log)
		got := collect(t, log)
		if len(got) != len(want) {
			rt.Fatalf("%d lines of %d", len(got), len(want))
		}
		for i := range got {
			g, w := got[i], want[i]
			if !g.Time.Equal(w.Time) || g.Stream != w.Stream || !bytes.Equal(g.Text, w.Text) || g.Newline != w.Newline {
				rt.Fatalf("line %d: %+v, want %+v", i, g, w)
			}
		}
		// While it is written, a log holds the first lines and nothing that was not printed.
		cut := rapid.IntRange(0, len(log)).Draw(rt, "cut")
		for i, l := range collect(t, log[:cut]) {
			if !bytes.Equal(l.Text, want[i].Text) {
				rt.Fatalf("line %d of a cut log differs", i)
			}
		}
	})
}

func TestLongLinesBecomeParts(t *testing.T) {
	var w Writer
	long := bytes.Repeat([]byte("x"), 2*MaxText+5)
	got := collect(t, w.Append(nil, Line{Text: long, Newline: true}))
	if len(got) != 3 || got[0].Newline || got[1].Newline || !got[2].Newline || len(got[2].Text) != 5 {
		t.Errorf("%d parts", len(got))
	}
}

func TestReadFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), FileName(3, 1))
	for range ReadFile(path) {
		t.Error("a log that is not there has lines")
	}
	var w Writer
	if err := os.WriteFile(path, w.Append(nil, Line{Text: []byte("a"), Newline: true}), 0o644); err != nil {
		t.Fatal(err)
	}
	n := 0
	for l, err := range ReadFile(path) {
		if n++; err != nil || string(l.Text) != "a" {
			t.Errorf("%+v, %v", l, err)
		}
	}
	if n != 1 {
		t.Errorf("%d lines", n)
	}
}

func TestReadingSaysWhichFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "damaged.log")
	if err := os.WriteFile(path, []byte("no log at all"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{path, t.TempDir()} {
		for how, lines := range map[string]iter.Seq2[Line, error]{"read": ReadFile(path), "followed": (&Tail{Path: path}).Lines()} {
			n := 0
			for _, err := range lines {
				if n++; err == nil || !strings.Contains(err.Error(), path) {
					t.Errorf("%s, %s: %v", path, how, err)
				}
			}
			if n != 1 {
				t.Errorf("%s, %s, yields %d times", path, how, n)
			}
		}
	}
}

// TestReadWhileWritten reads a growing file again and again, as a follower does.
func TestReadWhileWritten(t *testing.T) {
	path := filepath.Join(t.TempDir(), FileName(1, 0))
	var w Writer
	var log []byte
	const lines = 50
	ends := make([]int, 0, lines)
	for i := range lines {
		log = w.Append(log, Line{Time: time.UnixMilli(int64(i)), Text: bytes.Repeat([]byte{'a'}, i), Newline: true})
		ends = append(ends, len(log))
	}
	for n := range len(log) + 1 {
		if err := os.WriteFile(path, log[:n], 0o644); err != nil {
			t.Fatal(err)
		}
		got := 0
		for _, err := range ReadFile(path) {
			if err != nil {
				t.Fatalf("after %d bytes: %v", n, err)
			}
			got++
		}
		want, _ := slices.BinarySearch(ends, n+1)
		if got != want {
			t.Fatalf("after %d bytes there are %d lines, want %d", n, got, want)
		}
	}
}

func FuzzRead(f *testing.F) {
	var w Writer
	f.Add(w.Append(nil, Line{Time: time.UnixMilli(5), Text: []byte("abc"), Newline: true}))
	f.Add([]byte(header + "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"))
	f.Fuzz(func(t *testing.T, data []byte) {
		for l, err := range Read(data) {
			if err != nil && !fault.Is(err, fault.Corrupt) {
				t.Fatalf("an error of no expected kind: %v", err)
			}
			if len(l.Text) > len(data) {
				t.Fatal("more text than log")
			}
		}
	})
}

// TestTail has a follower read a log that grows byte by byte: it gets every line once.
func TestTail(t *testing.T) {
	path := filepath.Join(t.TempDir(), FileName(1, 0))
	tail := Tail{Path: path}
	collect := func() (lines []string) {
		for l, err := range tail.Lines() {
			if err != nil {
				t.Fatal(err)
			}
			lines = append(lines, fmt.Sprintf("%d %s %s", l.Time.UnixMilli(), l.Stream, l.Text))
		}
		return lines
	}
	if got := collect(); got != nil {
		t.Errorf("without a file: %q", got)
	}
	var w Writer
	var log []byte
	var want, got []string
	for i := range 30 {
		l := Line{Time: time.UnixMilli(int64(1000 + 7*i)), Stream: Stream(i % 2), Text: bytes.Repeat([]byte{'a'}, 3*i), Newline: true}
		log = w.Append(log, l)
		want = append(want, fmt.Sprintf("%d %s %s", l.Time.UnixMilli(), l.Stream, l.Text))
	}
	log = w.End(log)
	for n := range len(log) + 1 {
		if err := os.WriteFile(path, log[:n], 0o644); err != nil {
			t.Fatal(err)
		}
		got = append(got, collect()...)
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q\nwant %q", got, want)
	}
	for range tail.Lines() {
		t.Error("a line is read twice")
	}
}

// A log of which a bit has changed since it ended is shown as far as it can be read, and then that is told.
func TestAChangedBit(t *testing.T) {
	var w Writer
	var log []byte
	const count = 5
	for i := range count {
		log = w.Append(log, Line{Time: time.UnixMilli(int64(i)), Text: fmt.Appendf(nil, "line %d", i), Newline: true})
	}
	end, inText := len(log), bytes.Index(log, []byte("line 1"))
	log = w.End(log)
	path := filepath.Join(t.TempDir(), FileName(1, 0))
	for at := range log {
		changed := bytes.Clone(log)
		changed[at] ^= 1
		if err := os.WriteFile(path, changed, 0o644); err != nil {
			t.Fatal(err)
		}
		for how, lines := range map[string]iter.Seq2[Line, error]{"read": Read(changed), "file": ReadFile(path)} {
			n, last := 0, error(nil)
			for _, err := range Whole(lines, count, path) {
				if last = err; err == nil {
					n++
				}
			}
			if at < end && (!fault.Is(last, fault.Corrupt) || !strings.Contains(last.Error(), path)) {
				t.Errorf("%s, byte %d of %d: %d lines, %v", how, at, end, n, last)
			}
			if (at == inText || at >= end) && n != count {
				t.Errorf("%s, byte %d of %d: %d lines, %v", how, at, end, n, last)
			}
		}
	}
}

func TestFileNames(t *testing.T) {
	if task, attempt, ok := ParseFileName(FileName(12, 3)); task != 12 || attempt != 3 || !ok {
		t.Errorf("%d %d %v", task, attempt, ok)
	}
	for _, name := range []string{"", "3.log", "3-0", "3-0.log.bak", "3-0.anything", "03-0.log", "-3-0.log", "3--1.log", "+3-0.log", "3-0.card-1.json", "99999999999999999999-0.log"} {
		if _, _, ok := ParseFileName(name); ok {
			t.Errorf("%q is taken for a log", name)
		}
	}
}

func TestWhole(t *testing.T) {
	var w Writer
	log := w.Append(nil, Line{Text: []byte("a"), Newline: true})
	log = w.Append(log, Line{Text: []byte("b"), Newline: true})
	kept := w.Append(bytes.Clone(log), Line{Text: []byte(Truncated), Newline: true})
	for _, c := range []struct {
		log     []byte
		written int64
		whole   bool
	}{{log, 2, true}, {log, 0, true}, {log, 3, false}, {log[:len(log)-1], 2, false}, {nil, 1, false}, {nil, 0, true}, {kept, 1000, true}} {
		var last error
		for _, err := range Whole(Read(c.log), c.written, "x.log") {
			last = err
		}
		if c.whole && last != nil || !c.whole && !fault.Is(last, fault.Corrupt) {
			t.Errorf("%d bytes of a log of %d lines: %v", len(c.log), c.written, last)
		}
	}
}
