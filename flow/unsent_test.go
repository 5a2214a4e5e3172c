package flow

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/levadahq/levada/internal/protocol"
)

func newServer() *server {
	s := &server{asked: map[int64]chan answer{}}
	s.more.L, s.ready.L, s.room.L = &s.mu, &s.mu, &s.mu
	return s
}

// What is logged faster than the host takes it waits with its task, not in memory; the end of a task waits for nothing.
func TestALogThatNobodyTakes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer()
		const lines = 8 << 10
		ended := false
		go func() {
			for i := range lines {
				fmt.Fprintf(&insideHost{s, "1"}, "%d %s\n", i, strings.Repeat("x", 1<<10))
			}
			s.whole(&protocol.Done{Type: "done", Task: "1"}, nil)
			ended = true
		}()
		synctest.Wait()
		if s.unsent > maxUnsent+maxText || ended {
			t.Fatalf("%d bytes wait to be sent, the task has ended: %v", s.unsent, ended)
		}
		s.whole(&protocol.Done{Type: "done", Task: "2"}, nil) // must not wait
		taken := 0
		for !ended {
			_, frames := s.collect()
			bytes := 0
			for _, f := range frames {
				bytes += len(f)
			}
			taken += len(frames)
			s.sent(bytes)
			synctest.Wait()
		}
		_, frames := s.collect()
		if taken += len(frames); taken != lines+2 {
			t.Errorf("%d frames were sent", taken)
		}
	})
}

// A question that no frame holds is an error of who asks, and leaves nothing behind.
func TestAQuestionThatNoFrameHolds(t *testing.T) {
	s := newServer()
	_, _, err := (&insideHost{s, "1"}).ask(&protocol.Request{Type: "get", Name: strings.Repeat("x", protocol.MaxHeader)})
	if err == nil || len(s.asked) != 0 || len(s.frames) != 0 {
		t.Errorf("%v; %d questions, %d frames", err, len(s.asked), len(s.frames))
	}
}

func TestPiecesOfALog(t *testing.T) {
	for _, c := range []struct {
		text string
		want int
	}{
		{"short", 5},
		{strings.Repeat("line\n", maxText), maxText / 5 * 5},
		{strings.Repeat("€", maxText), maxText / 3 * 3},
	} {
		if got := piece(c.text); got != c.want {
			t.Errorf("%.8q...: %d, want %d", c.text, got, c.want)
		}
	}
}
