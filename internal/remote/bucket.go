package remote

import (
	"context"
	"fmt"
	"io"
	"iter"
	"net/http"
	"os"

	"github.com/levadahq/levada/internal/blob"
	"github.com/levadahq/levada/internal/datastore"
	"github.com/levadahq/levada/internal/fault"
)

// Bucket is the bucket of a server. Values lie in the client's cache on their way, so each can be sent again.
type Bucket struct{ c *Client }

var (
	_ blob.Bucket       = (*Bucket)(nil)
	_ blob.FileTaker    = (*Bucket)(nil)
	_ blob.Locator      = (*Bucket)(nil)
	_ blob.Cache        = (*Bucket)(nil)
	_ datastore.Settler = (*Bucket)(nil)
)

// Put stores a value.
func (b *Bucket) Put(ctx context.Context, key string, r io.Reader) error {
	if err := blob.CheckKey(key); err != nil {
		return err
	}
	f, err := b.c.cache.temporary()
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	out := &counter{w: f}
	_, err = io.Copy(out, contextReader{ctx, r})
	switch closed := f.Close(); {
	case ctx.Err() != nil:
		return fault.Wrap(fault.Interrupted, "store value", ctx.Err())
	case out.err != nil:
		return fault.Of("keep a value on its way", f.Name(), out.err)
	case err != nil:
		return err // of who reads it
	case closed != nil:
		return fault.Of("keep a value on its way", f.Name(), closed)
	}
	return b.TakeFile(ctx, key, f.Name())
}

// TakeFile stores the value in a file, which goes to the cache.
func (b *Bucket) TakeFile(ctx context.Context, key, path string) error {
	if err := blob.CheckKey(key); err != nil {
		return err
	}
	if err := b.c.register(ctx); err != nil {
		return err
	}
	if err := b.c.patiently(ctx, func(bool) error { return b.send(ctx, key, path) }); err != nil {
		return err
	}
	return b.c.cache.sent(key, path)
}

func (b *Bucket) send(ctx context.Context, key, path string) error {
	f, err := os.Open(path)
	if err != nil {
		return fault.Of("send a value", path, err)
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return fault.Of("send a value", path, err)
	}
	ctx, watch := b.c.watched(ctx)
	defer watch.Stop()
	req, err := b.c.request(ctx, http.MethodPut, "values/"+key, watch.Out(f))
	if err != nil {
		return fault.Wrap(fault.Internal, "send a value", err)
	}
	req.ContentLength = st.Size()
	if st.Size() == 0 {
		req.Body = http.NoBody
	}
	resp, err := b.c.roundTrip(req)
	if err == nil {
		resp.Body.Close()
	}
	return err
}

// Open reads a value, from the cache if it has it.
func (b *Bucket) Open(ctx context.Context, key string) (io.ReadCloser, error) {
	for range 2 { // what was fetched may be pushed out before it is opened
		path, err := b.Path(ctx, key)
		if err != nil {
			return nil, err
		}
		if f, err := os.Open(path); err == nil {
			return &contextFile{f, ctx}, nil
		}
	}
	return nil, fault.New(fault.NoSpace, "the cache of the server's values is too small for what is read at once").On(b.c.cache.dir).
		Do("make it larger with LEVADA_SERVER_CACHE_MB")
}

// Path fetches a value into the cache unless it is there, and returns where it is.
func (b *Bucket) Path(ctx context.Context, key string) (string, error) {
	if err := blob.CheckKey(key); err != nil {
		return "", err
	}
	if err := ctx.Err(); err != nil {
		return "", fault.Wrap(fault.Interrupted, "read value", err)
	}
	if path, ok := b.c.cache.find(key); ok {
		return path, nil
	}
	f, err := b.c.cache.temporary()
	if err != nil {
		return "", err
	}
	defer os.Remove(f.Name())
	defer f.Close()
	// What came before a connection was cut stays: values never change.
	var at int64
	if err := b.c.patiently(ctx, func(bool) error { return b.fetch(ctx, key, f, &at) }); err != nil {
		return "", err
	}
	if err := f.Close(); err != nil {
		return "", fault.Of("fetch a value", f.Name(), err)
	}
	if err := b.c.cache.take(key, f.Name()); err != nil {
		return "", err
	}
	return b.c.cache.path(key), nil
}

