package client_test

import (
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/levadahq/levada/client"
	"github.com/levadahq/levada/flow"
)

// stored runs the flow in testdata/stored once, and returns its store.
var stored = sync.OnceValues(func() (string, error) {
	_, file, _, _ := runtime.Caller(0)
	dir, err := os.MkdirTemp(home, "stored")
	if err != nil {
		return "", err
	}
	program := filepath.Join(dir, "flow")
	build := exec.Command("go", "build", "-o", program, "./testdata/stored")
	build.Dir = filepath.Dir(file)
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	store := filepath.Join(dir, ".levada")
	run := exec.Command(program, "run")
	run.Dir = dir
	run.Env = append(os.Environ(), "LEVADA_BIN="+levada, "LEVADA_HOME="+store)
	if out, err := run.CombinedOutput(); err != nil {
		return "", fmt.Errorf("the flow: %w\n%s", err, out)
	}
	return store, nil
})

func storedRun(t *testing.T) *client.Run {
	t.Helper()
	c, err := client.Open(t.Context(), client.Options{Store: must(stored())(t)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return must(c.Run(t.Context(), "Stored/1"))(t)
}

// reads checks what an artifact is as a type.
func reads[T any](t *testing.T, run *client.Run, name string, want T) {
	t.Helper()
	got, err := client.Get[T](t.Context(), run, name)
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%s as a %T is %#v, %v; want %#v", name, want, got, err, want)
	}
}

// refuses checks that an artifact is not read as a type, and what is said.
func refuses[T any](t *testing.T, run *client.Run, name string, want ...string) {
	t.Helper()
	got, err := client.Get[T](t.Context(), run, name)
	if !errors.Is(err, client.ErrType) {
		t.Errorf("%s as a %s is %#v, %v", name, reflect.TypeFor[T](), got, err)
		return
	}
	for _, w := range want {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("%s as a %s: %v; want %q in it", name, reflect.TypeFor[T](), err, w)
		}
	}
}

func TestArraysOfGo(t *testing.T) {
	run := storedRun(t)
	data := []float32{1, 2, 3, 4, 5, 6}
	reads(t, run, "weights", client.Array[float32]{Shape: []int{2, 3}, Data: data})
	reads(t, run, "weights", flow.Array[float32]{Shape: []int{2, 3}, Data: data})
	reads(t, run, "weights", &client.Array[float64]{Shape: []int{2, 3}, Data: []float64{1, 2, 3, 4, 5, 6}})
	reads(t, run, "weights", [][]float64{{1, 2, 3}, {4, 5, 6}})
	reads[any](t, run, "weights", client.Array[float64]{Shape: []int{2, 3}, Data: []float64{1, 2, 3, 4, 5, 6}})
	refuses[[]float64](t, run, "weights", "npy", "2 dimensions")
	refuses[string](t, run, "weights", "npy")
	reads(t, run, "gone", client.Array[float64]{})
	reads(t, run, "gone", flow.Array[float64]{})
	reads[[]float64](t, run, "gone", nil)
	reads[any](t, run, "gone", nil)
	refuses[float64](t, run, "gone")
	refuses[client.Table](t, run, "gone")
	reads(t, run, "cleared", client.Table{})
	refuses[client.Array[float64]](t, run, "cleared")
}

func TestTablesOfGo(t *testing.T) {
	run := storedRun(t)
	columns, rows := []string{"rate", "note"}, [][]string{{"0.5", "two\r\nlines, a \"quote\""}, {"1", ""}}
	reads(t, run, "scores", client.Table{Columns: columns, Rows: rows})
	reads(t, run, "scores", flow.Table{Columns: columns, Rows: rows})
	reads[any](t, run, "scores", client.Table{Columns: columns, Rows: rows})
	reads(t, run, "scores", append([][]string{columns}, rows...))
	text := "rate,note\n0.5,\"two\r\nlines, a \"\"quote\"\"\"\n1,\n"
	reads(t, run, "scores", text)
	reads(t, run, "scores", []byte(text))
	refuses[map[string]int](t, run, "scores", "csv", "map[string]int")
}

func TestGobs(t *testing.T) {
	run := storedRun(t)
	if loss, err := client.Get[float64](t.Context(), run, "loss"); err != nil || !math.IsNaN(loss) {
		t.Errorf("NaN is %v, %v", loss, err)
	}
	if loss, err := client.Get[*float64](t.Context(), run, "loss"); err != nil || !math.IsNaN(*loss) {
		t.Errorf("NaN is %v, %v", loss, err)
	}
	reads(t, run, "losses", []float64{0.5, math.Inf(1)})
	reads(t, run, "mixed", map[string]any{"loss": math.Inf(-1), "n": 3})
	reads(t, run, "far", math.Inf(1))
	reads[any](t, run, "far", math.Inf(1))
	refuses[any](t, run, "loss", "/loss", "float64", "gob")
	refuses[any](t, run, "losses", "gob")
	refuses[any](t, run, "own", "gob")
	refuses[[]byte](t, run, "losses", "gob")
	refuses[string](t, run, "loss", "gob")
	refuses[int](t, run, "loss", "gob")
	refuses[[]float64](t, run, "far", "gob")
}

// closed is a type that reads what main.Shut writes.
type closed struct{ data []byte }

func (c *closed) UnmarshalBinary(b []byte) error {
	if len(b) != 1 {
		return errors.New("not one byte")
	}
	c.data = b
	return nil
}

func TestBinary(t *testing.T) {
	run := storedRun(t)
	reads(t, run, "shut", closed{[]byte{7}})
	reads(t, run, "shut", &closed{[]byte{7}})
	refuses[any](t, run, "shut", "main.Shut", "binary")
	refuses[[]byte](t, run, "shut", "binary")
	refuses[string](t, run, "shut", "binary")
}

// A service can read its flow's own structs.
func TestStructsOfGo(t *testing.T) {
	type Base struct{ ID int }
	type model struct {
		Base
		Name  string
		Took  time.Duration
		Raw   []byte
		ByDay map[int]string
		Count int64 `json:",string"`
	}
	reads(t, storedRun(t), "model", model{Base{7}, "n", time.Minute, []byte("raw"), map[int]string{1: "mon"}, 12})
}
