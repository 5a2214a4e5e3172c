package pyenv

import (
	"context"
	"errors"
	"os"
	"syscall"
	"time"

	"github.com/levadahq/levada/internal/fault"
)

// hold waits for the lock on a file. Closing the file lets it go, once every process that inherited it has ended.
func (c *Cache) hold(ctx context.Context, file string, r Request) (*os.File, error) {
	f, err := os.OpenFile(file, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, c.unwritable(err)
	}
	for told := false; ; told = true {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return f, nil
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) && !errors.Is(err, syscall.EINTR) {
			f.Close()
			return nil, c.unwritable(err)
		}
		if !told {
			c.tell("Waiting for another process that makes the environment of %s", r.who())
		}
		select {
		case <-ctx.Done():
			f.Close()
			return nil, fault.Wrap(fault.Interrupted, "make an environment", ctx.Err())
		case <-time.After(100 * time.Millisecond):
		}
	}
}
