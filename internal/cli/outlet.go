package cli

import (
	"io"
	"sync"
	"time"
)

const (
	// flushEvery is how long a line may wait for company.
	flushEvery = 50 * time.Millisecond
	// redrawEvery is the same where each write redraws the live block as well.
	redrawEvery = 100 * time.Millisecond
	// outletSize is how much waits at most.
	outletSize = 64 << 10
)

// outlet collects lines and writes many at a time: at once if the last write is
// a while ago, else when flushEvery is over, and always before close returns.
type outlet struct {
	mu    sync.Mutex
	w     io.Writer
	every time.Duration
	buf   []byte
	last  time.Time
	timer *time.Timer
	armed bool
	err   error // of the first write that failed; nothing is written after it
	// draw, if not nil, makes of the waiting lines what is written, and is asked even if there are none.
	draw func(lines []byte) []byte
}

func newOutlet(w io.Writer) *outlet { return &outlet{w: w, every: flushEvery} }

// append has f append lines to what waits.
func (o *outlet) append(f func(buf []byte) []byte) {
	o.mu.Lock()
	o.buf = f(o.buf)
	o.written()
	o.mu.Unlock()
}

// written sees to it that what waits is written in time. The caller holds the lock.
func (o *outlet) written() {
	switch {
	case len(o.buf) == 0 && o.draw == nil:
	case len(o.buf) >= outletSize || time.Since(o.last) >= o.every:
		o.flush()
	case !o.armed:
		o.armed = true
		if o.timer == nil {
			o.timer = time.AfterFunc(o.every, o.late)
		} else {
			o.timer.Reset(o.every)
		}
	}
}

// late is the timer's: a line has waited long enough.
func (o *outlet) late() {
	o.mu.Lock()
	o.flush()
	o.mu.Unlock()
}

// flush writes what waits. The caller holds the lock.
func (o *outlet) flush() {
	o.armed = false
	o.last = time.Now()
	data := o.buf
	if o.draw != nil {
		data = o.draw(o.buf)
	}
	if len(data) > 0 && o.err == nil {
		_, o.err = o.w.Write(data)
	}
	o.buf = o.buf[:0]
}

// close writes what waits and stops the timer.
func (o *outlet) close() {
	o.mu.Lock()
	if o.timer != nil {
		o.timer.Stop()
	}
	o.flush()
	o.mu.Unlock()
}
