package metastore

import (
	"context"
	"testing"

	"github.com/levadahq/levada/internal/fault"
)

// What is long in a record counts, whichever part has it: queues are bounded by that.
func TestSize(t *testing.T) {
	const long = 1 << 20
	data := make([]byte, long)
	empty := (&Record{Task: &Task{}, Attempt: &Attempt{Exception: &Exception{}}, Artifacts: []Artifact{{}}, Blobs: []Blob{{}}, Notes: []Note{{}}}).Size()
	for what, r := range map[string]Record{
		"log":        {Log: data},
		"inputs":     {Task: &Task{Inputs: make([]int64, long/8)}},
		"series":     {Attempt: &Attempt{Series: data}},
		"transition": {Attempt: &Attempt{Transition: data}},
		"message":    {Attempt: &Attempt{Exception: &Exception{Message: string(data)}}},
		"traceback":  {Attempt: &Attempt{Exception: &Exception{Traceback: string(data)}}},
		"artifact":   {Artifacts: []Artifact{{}, {Inline: data}}},
		"blob":       {Blobs: []Blob{{}, {Data: data}}},
		"note":       {Notes: []Note{{}, {Value: string(data)}}},
	} {
		if n := r.Size(); n < long || n > long+2*empty {
			t.Errorf("%s: a record of %d bytes has %d", what, long, n)
		}
	}
}

// Who is interrupted gives way no longer.
func TestGiveWay(t *testing.T) {
	if err := GiveWay(t.Context()); err != nil {
		t.Error(err)
	}
	ended, end := context.WithCancel(t.Context())
	end()
	for range 20 { // the first may be over by then
		if err := GiveWay(ended); fault.Is(err, fault.Interrupted) {
			return
		}
	}
	t.Error("it goes on after the context has ended")
}
