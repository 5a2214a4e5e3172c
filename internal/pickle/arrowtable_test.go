package pickle

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"
)

func tableVectors(t testing.TB) []vector {
	t.Helper()
	text, err := os.ReadFile("testdata/tables.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	return parseVectors(t, text)
}

func TestTables(t *testing.T) {
	tables := 0
	for _, v := range tableVectors(t) {
		if v.Columns == nil {
			continue
		}
		tables++
		f, ok := FrameOf(decode(t, string(v.bytes(t))), 100)
		if !ok || f.Columns != len(v.Columns) || len(f.Cells) != len(v.Columns) {
			t.Errorf("%s: not a table of %d columns", v.Repr[0], len(v.Columns))
			continue
		}
		for c, want := range v.Columns {
			cells := []any{}
			for row := range f.Rows {
				if f.Cells[c] == nil {
					t.Fatalf("%s: column %s cannot be told", v.Repr[0], f.Names[c])
				}
				cells = append(cells, f.Cells[c](row))
			}
			if got := [3]any{f.Names[c], f.Types[c], cells}; fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("%s: column %d: %q, not %q", v.Repr[0], c, got, want)
			}
		}
	}
	if tables < 25 {
		t.Errorf("only %d tables", tables)
	}
}

// Tables of plain columns become CSV as those of pandas' do; of others it is said what to do where they are made.
func TestTablesAsCSV(t *testing.T) {
	files, refused := 0, 0
	for _, v := range tableVectors(t) {
		value := decode(t, string(v.bytes(t)))
		if v.Columns == nil || strings.Contains(v.Repr[0], "Series") || strings.Contains(v.Repr[0], "Chunked") {
			continue
		}
		file, why, ok := CSV(value, DefaultMemory)
		if strings.Contains(v.Repr[0], "large_list") {
			refused++
			want := `column "l" has the dtype large_list<item: int64> and holds elements that only Python can read`
			if strings.Contains(v.Repr[0], "shape=(0,") { // nothing is in it
				continue
			}
			if ok || !strings.HasPrefix(why.Why, want) || !strings.Contains(why.Do, "frame.to_dicts()") {
				t.Errorf("%s: %v", v.Repr[0], why)
			}
			continue
		}
		files++
		var names []string
		rows := make([][]string, 3)
		for _, c := range v.Columns {
			names = append(names, c[0].(string))
			for i, cell := range c[2].([]any) {
				text := cell.(string)
				if text == "null" {
					text = ""
				}
				rows[i] = append(rows[i], text)
			}
		}
		want := ""
		for _, row := range append([][]string{names}, rows...) {
			if row != nil || want == "" {
				want += strings.Join(row, ",") + "\n"
			}
		}
		if !ok || string(file) != want {
			t.Errorf("%s: %q, %v, want %q", v.Repr[0], file, why, want)
		}
	}
	if files < 5 || refused < 5 {
		t.Errorf("only %d files, and %d refused", files, refused)
	}
}

// What is cut off or changed anywhere is told as far as it can be, and nothing more.
func TestTablesOfBrokenStreams(t *testing.T) {
	t.Parallel()
	streams := 0
	for _, v := range tableVectors(t) {
		if !strings.Contains(v.Repr[0], "shape=(3, 18)") || v.Name != "polars" || v.Protocol != 5 {
			continue
		}
		streams++
		state := rawBytes(decode(t, string(v.bytes(t))).(*Object).State)
		of := func(state []byte) {
			showAll(&Object{Func: &Global{"polars.dataframe.frame", "DataFrame"}, State: Bytes(state)})
		}
		for n := range state {
			of(state[:n])
		}
		for i := range state {
			for _, b := range []byte{0, 0x7f, 0xff} {
				changed := append([]byte(nil), state...)
				changed[i] = b
				of(changed)
			}
		}
	}
	if streams == 0 {
		t.Error("no stream was tried")
	}
}

// FuzzArrowStream shows whatever a stream of Arrow's may be made of.
func FuzzArrowStream(f *testing.F) {
	for _, v := range tableVectors(f) {
		if v.Name == "polars" && v.Protocol == 5 {
			f.Add([]byte(rawBytes(decode(f, string(v.bytes(f))).(*Object).State)))
		}
	}
	f.Fuzz(func(t *testing.T, stream []byte) {
		late := time.AfterFunc(5*time.Second, func() { panic("it takes too long") })
		defer late.Stop()
		showAll(&Object{Func: &Global{"polars.dataframe.frame", "DataFrame"}, State: Bytes(stream)})
	})
}
