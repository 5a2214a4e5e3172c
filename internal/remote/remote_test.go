package remote_test

import (
	"context"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/levadahq/levada/internal/blob"
	"github.com/levadahq/levada/internal/blob/blobtest"
	"github.com/levadahq/levada/internal/blob/file"
	"github.com/levadahq/levada/internal/datastore"
	"github.com/levadahq/levada/internal/metastore"
	"github.com/levadahq/levada/internal/metastore/mem"
	"github.com/levadahq/levada/internal/metastore/metastoretest"
	"github.com/levadahq/levada/internal/metastore/sqlite"
	"github.com/levadahq/levada/internal/remote"
)

type fataler interface {
	Fatal(...any)
	Helper()
}

// handler returns a handler on a store in a folder, and what closes the store.
func handler(t fataler, home string) (*remote.Handler, func()) {
	t.Helper()
	meta, err := sqlite.Open(context.Background(), home, sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	bucket := file.New(filepath.Join(home, "bucket"))
	return remote.New(remote.Config{
		Store: meta, Bucket: bucket, Data: datastore.New(meta, bucket, filepath.Join(home, "staging")), Home: home, Version: "test",
	}), func() { meta.Close() }
}

func dial(t fataler, url, cache string) *remote.Client {
	t.Helper()
	c, err := remote.Dial(context.Background(), url, remote.Options{Cache: cache, Patience: 20 * time.Second, Host: "laptop"})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// serve returns a client of a server of its own.
func serve(t *testing.T) (*remote.Client, string) {
	t.Helper()
	home := t.TempDir()
	h, stop := handler(t, home)
	server := httptest.NewServer(h)
	c := dial(t, server.URL, t.TempDir())
	t.Cleanup(func() { c.Store.Close(); server.Close(); stop() })
	return c, home
}

func TestStore(t *testing.T) {
	metastoretest.Test(t, func(t *testing.T) metastore.Store { c, _ := serve(t); return c.Store })
}

// closing is a store that takes its server down with it.
type closing struct {
	*remote.Store
	stop func()
}

func (c closing) Close() error {
	err := c.Store.Close()
	c.stop()
	return err
}

func TestLikeTheModel(t *testing.T) {
	few(t, 30)
	metastoretest.Compare(t, func(rt *rapid.T) (store, model metastore.Store) {
		home, err := os.MkdirTemp(t.TempDir(), "")
		if err != nil {
			rt.Fatal(err)
		}
		h, stop := handler(rt, home)
		server := httptest.NewServer(h)
		return closing{dial(rt, server.URL, filepath.Join(home, "cache")).Store, func() { server.Close(); stop() }}, mem.New()
	})
}

func TestBucket(t *testing.T) {
	blobtest.Test(t, func(t *testing.T) blob.Bucket { c, _ := serve(t); return c.Bucket })
}
