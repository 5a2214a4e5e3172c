package remote

import (
	"context"
	"fmt"
	"io"
	"time"
)

// stalled is how long nothing may be heard of the server in the middle of a request, nor be taken by it, before the
// request is made anew.
const stalled = 2 * time.Minute

// watch ends a request in which nothing moves.
type watch struct {
	c     *Client
	timer *time.Timer
	end   context.CancelCauseFunc
}

// watched returns a context for a request, which ends when nothing moves in it for a while or with stop.
func (c *Client) watched(ctx context.Context) (context.Context, *watch) {
	ctx, end := context.WithCancelCause(ctx)
	silent := silentFor(c.o.Stalled)
	return ctx, &watch{c, time.AfterFunc(c.o.Stalled, func() { end(silent) }), end}
}

func silentFor(d time.Duration) error { return fmt.Errorf("nothing was heard of it for %s", d) }

func (w *watch) stop() {
	w.timer.Stop()
	w.end(nil)
}

// out is what is sent.
func (w *watch) out(r io.Reader) io.Reader {
	return readerFunc(func(buf []byte) (int, error) {
		w.timer.Reset(w.c.o.Stalled)
		w.c.hear()
		return r.Read(buf)
	})
}

// in is what comes. How long its reader takes in between does not count.
func (w *watch) in(r io.Reader) io.Reader {
	w.timer.Stop()
	return readerFunc(func(buf []byte) (int, error) {
		w.timer.Reset(w.c.o.Stalled)
		n, err := r.Read(buf)
		if w.timer.Stop(); n > 0 {
			w.c.hear()
		}
		return n, err
	})
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(buf []byte) (int, error) { return f(buf) }
