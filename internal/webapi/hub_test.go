package webapi

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"
)

// Whoever comes back gets exactly what it missed, or is told that this is not known; whoever does
// not keep up is cut off and keeps nobody.
func TestHub(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := &hub{listeners: map[chan event]bool{}, epoch: "e"}
		told := 0
		tell := func(n int) {
			for range n {
				told++
				b.tell([]event{{name: "run", data: fmt.Appendf(nil, "%d", told)}})
			}
		}
		tell(rapid.IntRange(0, 600).Draw(t, "before"))
		last := rapid.IntRange(-2, told+2).Draw(t, "last seen")
		known := told
		c := b.add(b.id(int64(last)))
		tell(rapid.IntRange(0, waiting+keptEvents+10).Draw(t, "after"))
		b.remove(c)
		next := last + 1
		for e := range c {
			if e.name == "reset" {
				if last >= 0 && last <= known && known-last <= keptEvents {
					t.Fatalf("event %d of %d is known, and it is a reset", last, e.seq)
				}
				next = int(e.seq) + 1
				continue
			}
			if int(e.seq) != next || string(e.data) != fmt.Sprint(next) {
				t.Fatalf("event %d is %d, %s", next, e.seq, e.data)
			}
			next++
		}
		if next != told+1 && next < waiting { // else it did not keep up
			t.Fatalf("it got the events before %d of %d", next, told)
		}
		if len(b.listeners) > 0 {
			t.Fatal("somebody still listens")
		}
	})
}
