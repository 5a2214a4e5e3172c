package livecard_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/levadahq/levada/internal/livecard"
)

func html(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "card")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestWriteListRemove(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "logs", "1")
	if cards, err := livecard.List(dir); err != nil || cards != nil {
		t.Fatalf("a run without a folder has %v, %v", cards, err)
	}
	at := time.Unix(1700000000, 0).UTC()
	first := livecard.Card{Task: 3, Position: 1, Type: "default", ID: "x", UUID: "u", Changed: at}
	second := livecard.Card{Task: 10, Attempt: 2, Type: "blank", Changed: at, Data: json.RawMessage(`{"n":1}`)}
	for _, c := range []livecard.Card{second, first} {
		if err := livecard.Write(dir, c, html(t, "<p>old</p>")); err != nil {
			t.Fatal(err)
		}
	}
	if err := livecard.Write(dir, first, html(t, "<p>newer</p>")); err != nil {
		t.Fatal(err)
	}
	second.Data = json.RawMessage(`{"n":2}`)
	if err := livecard.Write(dir, second, ""); err != nil { // only its data
		t.Fatal(err)
	}
	os.WriteFile(filepath.Join(dir, "3-0.log"), nil, 0o666)
	os.WriteFile(filepath.Join(dir, "7-0.card-0.json"), []byte("{"), 0o666)
	os.WriteFile(filepath.Join(dir, "8-0.card-0.json"), []byte(`{"task":9}`), 0o666)

	got, err := livecard.List(dir)
	if err != nil {
		t.Fatal(err)
	}
	first.Size, second.Size = 12, 10
	if d := cmp.Diff([]livecard.Card{first, second}, got); d != "" {
		t.Errorf("cards (-want +got):\n%s", d)
	}
	for c, want := range map[*livecard.Card]string{&first: "<p>newer</p>", &second: "<p>old</p>"} {
		text, err := os.ReadFile(livecard.File(dir, *c))
		if err != nil || string(text) != want {
			t.Errorf("card %d is %q, %v; want %q", c.Task, text, err, want)
		}
	}
	livecard.Remove(dir, first)
	livecard.Remove(dir, first)
	if got, err = livecard.List(dir); err != nil || len(got) != 1 || got[0].Task != 10 {
		t.Errorf("after Remove there are %v, %v", got, err)
	}
}
