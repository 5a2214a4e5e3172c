package httpedge

import (
	"context"
	"fmt"
	"io"
	"time"
)

// Watch ends a request of a client in which nothing moves. A slow one that goes on is left alone, however long it
// takes.
type Watch struct {
	ctx      context.Context
	end      context.CancelCauseFunc
	timer    *time.Timer
	patience time.Duration
	heard    func() // called when something has moved
}

// Watched returns a context for a request, which ends when nothing moves in it for as long as the patience, or with
// Stop. The request's body is passed through Out and that of the answer through In.
func Watched(ctx context.Context, patience time.Duration, heard func()) (context.Context, *Watch) {
	ctx, end := context.WithCancelCause(ctx)
	return ctx, &Watch{ctx, end, time.AfterFunc(patience, func() { end(Silence(patience)) }), patience, heard}
}

// Silence is the error that nothing was heard of a server for so long.
type Silence time.Duration

func (s Silence) Error() string {
	return fmt.Sprintf("nothing was heard of it for %s", time.Duration(s))
}

// Stop ends the request, and is to be called when it is over.
func (w *Watch) Stop() {
	w.timer.Stop()
	w.end(nil)
}

// Out is what is sent.
func (w *Watch) Out(r io.Reader) io.Reader {
	return readerFunc(func(buf []byte) (int, error) {
		w.timer.Reset(w.patience)
		w.heard()
		return r.Read(buf)
	})
}

// In is what comes. How long its reader takes in between does not count.
func (w *Watch) In(r io.Reader) io.Reader {
	w.timer.Stop()
	return readerFunc(func(buf []byte) (int, error) {
		w.timer.Reset(w.patience)
		n, err := r.Read(buf)
		if w.timer.Stop(); n > 0 {
			w.heard()
		}
		if silence, ok := context.Cause(w.ctx).(Silence); ok && err != nil {
			err = silence // the error itself may only say that the request was ended
		}
		return n, err
	})
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(buf []byte) (int, error) { return f(buf) }
