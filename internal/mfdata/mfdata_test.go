package mfdata

import (
	"bytes"
	"compress/gzip"
	"crypto/sha1"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/levadahq/levada/internal/fault"
	"github.com/levadahq/levada/internal/tasklog"
)

// keep writes a value as Metaflow does.
func keep(t *testing.T, root, data string, raw bool) Reference {
	t.Helper()
	sum := sha1.Sum([]byte(data))
	ref := Reference{Type: "local", Root: root, Flow: "F", SHA: hex.EncodeToString(sum[:])}
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
		if !ok || again != ref {
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

func TestPlace(t *testing.T) {
	root := t.TempDir()
	p := PlaceOf("local", root, "F", "12", "start", "3", "0")
	if file, ok := PlaceOfLog(p.LogFile()); !ok || file != p {
		t.Errorf("log file %q", p.LogFile())
	}
	for _, bad := range []Place{
		PlaceOf("s3", root, "F", "12", "start", "3", "0"), PlaceOf("local", "x", "F", "12", "start", "3", "0"),
		PlaceOf("local", root, "F", "12", "..", "3", "0"), PlaceOf("local", root, "F", "1/2", "start", "3", "0"),
	} {
		if bad != "" || bad.LogFile() != "" || bad.Artifacts() != nil {
			t.Errorf("a place: %q", bad)
		}
	}
	if got := p.Artifacts(); got != nil {
		t.Errorf("artifacts of nothing: %v", got)
	}
	write(t, string(p)+".data.json", `{"info":{"x":{"size":21,"type":"<class 'float'>","encoding":"pickle-v4"}}}`)
	if got := p.Artifacts()["x"]; got != (Info{21, "float", "pickle-v4"}) {
		t.Errorf("artifact: %+v", got)
	}
}

func TestLog(t *testing.T) {
	p := PlaceOf("local", t.TempDir(), "F", "12", "start", "3", "0")
	lines := func() (list []tasklog.Line) {
		for l, err := range p.Log() {
			if err != nil {
				t.Fatal(err)
			}
			list = append(list, l)
		}
		return list
	}
	if got := lines(); got != nil {
		t.Errorf("log of nothing: %v", got)
	}
	long := strings.Repeat("y", tasklog.MaxText+10)
	write(t, string(p)+".runtime_stdout.log", "[MFLOG|0|2026-01-02T03:04:05.000006Z|runtime|u-1]first\nno time\n[MFLOG|0|2026-01-02T03:04:07Z|runtime|u-2]last]x")
	write(t, string(p)+".task_stderr.log", "[![MFLOG|0|2026-01-02T03:04:06.5Z|task|u-3]"+long+"\n")
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

// TestLinksAreNotFollowed has links and pipes in the place of logs: whoever records a run says where they are, and whoever asks is told what is
// in them.
func TestLinksAreNotFollowed(t *testing.T) {
	dir := t.TempDir()
	secret := filepath.Join(dir, "secret")
	write(t, secret, "secret\n")
	if err := os.Symlink(secret, filepath.Join(dir, "0.task_stdout.log")); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(filepath.Join(dir, "1.task_stdout.log"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, attempt := range []string{"0", "1"} {
		n := 0
		for line, err := range Place(filepath.Join(dir, attempt)).Log() {
			if n++; !fault.Is(err, fault.Permission) {
				t.Errorf("attempt %s: %q, %v", attempt, line.Text, err)
			}
		}
		if n != 1 {
			t.Errorf("attempt %s: %d lines and errors, want an error", attempt, n)
		}
	}
}
