package runner

import (
	"os"
	"runtime"
	"runtime/debug"
	"sync"
)

// While runs go on, the engine keeps to a quarter of the processors. It hands small things from goroutine to goroutine
// all the time; where there are more threads than one for that, each handing over wakes another, and what they spend on
// looking for work is missing to the tasks. Only large values, and tasks that have no process of their own, are
// work that gets done sooner by more of them.
var width widths

type widths struct {
	mu   sync.Mutex
	runs int // that go on
	wide int // what goes on that is worth all processors: values that are stored or unpacked, tasks in process
	full int // what the process had before the first run
}

// largeValue is the size in bytes from which a value is worth a change of the width, which stops everything for some
// ten microseconds.
const largeValue = 4 << 20

// narrow makes the process narrow until the function it returns is called.
func narrow() (end func()) {
	collectLess()
	return width.count(&width.runs)
}

// garbage is how much of it, in percent of what is in use, may lie about before it is collected while runs go on. An
// engine is small, and looking for garbage twice as often took a tenth of what a tiny task costs.
const garbage = 200

// collectLess sets the garbage that may lie about.
var collectLess = sync.OnceFunc(func() {
	if os.Getenv("GOGC") == "" { // else somebody knows better
		debug.SetGCPercent(garbage)
	}
})

// widen gives the engine all processors until the function it returns is called.
func widen() (end func()) { return width.count(&width.wide) }

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
	if w.runs > 0 && w.wide == 0 {
		want = max(1, w.full/4)
	}
	if want != runtime.GOMAXPROCS(0) {
		runtime.GOMAXPROCS(want)
	}
}