// GiveUp removes what the cache has of a value, which turned out to be damaged, and tells of it.
func (b *Bucket) GiveUp(key string) bool {
	if blob.CheckKey(key) != nil {
		return false
	}
	path := b.c.cache.path(key)
	if os.Remove(path) != nil {
		return false
	}
	b.c.mu.Lock()
	defer b.c.mu.Unlock()
	b.c.o.Tell(fmt.Sprintf("%s, the copy of a value of the server %s, was damaged and is removed", path, b.c.url))
	return true
}

// fetch reads a value from at on into a file.
func (b *Bucket) fetch(ctx context.Context, key string, to *os.File, at *int64) error {
	ctx, watch := b.c.watched(ctx)
	defer watch.Stop()
	req, err := b.c.request(ctx, http.MethodGet, "values/"+key, nil)
	if err != nil {
		return fault.Wrap(fault.Internal, "fetch a value", err)
	}
	if *at > 0 {
		req.Header.Set("Range", "bytes="+itoa(*at)+"-")
	}
	resp, err := b.c.roundTrip(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusPartialContent {
		*at = 0
		if err := to.Truncate(0); err != nil {
			return fault.Of("fetch a value", to.Name(), err)
		}
	}
	if _, err := to.Seek(*at, io.SeekStart); err != nil {
		return fault.Of("fetch a value", to.Name(), err)
	}
	out := &counter{w: to}
	n, err := io.Copy(out, watch.In(resp.Body))
	*at += n
	if out.err != nil {
		return fault.Of("fetch a value", to.Name(), out.err)
	}
	if err != nil {
		return &away{err}
	}
	return nil
}

// Stat returns the size of a value.
func (b *Bucket) Stat(ctx context.Context, key string) (int64, error) {
	if err := blob.CheckKey(key); err != nil {
		return 0, err
	}
	if path, ok := b.c.cache.find(key); ok {
		if st, err := os.Stat(path); err == nil {
			return st.Size(), nil
		}
	}
	return ask[int64](ctx, b.c, "stat", key)
}

// List yields keys.
func (b *Bucket) List(ctx context.Context, prefix string) iter.Seq2[string, error] {
	return askAll[string](ctx, b.c, "keys", prefix)
}

// Delete deletes nothing: a server does not let others delete its values.
func (b *Bucket) Delete(ctx context.Context, key string) error {
	if err := blob.CheckKey(key); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return fault.Wrap(fault.Interrupted, "delete value", err)
	}
	return fault.New(fault.Unavailable, "values on a server cannot be deleted from another machine").On(key).
		Do("in the server's folder, `levada gc` frees those that no run needs and `levada doctor --repair` repairs damaged ones")
}

// Settle asks the server whether it has a value, and makes it stay if so. Damaged ones are dealt with there.
func (b *Bucket) Settle(ctx context.Context, ref datastore.Ref) (bool, error) {
	if err := b.c.register(ctx); err != nil {
		return false, err
	}
	return ask[bool](ctx, b.c, "settle", ref)
}

// counter tells an error of writing from one of reading.
type counter struct {
	w   io.Writer
	err error
}

func (c *counter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.err = err
	return n, err
}

type contextReader struct {
	ctx context.Context
	r   io.Reader
}

func (c contextReader) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.r.Read(p)
}

type contextFile struct {
	*os.File
	ctx context.Context
}

func (c *contextFile) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, fault.Wrap(fault.Interrupted, "read value", err)
	}
	return c.File.Read(p)
}
