package remote_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fxamacker/cbor/v2"
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
		Store: meta, Bucket: bucket, Data: datastore.New(meta, bucket, filepath.Join(home, "staging")), Home: home, Present: meta.Present, Version: "test",
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
	server := httptest.NewServer(remote.AsOwn(h))
	c := dial(t, server.URL, t.TempDir())
	t.Cleanup(func() { c.Store.Close(); server.Close(); stop() })
	return c, home
}

// address is that of a server of a store in a folder, to the end of the test.
func address(t *testing.T, home string) string {
	t.Helper()
	h, stop := handler(t, home)
	server := httptest.NewServer(h)
	t.Cleanup(func() { server.Close(); stop() })
	return server.URL
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

// TestHeartbeatsByTheServersClock has a client whose clock is an hour behind: its run is one that goes on all the same.
func TestHeartbeatsByTheServersClock(t *testing.T) {
	home := t.TempDir()
	store := mem.New()
	now := time.UnixMicro(1_800_000_000_000_000).UTC()
	server := httptest.NewServer(remote.AsOwn(remote.New(remote.Config{Store: store, Home: home, Now: func() time.Time { return now }})))
	defer server.Close()
	c := dial(t, server.URL, t.TempDir())
	defer c.Store.Close()
	behind := now.Add(-time.Hour)
	id, err := c.Store.CreateRun(t.Context(), metastore.Run{Flow: "F", Created: behind, Lease: metastore.Lease{Heartbeat: behind}}, metastore.Beginning{})
	if err != nil {
		t.Fatal(err)
	}
	heartbeat := func() time.Time {
		t.Helper()
		run, err := store.Run(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		return run.Lease.Heartbeat
	}
	if got := heartbeat(); !got.Equal(now) {
		t.Errorf("of a new run: %v, want %v", got, now)
	}
	now, behind = now.Add(time.Minute), behind.Add(time.Minute)
	if err := c.Store.Beat(t.Context(), id, behind); err != nil {
		t.Fatal(err)
	}
	if got := heartbeat(); !got.Equal(now) {
		t.Errorf("after a beat: %v, want %v", got, now)
	}
}

func TestLikeTheModel(t *testing.T) {
	metastoretest.Few(t, 30)
	metastoretest.Compare(t, func(rt *rapid.T) (store, model metastore.Store) {
		home, err := os.MkdirTemp(t.TempDir(), "")
		if err != nil {
			rt.Fatal(err)
		}
		h, stop := handler(rt, home)
		server := httptest.NewServer(remote.AsOwn(h))
		return closing{dial(rt, server.URL, filepath.Join(home, "cache")).Store, func() { server.Close(); stop() }}, mem.New()
	})
}

func TestBucket(t *testing.T) {
	blobtest.Test(t, func(t *testing.T) blob.Bucket { c, _ := serve(t); return &worded{Bucket: c.Bucket} })
}

// worded gives the keys of values to the words that the suite has for keys: a server has no
// others. What is no key at all is passed on.
type worded struct {
	*remote.Bucket
	words sync.Map // by key
}

func (b *worded) key(word string) string {
	if blob.CheckKey(word) != nil {
		return word
	}
	x := fmt.Sprintf("%x", sha256.Sum256([]byte(word)))
	key := "blobs/" + x[:2] + "/" + x[2:]
	b.words.Store(key, word)
	return key
}

func (b *worded) Put(ctx context.Context, word string, r io.Reader) error {
	return b.Bucket.Put(ctx, b.key(word), r)
}

func (b *worded) TakeFile(ctx context.Context, word, path string) error {
	return b.Bucket.TakeFile(ctx, b.key(word), path)
}

func (b *worded) Open(ctx context.Context, word string) (io.ReadCloser, error) {
	return b.Bucket.Open(ctx, b.key(word))
}

func (b *worded) Path(ctx context.Context, word string) (string, error) {
	return b.Bucket.Path(ctx, b.key(word))
}

func (b *worded) Stat(ctx context.Context, word string) (int64, error) {
	return b.Bucket.Stat(ctx, b.key(word))
}

func (b *worded) Delete(ctx context.Context, word string) error {
	return b.Bucket.Delete(ctx, b.key(word))
}

func (b *worded) List(ctx context.Context, prefix string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		var words []string
		for key, err := range b.Bucket.List(ctx, "") {
			if err != nil {
				yield("", err)
				return
			}
			if word, _ := b.words.Load(key); strings.HasPrefix(word.(string), prefix) {
				words = append(words, word.(string))
			}
		}
		slices.Sort(words)
		for _, word := range words {
			if !yield(word, nil) {
				return
			}
		}
	}
}

// TestOnlyValuesAreReached has somebody ask for other files of the store than values, its
// database above all, and for the end of a value.
func TestOnlyValuesAreReached(t *testing.T) {
	home := t.TempDir()
	meta, err := sqlite.Open(t.Context(), home, sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer meta.Close()
	bucket := file.New(home) // as package local has it
	data := datastore.New(meta, bucket, filepath.Join(home, "staging"))
	server := httptest.NewServer(remote.New(remote.Config{Store: meta, Bucket: bucket, Data: data, Home: home}))
	defer server.Close()
	ref, err := data.Put(t.Context(), bytes.Repeat([]byte("value"), 100<<10))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(home, "server.json"), []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	before := files(t, home)
	ask := func(method, path, typ string, body []byte) (int, string) {
		t.Helper()
		req, err := http.NewRequest(method, server.URL+remote.Prefix+path, bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", typ)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		said, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, string(said)
	}
	x := fmt.Sprintf("%x", ref.Hash)
	value := "blobs/" + x[:2] + "/" + x[2:]
	for _, key := range []string{
		"levada.db", "server.json", "logs/1/3-0.log", ".tmp/put-1", "x", "blobs", "blobs/x", "blobs/" + x, value + "/y", value + ".new", strings.ToUpper(value),
		"blobs/%2e%2e/levada.db", "blobs%2f..%2flevada.db",
	} {
		for _, method := range []string{"GET", "PUT"} {
			if status, said := ask(method, "values/"+key, "", []byte("mine")); status != http.StatusBadRequest || !strings.Contains(said, "is not the key of a value") {
				t.Errorf("%s of %s is answered with %d %q", method, key, status, said)
			}
		}
		text, err := cbor.Marshal(key)
		if err != nil {
			t.Fatal(err)
		}
		if status, said := ask("POST", "stat", "application/cbor", text); status != http.StatusBadRequest || !strings.Contains(said, "is not the key of a value") {
			t.Errorf("stat of %s is answered with %d %q", key, status, said)
		}
	}
	for _, key := range []string{"levada.db", value, value + ".zst"} {
		text, err := cbor.Marshal(key)
		if err != nil {
			t.Fatal(err)
		}
		if status, said := ask("POST", "delete", "application/cbor", text); status < 400 {
			t.Errorf("deleting %s is answered with %d %q", key, status, said)
		}
	}
	all, err := cbor.Marshal("")
	if err != nil {
		t.Fatal(err)
	}
	if _, said := ask("POST", "keys", "application/cbor", all); !strings.Contains(said, value) || strings.Contains(said, "levada.db") {
		t.Errorf("the keys are %q", said)
	}
	if after := files(t, home); !slices.Equal(after, before) {
		t.Errorf("the files are %q, they were %q", after, before)
	}
}

// files lists the files in a folder, but those that come and go with an open database.
func files(t *testing.T, root string) []string {
	t.Helper()
	var all []string
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && !strings.Contains(path, ".db-") {
			all = append(all, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}
