package cli

import (
	"bytes"
	"io"
	"sync"
	"time"
)

const (
	// flushEvery is how long a line may wait for company.
	flushEvery = 50 * time.Millisecond
	// redrawEvery is the same where each write redraws the live block as well.
	redrawEvery = 100 * time.Millisecond
	// outletSize is how much waits at most until it is written.
	outletSize = 64 << 10
	// outletHeld is how much may wait while a write goes on; who has more to say waits as well.
	outletHeld = 1 << 20
	// outletKept is how much is kept for a reader who does not read, when nobody waits for him any more.
	outletKept = 16 << 20
	// lastWords is how long an interrupted command waits for a reader who does not read.
	lastWords = 3 * time.Second
)

// outlet collects lines and writes many at a time: at once if the last write is
// a while ago, else when flushEvery is over, and always before close returns.
//
// It writes in a goroutine of its own. A pager that is paused holds up whoever has more to say than outletHeld, as a
// pipe does, but nobody after hurry: Ctrl-C must end the command then too.
type outlet struct {
	mu    sync.Mutex
	w     io.Writer
	every time.Duration
	buf   []byte // what waits
	spare []byte // for what waits next
	last  time.Time
	timer *time.Timer
	armed bool
	err   error // of the first write that failed; nothing is written after it
	// failed, if not nil, is told of that error.
	failed func(err error)
	// draw, if not nil, makes of the waiting lines what is written, and is asked even if there are none.
	draw func(lines []byte) []byte

	writing bool        // a write goes on, without the lock
	again   bool        // another one is to follow it at once
	written sync.Cond   // a write is over, or nobody waits for it any more
	hurried bool        // nobody is held up by a reader who does not read
	closing bool        // nothing more is going to come
	patient *time.Timer // of the close of an outlet that is hurried
	givenUp bool        // that time is over
}

func newOutlet(w io.Writer) *outlet {
	o := &outlet{w: w, every: flushEvery}
	o.written.L = &o.mu
	return o
}

// append has f append lines to what waits.
func (o *outlet) append(f func(buf []byte) []byte) {
	o.mu.Lock()
	o.buf = f(o.buf)
	o.appended()
	o.mu.Unlock()
}

// appended sees to it that what waits is written in time. The caller holds the lock, but not meanwhile.
func (o *outlet) appended() {
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
	for len(o.buf) >= outletHeld && o.writing && !o.hurried {
		o.written.Wait()
	}
	if len(o.buf) > outletKept {
		o.buf = o.buf[:bytes.LastIndexByte(o.buf[:outletKept], '\n')+1]
	}
}

// late is the timer's: a line has waited long enough.
func (o *outlet) late() {
	o.mu.Lock()
	o.flush()
	o.mu.Unlock()
}

// flush begins to write what waits, or has it follow the write that goes on. The caller holds the lock.
func (o *outlet) flush() {
	o.armed = false
	if o.writing {
		o.again = true
		return
	}
	o.last = time.Now()
	data := o.buf
	if o.draw != nil {
		data = o.draw(o.buf)
	}
	if len(data) == 0 || o.err != nil {
		o.buf = o.buf[:0]
		return
	}
	o.buf, o.spare = o.spare[:0], o.buf
	o.writing = true
	go o.write(data)
}

// write writes.
func (o *outlet) write(data []byte) {
	_, err := o.w.Write(data)
	if err != nil && o.failed != nil {
		o.failed(err)
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.err = err
	o.writing = false
	if o.again {
		o.again = false
		o.flush()
	}
	o.written.Broadcast()
}

// hurry lets everybody go on who waits for the reader, from now on.
func (o *outlet) hurry() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.hurried = true
	o.hasten()
	o.written.Broadcast()
}

// hasten limits the time of a close that nobody wants to wait for. The caller holds the lock.
func (o *outlet) hasten() {
	if !o.hurried || !o.closing || o.patient != nil {
		return
	}
	o.patient = time.AfterFunc(lastWords, func() {
		o.mu.Lock()
		o.givenUp = true
		o.written.Broadcast()
		o.mu.Unlock()
	})
}

// close writes what waits and stops the timer. It returns false if the reader did not take it in time.
func (o *outlet) close() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.timer != nil {
		o.timer.Stop()
	}
	o.flush()
	o.closing = true
	o.hasten()
	for o.writing && !o.givenUp {
		o.written.Wait()
	}
	if o.patient != nil {
		o.patient.Stop()
	}
	return !o.writing
}
