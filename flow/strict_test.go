package flow

import (
	"reflect"
	"strings"
	"testing"

	"github.com/levadahq/levada/internal/protocol"
)

// TestWholeJSON has parameters that say more than their type has a place for.
func TestWholeJSON(t *testing.T) {
	type config struct{ Rate, Depth float64 }
	for text, want := range map[string]string{
		`{"Rate":1,"dep":3}`: `unknown field "dep"`,
		`{"Rate":1} x`:       "there is something after its end",
		`{"Rate":1}{}`:       "there is something after its end",
		` {"Rate":1} `:       "",
		`{`:                  "unexpected EOF",
	} {
		err := wholeJSON(text, reflect.TypeFor[config]())
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}

// TestAnElementOfOtherFields has a struct whose fields were renamed since its list was stored.
func TestAnElementOfOtherFields(t *testing.T) {
	type shard struct{ First, Last int }
	task := &Task{frame: &protocol.Task{Stack: []protocol.Frame{{Var: "shards", Index: 3}}}, item: []byte(`{"From":1,"To":2}`)}
	if got, err := Item[shard](task); err == nil || !strings.Contains(err.Error(), `the element 3 of the foreach over shards is not of type flow.shard: json: unknown field "From"`) {
		t.Errorf("%+v, %v", got, err)
	}
	task.item = []byte(`{"First":1,"Last":2}`)
	if got, err := Item[shard](task); err != nil || got != (shard{1, 2}) {
		t.Errorf("%+v, %v", got, err)
	}
}
