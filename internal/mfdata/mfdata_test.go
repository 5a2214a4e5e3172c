package mfdata

import (
	"bytes"
	"compress/gzip"
	"crypto/sha1"
	"encoding/hex"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/levadahq/levada/internal/fault"
	"github.com/levadahq/levada/internal/tasklog"
)

// me records the runs, where nothing else is said.
var me = os.Geteuid()

// keep writes a value as Metaflow does.
func keep(t *testing.T, root, data string, raw bool) Reference {
	t.Helper()
	sum := sha1.Sum([]byte(data))
	ref := Reference{Type: "local", Root: root, Flow: "F", SHA: hex.EncodeToString(sum[:]), By: &me}
	path := filepath.Join(root, "F", "data", ref.SHA[:2], ref.SHA)
	write(t, path+"_meta", map[bool]string{true: `{"cas_raw":true,"cas_version":1}`, false: `{"cas_raw":false,"cas_version":1}`}[raw])
	if raw {
		write(t, path, data)
		return ref
	}
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	z.Write([]byte(data))
	z.Close()
	write(t, path, b.String())
	return ref
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
}

func TestValue(t *testing.T) {
	root := t.TempDir()
	for _, raw := range []bool{false, true} {
		ref := keep(t, root, "a value", raw)
		again, ok := ParseReference(ref.Encode())
		if !ok || !reflect.DeepEqual(again, ref) {
			t.Errorf("reference: %+v, %v", again, ok)
		}
		for _, max := range []int64{0, 7, 100} {
			if data, err := again.Value(max); err != nil || string(data) != "a value" {
				t.Errorf("raw %v, max %d: %q, %v", raw, max, data, err)
			}
		}
		if _, err := ref.Value(6); !fault.Is(err, fault.Invalid) {
			t.Errorf("a value that is too large: %v", err)
		}
	}
	good := keep(t, root, "other", false)
	write(t, filepath.Join(root, "F", "data", good.SHA[:2], good.SHA), "damaged")
	for name, test := range map[string]struct {
		change func(*Reference)
		kind   fault.Kind
	}{
		"damaged":       {func(*Reference) {}, fault.Corrupt},
		"in the cloud":  {func(r *Reference) { r.Type = "s3" }, fault.Unavailable},
		"not here":      {func(r *Reference) { r.SHA = strings.Repeat("0", 40) }, fault.Unavailable},
		"relative root": {func(r *Reference) { r.Root = "x" }, fault.Unavailable},
		"no hash":       {func(r *Reference) { r.SHA = "../../../../etc/passwd" }, fault.Unavailable},
		"a way out":     {func(r *Reference) { r.Flow = ".." }, fault.Unavailable},
	} {
		ref := good
		test.change(&ref)
		if _, err := ref.Value(0); !fault.Is(err, test.kind) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// rootedPath is the path of a place.
func rootedPath(p Place) string { return string(p)[strings.Index(string(p), "/"):] }

func TestPlace(t *testing.T) {
	root := t.TempDir()
	p := PlaceOf(&me, "local", root, "F", "12", "start", "3", "0")
	if file, ok := PlaceOfLog(p.LogFile()); !ok || file != p {
		t.Errorf("log file %q", p.LogFile())
	}
	for _, bad := range []Place{
		PlaceOf(&me, "s3", root, "F", "12", "start", "3", "0"), PlaceOf(&me, "local", "x", "F", "12", "start", "3", "0"),
		PlaceOf(&me, "local", root, "F", "12", "..", "3", "0"), PlaceOf(&me, "local", root, "F", "1/2", "start", "3", "0"),
	} {
		if bad != "" || bad.LogFile() != "" || bad.Artifacts() != nil {
			t.Errorf("a place: %q", bad)
		}
	}
	if got := p.Artifacts(); got != nil {
		t.Errorf("artifacts of nothing: %v", got)
	}
	write(t, rootedPath(p)+".data.json", `{"info":{"x":{"size":21,"type":"<class 'float'>","encoding":"pickle-v4"}}}`)
	if got := p.Artifacts()["x"]; got != (Info{21, "float", "pickle-v4"}) {
		t.Errorf("artifact: %+v", got)
	}
}

func TestLog(t *testing.T) {
	p := PlaceOf(&me, "local", t.TempDir(), "F", "12", "start", "3", "0")
	lines := func() (list []tasklog.Line) {
		for l, err := range p.Log() {
			if err != nil {
				t.Fatal(err)
			}
			l.Text = bytes.Clone(l.Text)
			list = append(list, l)
		}
		return list
	}
	if got := lines(); got != nil {
		t.Errorf("log of nothing: %v", got)
	}
	long := strings.Repeat("y", tasklog.MaxText+10)
	write(t, rootedPath(p)+".runtime_stdout.log", "[MFLOG|0|2026-01-02T03:04:05.000006Z|runtime|u-1]first\nno time\n[MFLOG|0|2026-01-02T03:04:07Z|runtime|u-2]last]x")
	write(t, rootedPath(p)+".task_stderr.log", "[![MFLOG|0|2026-01-02T03:04:06.5Z|task|u-3]"+long+"\n")
	got := lines()
	at := time.Date(2026, 1, 2, 3, 4, 5, 6000, time.UTC)
	if len(got) != 5 || string(got[0].Text) != "first" || !got[0].Time.Equal(at) || !got[1].Time.Equal(at) || string(got[1].Text) != "no time" ||
		got[2].Stream != tasklog.Stderr || got[2].Newline || !got[3].Newline || len(got[2].Text)+len(got[3].Text) != len(long) ||
		string(got[4].Text) != "last]x" || got[4].Newline {
		for _, l := range got {
			t.Errorf("%v %v %v %.20q", l.Time, l.Stream, l.Newline, l.Text)
		}
	}
}

// A clock that was set back does not change the order in which a stream was written.
func TestLogOfAClockThatWasSetBack(t *testing.T) {
	p := PlaceOf(&me, "local", t.TempDir(), "F", "12", "start", "3", "0")
	line := func(second, text string) string {
		return "[MFLOG|0|2026-01-02T03:04:" + second + "Z|task|u-1]" + text + "\n"
	}
	write(t, rootedPath(p)+".task_stdout.log", line("05", "a")+line("09", "d")+line("02", "e"))
	write(t, rootedPath(p)+".task_stderr.log", line("06", "b")+line("07", "c")+line("09", "f"))
	if text, err := logOf(p); text != "abcdef" || err != nil {
		t.Errorf("%q, %v", text, err)
	}
}

// A log of nothing but the ends of lines, held in memory, would take hundreds of times its size.
func TestLogOfEmptyLinesTakesNoMemory(t *testing.T) {
	p := PlaceOf(&me, "local", t.TempDir(), "F", "12", "start", "3", "0")
	const size = 1 << 20
	write(t, rootedPath(p)+".task_stdout.log", strings.Repeat("\n", size))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	n := 0
	for l, err := range p.Log() {
		if err != nil || len(l.Text) != 0 || !l.Newline {
			t.Fatalf("%q, %v", l.Text, err)
		}
		n++
	}
	runtime.ReadMemStats(&after)
	if took := after.TotalAlloc - before.TotalAlloc; n != size || took > 16<<20 {
		t.Errorf("%d lines took %d bytes", n, took)
	}
}

// logOf returns what the log of a place has, and the error.
func logOf(p Place) (text string, err error) {
	for line, bad := range p.Log() {
		text += string(line.Text)
		err = bad
	}
	return text, err
}

// TestLinksAreNotFollowed has links and pipes in the place of logs and values, and of folders on the way to them:
// whoever records a run says where they are, and whoever asks is told what is in them.
func TestLinksAreNotFollowed(t *testing.T) {
	dir := t.TempDir()
	link := func(to, from string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(from), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(to, from); err != nil {
			t.Fatal(err)
		}
	}
	secret := filepath.Join(dir, "secret")
	write(t, filepath.Join(secret, "0.task_stdout.log"), "secret\n")
	root := filepath.Join(dir, "ds")
	link(filepath.Join(secret, "0.task_stdout.log"), filepath.Join(root, "F/1/start/1/0.task_stdout.log"))
	pipe := filepath.Join(root, "F/1/start/1/1.task_stdout.log")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	link(secret, filepath.Join(root, "F/1/start/2"))
	link(dir, filepath.Join(root, "F/1/linked"))
	for _, p := range []Place{
		PlaceOf(&me, "local", root, "F", "1", "start", "1", "0"), PlaceOf(&me, "local", root, "F", "1", "start", "1", "1"),
		PlaceOf(&me, "local", root, "F", "1", "start", "2", "0"), PlaceOf(&me, "local", root, "F", "1", "linked", "secret", "0"),
		"0:/", "x", "x:/a/b",
	} {
		if text, err := logOf(p); text != "" || err != nil && !fault.Is(err, fault.Permission) || err == nil && strings.Contains(string(p), "ds") {
			t.Errorf("%s: %q, %v", p, text, err)
		}
	}

	ref := keep(t, root, "a value", true)
	value := filepath.Join(root, "F", "data", ref.SHA[:2], ref.SHA)
	away := filepath.Join(dir, "away")
	if err := os.Rename(filepath.Dir(value), away); err != nil {
		t.Fatal(err)
	}
	link(away, filepath.Dir(value))
	if _, err := ref.Value(0); !fault.Is(err, fault.Permission) {
		t.Errorf("a value in a folder that is a link: %v", err)
	}
	linked := filepath.Join(dir, "linked")
	link(root, linked) // the root itself may be behind a link: it is as good as the name of where that leads
	ok := keep(t, root, "other", false)
	ok.Root = linked
	if data, err := ok.Value(0); string(data) != "other" {
		t.Errorf("a root behind a link: %q, %v", data, err)
	}
}

// TestPipesAndDevices has in the place of a value, and of what is said of it, what can be read without end.
func TestPipesAndDevices(t *testing.T) {
	root := t.TempDir()
	pipe := keep(t, root, "one", false)
	path := func(r Reference) string { return filepath.Join(root, "F", "data", r.SHA[:2], r.SHA) }
	os.Remove(path(pipe))
	if err := syscall.Mkfifo(path(pipe), 0o600); err != nil {
		t.Fatal(err)
	}
	endless := keep(t, root, "two", false)
	os.Remove(path(endless) + "_meta")
	if err := os.Symlink("/dev/zero", path(endless)+"_meta"); err != nil {
		t.Fatal(err)
	}
	long := keep(t, root, "three", true)
	write(t, path(long)+"_meta", `{"cas_raw":true`+strings.Repeat(" ", 2*maxMeta)+"}")
	done := make(chan bool)
	go func() {
		defer close(done)
		if _, err := pipe.Value(0); !fault.Is(err, fault.Permission) {
			t.Errorf("a pipe: %v", err)
		}
		if data, err := endless.Value(0); string(data) != "two" {
			t.Errorf("a value whose description has no end: %q, %v", data, err)
		}
		if _, err := long.Value(0); !fault.Is(err, fault.Corrupt) {
			t.Errorf("a value whose description is too long: %v", err)
		}
	}()
	select {
	case <-done:
	case <-time.After(time.Minute):
		t.Fatal("it is waited for what never comes")
	}
}

// TestOnlyWhatTheRecorderMayRead has root's process asked by users for what only some of them may read.
func TestOnlyWhatTheRecorderMayRead(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root reads what others may not")
	}
	const owner, other = 54321, 54322
	number := func(n int) *int { return &n }
	base, err := os.MkdirTemp("/tmp", "mfdata") // all may pass through
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(base) })
	os.Chmod(base, 0o755)
	for _, c := range []struct {
		name         string
		uid          int
		folder, file os.FileMode
		may, not     []*int
	}{
		{"public", 0, 0o755, 0o644, []*int{nil, number(Somebody), number(0), number(owner)}, nil},
		{"root's own", 0, 0o700, 0o644, []*int{number(0)}, []*int{nil, number(Somebody), number(owner)}},
		{"root's own file", 0, 0o755, 0o600, []*int{number(0)}, []*int{nil, number(Somebody), number(owner)}},
		{"a user's", owner, 0o700, 0o600, []*int{number(0), number(owner)}, []*int{nil, number(Somebody), number(other)}},
		{"a group's", owner, 0o750, 0o640, []*int{number(0), number(owner)}, []*int{nil, number(Somebody), number(other)}},
		{"not even its owner's", owner, 0o755, 0o044, []*int{nil, number(other)}, []*int{number(owner)}},
	} {
		root := filepath.Join(base, c.name)
		ref := keep(t, root, "a value", false)
		place := func(by *int) Place { return PlaceOf(by, "local", root, "F", "1", "start", "1", "0") }
		write(t, filepath.Join(root, "F/1/start/1/0.task_stdout.log"), "a line\n")
		if err := filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
			os.Chown(path, c.uid, c.uid)
			mode := c.file
			if d.IsDir() {
				mode = 0o755
			}
			return os.Chmod(path, mode)
		}); err != nil {
			t.Fatal(err)
		}
		os.Chmod(root, c.folder)
		for _, list := range [][]*int{c.may, c.not} {
			for i, by := range list {
				may := i < len(c.may) && &list[0] == &c.may[0]
				who := "nobody can tell who"
				if by != nil {
					who = strconv.Itoa(*by)
				}
				ref.By = by
				if data, err := ref.Value(0); may != (string(data) == "a value") || !may && !fault.Is(err, fault.Permission) {
					t.Errorf("%s, %s: value %q, %v", c.name, who, data, err)
				}
				p, ok := PlaceOfLog(place(by).LogFile())
				if text, err := logOf(p); !ok || may != (text == "a line") || !may && (!fault.Is(err, fault.Permission) || fault.HintOf(err) == "") {
					t.Errorf("%s, %s: log %q, %v", c.name, who, text, err)
				}
			}
		}
	}
}
