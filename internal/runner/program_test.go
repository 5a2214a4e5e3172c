package runner

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/levadahq/levada/internal/graph"
	"github.com/levadahq/levada/internal/protocol"
	"github.com/levadahq/levada/internal/worker"
)

// TestWhatAGuestSaysOfAForeach: the engine looks into what a program says it has made, and so has to look closely.
func TestWhatAGuestSaysOfAForeach(t *testing.T) {
	for what, c := range map[string]struct {
		value   protocol.SentValue
		refused string
	}{
		"a list":               {protocol.SentValue{Length: 5}, ""},
		"longer than it is":    {protocol.SentValue{Length: 500}, "longer than the frame"},
		"shorter than nothing": {protocol.SentValue{Length: -1}, "longer than the frame"},
		"a file of others":     {protocol.SentValue{Path: "OUTSIDE"}, "not in the staging folder"},
	} {
		k := newTalker(t)
		c.value.Name, c.value.Codec = "xs", protocol.CodecJSON
		body := []byte("[1,2]")
		if c.value.Path != "" {
			c.value.Path, body = k.outside, nil
		}
		res := k.conversation(3).done(&protocol.FromTask{Type: "done", OK: true, Artifacts: []protocol.SentValue{c.value}}, body)
		if c.refused == "" && (res.nonsense != "" || res.items == nil || res.items.Len() != 2) || !strings.Contains(res.nonsense, c.refused) {
			t.Errorf("%s: %+v", what, res)
		}
	}
}

// TestAProgramThatCannotBeStartedLeavesNothing: its inputs were written before.
func TestAProgramThatCannotBeStartedLeavesNothing(t *testing.T) {
	k := newTalker(t)
	k.r.Now, k.r.Watch, k.r.Pool = time.Now, deaf{}, &worker.Pool{}
	l := k.tasks[1]
	step := *l.Step
	step.Exec = &graph.Exec{Command: []string{"gone"}}
	l.Step = &step
	k.r.Programs = map[string]Program{step.Name: {Path: "/does/not/exist"}}
	k.r.launchProgram(l)
	<-k.r.calls.wake
	left, err := os.ReadDir(k.r.Staging)
	if err != nil || len(left) > 0 {
		t.Errorf("left: %v, %v", left, err)
	}
}
