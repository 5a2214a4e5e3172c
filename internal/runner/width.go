package runner

import (
	"os"
	"runtime"
	"sync"
)

// While runs go on, the engine keeps to a quarter of the processors. It hands small things from goroutine to goroutine
// all the time; where there are more threads than one for that, each handing over wakes another, and what they spend on
// looking for work is missing to the tasks. Only large values are work that gets done sooner by more of them.
var width widths

type widths struct {
	mu    sync.Mutex
	runs  int // that go on
	large int // values that are being stored or unpacked
	full  int // what the process had before the first run
}

// largeValue is the size in bytes from which a value is worth a change of the width, which stops everything for some
// ten microseconds.
const largeValue = 4 << 20

// narrow makes the process narrow until the function it returns is called.
func narrow() (end func()) { return width.count(&width.runs) }

// widen gives a large value all processors until the function it returns is called.
func widen() (end func()) { return width.count(&width.large) }

func (w *widths) count(what *int) (end func()) {
	add := func(n int) {
		w.mu.Lock()
		defer w.mu.Unlock()
		*what += n
		w.adjust()
	}
	add(1)
	return func() { add(-1) }
}

// adjust sets the width to what is wanted now.
func (w *widths) adjust() {
	if os.Getenv("GOMAXPROCS") != "" { // somebody knows better
		return
	}
	if w.full == 0 {
		w.full = runtime.GOMAXPROCS(0)
	}
	want := w.full
	if w.runs > 0 && w.large == 0 {
		want = max(1, w.full/4)
	}
	if want != runtime.GOMAXPROCS(0) {
		runtime.GOMAXPROCS(want)
	}
}
