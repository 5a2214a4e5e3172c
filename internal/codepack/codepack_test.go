package codepack

import (
	"archive/tar"
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/levadahq/levada/internal/fault"
)

// write makes files; a text "-> x" makes a link to x.
func write(t testing.TB, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		p := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
		var err error
		if target, ok := strings.CutPrefix(text, "-> "); ok {
			err = os.Symlink(target, p)
		} else {
			err = os.WriteFile(p, []byte(text), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

func pack(t testing.TB, o Options) *Package {
	t.Helper()
	p, err := Pack(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// contents returns the files below a folder.
func contents(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(p)
		rel, _ := filepath.Rel(dir, p)
		files[filepath.ToSlash(rel)] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func unpacked(t *testing.T, p *Package) map[string]string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "new", "place")
	n, err := Unpack(bytes.NewReader(p.Data), dir)
	if err != nil {
		t.Fatal(err)
	}
	if n != p.Files {
		t.Errorf("unpacked %d files, packed %d", n, p.Files)
	}
	return contents(t, dir)
}

func TestWhatIsTaken(t *testing.T) {
	dir := t.TempDir()
	long := strings.Repeat("deep/", 60) + "löng.py"
	write(t, dir, map[string]string{
		"flow.py": "flow", "helpers/__init__.py": "", "helpers/a.py": "a", "m.R": "r", "m.RDS": "rds", long: "long",
		"flow.pyc": "no", "data.csv": "no", "README.md": "no", "flow.txt": "txt",
		".hidden.py": "no", ".git/x.py": "no", ".levada/x.py": "no", "__pycache__/x.py": "no", "node_modules/x.py": "no",
		"venv/pyvenv.cfg": "", "venv/lib/x.py": "no", "conda/conda-meta/h": "", "conda/x.py": "no", "lib/site-packages/x.py": "no",
		"link.py": "-> helpers/a.py", "broken.py": "-> nowhere", "self": "-> .", "helpers/up": "-> ..",
	})
	if err := os.Chmod(filepath.Join(dir, "flow.py"), 0o755); err != nil {
		t.Fatal(err)
	}
	other := t.TempDir()
	write(t, other, map[string]string{"shared.py": "shared", "x/y.py": "y", "x/loop": "-> ."})
	write(t, dir, map[string]string{"shared": "-> " + other})

	p := pack(t, Options{Dir: dir, Include: []string{"flow.txt", "flow.py", "../x", "gone"}})
	want := map[string]string{
		"flow.py": "flow", "helpers/__init__.py": "", "helpers/a.py": "a", "m.R": "r", "m.RDS": "rds", long: "long", "flow.txt": "txt",
		"link.py": "a", "shared/shared.py": "shared", "shared/x/y.py": "y",
	}
	if got := unpacked(t, p); !reflect.DeepEqual(got, want) {
		t.Errorf("got %v\nwant %v", got, want)
	}
	if p.Note != "" || p.Files != len(want) {
		t.Errorf("note %q, %d files", p.Note, p.Files)
	}

	p = pack(t, Options{Dir: dir, Suffixes: ParseSuffixes(" .csv, .md,.csv,")})
	want = map[string]string{"data.csv": "no", "README.md": "no"}
	if got := unpacked(t, p); !reflect.DeepEqual(got, want) {
		t.Errorf("other suffixes: %v", got)
	}
}

func TestSources(t *testing.T) {
	dir, src := t.TempDir(), t.TempDir()
	write(t, dir, map[string]string{"flow.py": "flow", "lib/own.py": "own", "data.CSV": "rows"})
	write(t, src, map[string]string{
		"lib/own.py": "other", "lib/a.py": "a", "lib/deep/b.PY": "b", "lib/c.yaml": "c", "lib/.hidden.py": "no", "settings.toml": "t",
		"linked/d.py": "d", "lib/link": "-> ../linked",
	})
	options := Options{Dir: dir, Suffixes: []string{".py", ".csv"}, Sources: []Source{
		{Path: filepath.Join(src, "lib"), Name: "lib"},
		{Path: filepath.Join(src, "lib"), Name: "vendor/copy", Suffixes: []string{".yaml"}},
		{Path: filepath.Join(src, "settings.toml"), Name: "settings.toml"},
		{Path: filepath.Join(src, "gone"), Name: "gone"},
	}}
	p := pack(t, options)
	want := map[string]string{
		"flow.py": "flow", "lib/own.py": "own", "data.CSV": "rows", "lib/a.py": "a", "lib/deep/b.PY": "b", "lib/link/d.py": "d",
		"vendor/copy/c.yaml": "c", "settings.toml": "t",
	}
	if got := unpacked(t, p); !reflect.DeepEqual(got, want) {
		t.Errorf("got %v\nwant %v", got, want)
	}
	if want := "Left out of the code package: " + filepath.Join(src, "gone") + ": no such file or directory."; p.Note != want {
		t.Errorf("note %q, want %q", p.Note, want)
	}

	options.MaxEntries = 6 // the flow's folder has 4
	if p := pack(t, options); p.Data != nil || !strings.Contains(p.Note, "lib (") {
		t.Errorf("over entries: %d bytes, %q", len(p.Data), p.Note)
	}
	options.MaxEntries, options.MaxBytes = 0, 8
	if p := pack(t, options); p.Data != nil || !strings.Contains(p.Note, "No code package was taken") {
		t.Errorf("over bytes: %d bytes, %q", len(p.Data), p.Note)
	}
}

func TestSourcesThatDoNotFit(t *testing.T) {
	dir, src := t.TempDir(), t.TempDir()
	write(t, dir, map[string]string{"flow.py": "flow", "lib/own.py": "own"})
	write(t, src, map[string]string{"one.py": "one", "more/two.py": "two"})
	if err := syscall.Mkfifo(filepath.Join(src, "pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	p := pack(t, Options{Dir: dir, Sources: []Source{
		{Path: filepath.Join(src, "one.py"), Name: "lib"},
		{Path: filepath.Join(src, "more"), Name: "flow.py/more"},
		{Path: filepath.Join(src, "pipe"), Name: "pipe"},
		{Path: filepath.Join(src, "more"), Name: "lib/more"},
	}})
	want := map[string]string{"flow.py": "flow", "lib/own.py": "own", "lib/more/two.py": "two"}
	if got := unpacked(t, p); !reflect.DeepEqual(got, want) {
		t.Errorf("got %v\nwant %v", got, want)
	}
	note := "Left out of the code package: SRC/more/two.py: there is a file flow.py in the package; " +
		"SRC/one.py: there is a folder lib in the package; SRC/pipe: it is neither a file nor a folder."
	if want := strings.ReplaceAll(note, "SRC", src); p.Note != want {
		t.Errorf("note %q\nwant %q", p.Note, want)
	}
}

func TestSameContentSameBytes(t *testing.T) {
	files := map[string]string{}
	for i := range 300 {
		files[fmt.Sprintf("d%d/f%d.py", i%7, i)] = strings.Repeat(fmt.Sprint(i), i)
	}
	a, b := t.TempDir(), t.TempDir()
	write(t, a, files)
	write(t, b, files)
	for name := range files {
		if err := os.Chtimes(filepath.Join(b, name), time.Unix(1, 0), time.Unix(1, 0)); err != nil {
			t.Fatal(err)
		}
	}
	first, second := pack(t, Options{Dir: a}), pack(t, Options{Dir: b})
	if !bytes.Equal(first.Data, second.Data) {
		t.Error("the same files give other bytes")
	}
	write(t, b, map[string]string{"d0/f0.py": "changed"})
	if bytes.Equal(first.Data, pack(t, Options{Dir: b}).Data) {
		t.Error("other files give the same bytes")
	}
}

func TestLimits(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{"big.py": strings.Repeat("x", 5000), "small.py": "y", "data/a.csv": "", "data/b.csv": "", "data/c.csv": ""})
	p := pack(t, Options{Dir: dir, MaxBytes: 4000})
	if p.Data != nil || !strings.Contains(p.Note, "big.py (4.9 KiB)") || !strings.Contains(p.Note, "--package-suffixes") {
		t.Errorf("over bytes: %d bytes, %q", len(p.Data), p.Note)
	}
	p = pack(t, Options{Dir: dir, MaxEntries: 5})
	if p.Data != nil || !strings.Contains(p.Note, "more than 5 files") || !strings.Contains(p.Note, "data (3)") {
		t.Errorf("over entries: %d bytes, %q", len(p.Data), p.Note)
	}
	if p = pack(t, Options{Dir: dir, MaxEntries: 6}); p.Data == nil || p.Note != "" {
		t.Errorf("at the limit: %d bytes, %q", len(p.Data), p.Note)
	}
}

func TestLargeLinkIsLeftOut(t *testing.T) {
	dir, data := t.TempDir(), t.TempDir()
	files := map[string]string{}
	for i := range linkEntries + 1 {
		files[fmt.Sprintf("%d.py", i)] = ""
	}
	write(t, data, files)
	write(t, dir, map[string]string{"flow.py": "flow", "data": "-> " + data})
	p := pack(t, Options{Dir: dir})
	if p.Files != 1 || !strings.Contains(p.Note, "link data") {
		t.Errorf("%d files, %q", p.Files, p.Note)
	}
}

// However many links lead to folders, no more entries are looked at below them together than in the folder itself.
func TestManyLinksAreBounded(t *testing.T) {
	dir, data := t.TempDir(), t.TempDir()
	files := map[string]string{"flow.py": "flow"}
	for i := range 9 {
		files[fmt.Sprintf("link%d", i)] = "-> " + data
	}
	write(t, dir, files)
	write(t, data, map[string]string{"a.py": "", "b.py": "", "c.csv": "", "d.csv": ""})
	p := pack(t, Options{Dir: dir, MaxEntries: 10})
	if p.Files != 1+2*2 || !strings.Contains(p.Note, "link2, link3, link4, link5, link6 and 2 more") || !strings.Contains(p.Note, "10 below all") {
		t.Errorf("%d files, %q", p.Files, p.Note)
	}
	if p = pack(t, Options{Dir: dir, MaxEntries: 36}); p.Files != 1+9*2 || p.Note != "" {
		t.Errorf("at the limit: %d files, %q", p.Files, p.Note)
	}
}

func TestFileThatCannotBeRead(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{"a.py": "a", "b.py": "b"})
	l, err := List(context.Background(), Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(dir, "a.py")); err != nil {
		t.Fatal(err)
	}
	write(t, dir, map[string]string{"b.py": strings.Repeat("grown", 1000)})
	p, err := l.Pack(context.Background())
	if err != nil || p.Files != 1 || !strings.Contains(p.Note, "a.py: no such file") {
		t.Errorf("%+v, %v", p, err)
	}
	if got := unpacked(t, p); len(got["b.py"]) != 5000 {
		t.Errorf("a file that grew: %d bytes", len(got["b.py"]))
	}
}

func TestEmptyAndMissingFolder(t *testing.T) {
	p := pack(t, Options{Dir: t.TempDir()})
	if p.Data == nil || p.Files != 0 || len(unpacked(t, p)) != 0 {
		t.Errorf("empty folder: %+v", p)
	}
	if _, err := Pack(context.Background(), Options{Dir: filepath.Join(t.TempDir(), "gone")}); !fault.Is(err, fault.NotFound) {
		t.Errorf("missing folder: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Pack(ctx, Options{Dir: t.TempDir()}); !fault.Is(err, fault.Interrupted) {
		t.Errorf("cancelled: %v", err)
	}
}

// archive makes a package by hand.
func archive(t testing.TB, headers ...tar.Header) []byte {
	t.Helper()
	var b bytes.Buffer
	enc, err := zstd.NewWriter(&b)
	if err != nil {
		t.Fatal(err)
	}
	w := tar.NewWriter(enc)
	for _, h := range headers {
		if h.Typeflag == 0 {
			h.Typeflag, h.Size = tar.TypeReg, 2
		}
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if h.Size > 0 {
			w.Write([]byte("hi"))
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := enc.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestUnpackRefuses(t *testing.T) {
	outside := t.TempDir()
	dir := filepath.Join(outside, "in")
	good := archive(t, tar.Header{Name: "a/b.py"})
	for what, data := range map[string][]byte{
		"path upward":     archive(t, tar.Header{Name: "../evil.py"}),
		"absolute path":   archive(t, tar.Header{Name: filepath.Join(outside, "evil.py")}),
		"hidden upward":   archive(t, tar.Header{Name: "a/../../evil.py"}),
		"link":            archive(t, tar.Header{Typeflag: tar.TypeSymlink, Name: "evil.py", Linkname: ".."}),
		"hard link":       archive(t, tar.Header{Typeflag: tar.TypeLink, Name: "evil.py", Linkname: "/etc/passwd"}),
		"device":          archive(t, tar.Header{Typeflag: tar.TypeChar, Name: "evil.py"}),
		"no path":         archive(t, tar.Header{Name: "."}),
		"cut off":         good[:len(good)-8],
		"not zstd":        []byte("garbage that is no archive"),
		"zstd of nothing": append(slices.Clone(good[:4]), 0, 0, 0),
	} {
		if n, err := Unpack(bytes.NewReader(data), dir); !fault.Is(err, fault.Corrupt) {
			t.Errorf("%s: %d files, %v", what, n, err)
		}
	}
	if got := contents(t, outside); len(got) > 1 || len(got) == 1 && got["in/a/b.py"] == "" {
		t.Errorf("files were written: %v", got)
	}
	// A link that lies in the folder already must not lead out of it.
	if err := os.Symlink(outside, filepath.Join(dir, "out")); err != nil {
		t.Fatal(err)
	}
	if _, err := Unpack(bytes.NewReader(archive(t, tar.Header{Name: "out/evil.py"})), dir); err == nil {
		t.Error("written through a link")
	}
	victim := filepath.Join(outside, "victim.py")
	write(t, outside, map[string]string{"victim.py": "mine", "in/b.py": "-> " + victim})
	if _, err := Unpack(bytes.NewReader(archive(t, tar.Header{Name: "b.py"})), dir); err != nil {
		t.Error(err)
	}
	if text, _ := os.ReadFile(victim); string(text) != "mine" {
		t.Error("a linked file was overwritten")
	}
}

func FuzzUnpack(f *testing.F) {
	f.Add(archive(f, tar.Header{Name: "a/b.py"}, tar.Header{Name: "c.py", Mode: 0o755}))
	f.Add(archive(f, tar.Header{Name: "../b.py"}))
	f.Fuzz(func(t *testing.T, data []byte) {
		outside := t.TempDir()
		Unpack(bytes.NewReader(data), filepath.Join(outside, "in"))
		list, err := os.ReadDir(outside)
		if err != nil || len(list) > 1 {
			t.Errorf("written outside: %v, %v", list, err)
		}
	})
}

func BenchmarkPack(b *testing.B) {
	for _, n := range []int{3, 300, 3000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			dir := b.TempDir()
			files := map[string]string{}
			for i := range n {
				text := ""
				for j := range 100 {
					text += fmt.Sprintf("def function_%d_%d(a, b):\n    return a + %d * b\n", i, j, i*j)
				}
				files[fmt.Sprintf("p%d/f%d.py", i%50, i)] = text
				files[fmt.Sprintf("p%d/f%d.txt", i%50, i)] = ""
			}
			write(b, dir, files)
			b.Run("list", func(b *testing.B) {
				for range b.N {
					if _, err := List(context.Background(), Options{Dir: dir}); err != nil {
						b.Fatal(err)
					}
				}
			})
			b.Run("all", func(b *testing.B) {
				var p *Package
				for range b.N {
					p = pack(b, Options{Dir: dir})
				}
				b.ReportMetric(float64(p.Bytes), "in-bytes")
				b.ReportMetric(float64(len(p.Data)), "out-bytes")
			})
		})
	}
}
