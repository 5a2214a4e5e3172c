package runner

import (
	"runtime"
	"testing"
)

// The engine is as wide as before when the last run has ended, and while a large value is stored.
func TestWidth(t *testing.T) {
	t.Setenv("GOMAXPROCS", "")
	before := runtime.GOMAXPROCS(8)
	defer runtime.GOMAXPROCS(before)
	var w widths
	want := func(n int) {
		t.Helper()
		if got := runtime.GOMAXPROCS(0); got != n {
			t.Errorf("%d processors, want %d", got, n)
		}
	}
	first := w.count(&w.runs)
	second := w.count(&w.runs)
	want(2)
	stored := w.count(&w.wide)
	want(8)
	stored()
	want(2)
	first()
	want(2)
	second()
	want(8)
}
