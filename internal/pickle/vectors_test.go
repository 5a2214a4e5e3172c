package pickle

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// vector is a line of testdata/*.jsonl, see testdata/generate.py.
type vector struct {
	Name     string
	Python   string
	Protocol int
	Data     string
	Repr     []string // any of them
	Type     string
	JSON     string
	Cells    [][]string // of the columns of a frame, as they are shown
	Columns  [][3]any   // of a table of polars' or pyarrow's: name, type, cells
	CSV      string
}

func (v vector) bytes(t testing.TB) []byte {
	t.Helper()
	data, err := base64.StdEncoding.DecodeString(v.Data)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func parseVectors(t testing.TB, text []byte) []vector {
	t.Helper()
	var list []vector
	for line := range bytes.Lines(text) {
		var v vector
		if err := json.Unmarshal(line, &v); err != nil {
			t.Fatal(err)
		}
		list = append(list, v)
	}
	return list
}

func readVectors(t testing.TB) []vector {
	t.Helper()
	files, err := filepath.Glob("testdata/*.jsonl")
	if err != nil || len(files) < 3 {
		t.Fatalf("test vectors: %v, %v", files, err)
	}
	var list []vector
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, parseVectors(t, text)...)
	}
	return list
}

// check compares what is decoded with what Python showed.
func (v vector) check(t *testing.T) {
	t.Helper()
	value, err := Decode(v.bytes(t), Limits{})
	if err != nil {
		t.Errorf("%s (Python %s, protocol %d): %v, want %s", v.Name, v.Python, v.Protocol, err, v.Repr)
		return
	}
	if got := Repr(value, 0); !slices.Contains(v.Repr, got) {
		t.Errorf("%s (Python %s, protocol %d):\ngot  %s\nwant %s", v.Name, v.Python, v.Protocol, got, strings.Join(v.Repr, "\n  or "))
	}
	want := v.Type
	if v.Python == "2.7" {
		want = map[string]string{"unicode": "str", "long": "int", "xrange": "range"}[want]
	}
	if got := Type(value); want != "" && got != want {
		t.Errorf("%s (Python %s, protocol %d): type %s, want %s", v.Name, v.Python, v.Protocol, got, want)
	}
	if v.JSON == "" {
		return
	}
	text, plain, err := ToJSON(value, 0)
	if err != nil || !plain {
		t.Errorf("%s (protocol %d): ToJSON plain=%v, %v", v.Name, v.Protocol, plain, err)
		return
	}
	var a, b any
	for _, side := range []struct {
		text string
		into *any
	}{{string(text), &a}, {v.JSON, &b}} {
		d := json.NewDecoder(strings.NewReader(side.text))
		d.UseNumber()
		if err := d.Decode(side.into); err != nil {
			t.Errorf("%s: %v in %s", v.Name, err, side.text)
		}
	}
	if !reflect.DeepEqual(a, b) {
		t.Errorf("%s (protocol %d):\ngot  %s\nwant %s", v.Name, v.Protocol, text, v.JSON)
	}
}

func TestVectors(t *testing.T) {
	list := readVectors(t)
	for _, v := range list {
		v.check(t)
	}
	t.Logf("%d vectors", len(list))
}

// TestFreshVectors has this machine's Python write the vectors anew.
func TestFreshVectors(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("no python3 on this machine")
	}
	out, err := exec.Command(python, "testdata/generate.py").Output()
	if err != nil {
		t.Skipf("python3 does not run the generator: %v", stderr(err))
	}
	list := parseVectors(t, out)
	if len(list) < 500 {
		t.Errorf("only %d vectors", len(list))
	}
	for _, v := range list {
		v.check(t)
	}
}

func stderr(err error) string {
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return err.Error() + ": " + string(exit.Stderr)
	}
	return err.Error()
}

// load has this machine's Python read pickles and show what is in them.
func load(t *testing.T, data []byte) string {
	t.Helper()
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("no python3 on this machine")
	}
	cmd := exec.Command(python, "-c", "import pickle,sys; sys.stdout.buffer.write(ascii(pickle.load(sys.stdin.buffer)).encode())")
	cmd.Stdin = bytes.NewReader(data)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("python3: %s", stderr(err))
	}
	return string(out)
}
