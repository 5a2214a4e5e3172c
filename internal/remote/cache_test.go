package remote_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/levadahq/levada/internal/datastore"
	"github.com/levadahq/levada/internal/fault"
	"github.com/levadahq/levada/internal/remote"
)

func TestCacheIsBounded(t *testing.T) {
	url := address(t, t.TempDir())
	cache := t.TempDir()
	c, err := remote.Dial(t.Context(), url, remote.Options{Cache: cache, CacheSize: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	old := time.Now().Add(-time.Hour)
	var keys []string
	for i := range 4 {
		keys = append(keys, fmt.Sprintf("blobs/aa/%062x", i))
	}
	for i, key := range keys {
		if err := c.Bucket.Put(t.Context(), key, io.LimitReader(rand.NewChaCha8([32]byte{byte(i)}), 400<<10)); err != nil {
			t.Fatal(err)
		}
		used := old.Add(time.Duration(i) * time.Minute)
		if err := os.Chtimes(filepath.Join(cache, "values", key), used, used); err != nil {
			t.Fatal(err)
		}
	}
	c.Store.Close()
	var left int64
	for _, key := range keys {
		if st, err := os.Stat(filepath.Join(cache, "values", key)); err == nil {
			left += st.Size()
		}
	}
	if left > 1<<20 || left == 0 {
		t.Errorf("%d bytes are kept", left)
	}
	if _, err := os.Stat(filepath.Join(cache, "values", keys[0])); err == nil {
		t.Error("what was used longest ago stays")
	}
	again := dial(t, url, cache)
	defer again.Store.Close()
	for _, key := range keys {
		if path, err := again.Bucket.Path(t.Context(), key); err != nil {
			t.Errorf("%s: %v, %v", key, path, err)
		}
	}
}

// A loss of power can leave an empty file of a value that was kept just before. It is fetched anew.
func TestEmptyFileInTheCache(t *testing.T) {
	url := address(t, t.TempDir())
	cache := t.TempDir()
	c := dial(t, url, cache)
	defer c.Store.Close()
	data := datastore.New(c.Store, c.Bucket, filepath.Join(c.Home(), "staging"))
	value := make([]byte, 100<<10)
	rand.NewChaCha8([32]byte{2}).Read(value)
	ref, err := data.Put(t.Context(), value)
	if err != nil {
		t.Fatal(err)
	}
	path, plain, err := data.File(t.Context(), ref.Hash)
	if err != nil || !plain {
		t.Fatal(plain, err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, nil, 0o444); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if got, err := data.Blob(t.Context(), ref.Hash); err != nil || !bytes.Equal(got, value) {
			t.Fatalf("%d bytes, %v", len(got), err)
		}
	}
	if st, err := os.Stat(path); err != nil || st.Size() == 0 {
		t.Errorf("the empty file stays: %v, %v", st, err)
	}
}

// TestDamagedFileInTheCache: the disk of this machine has damaged the copy of a value, not the server's. It is removed,
// told, and fetched anew.
func TestDamagedFileInTheCache(t *testing.T) {
	url := address(t, t.TempDir())
	noise, text := make([]byte, 100<<10), bytes.Repeat([]byte("text "), 40<<10)
	rand.NewChaCha8([32]byte{3}).Read(noise)
	for name, value := range map[string][]byte{"plain": noise, "compressed": text} {
		t.Run(name, func(t *testing.T) {
			cache := t.TempDir()
			var told []string
			c, err := remote.Dial(t.Context(), url, remote.Options{Cache: cache, Tell: func(text string) { told = append(told, text) }})
			if err != nil {
				t.Fatal(err)
			}
			defer c.Store.Close()
			data := datastore.New(c.Store, c.Bucket, filepath.Join(c.Home(), "staging"))
			ref, err := data.Put(t.Context(), value)
			if err != nil {
				t.Fatal(err)
			}
			files, err := filepath.Glob(filepath.Join(cache, "values/blobs/*/*"))
			if err != nil || len(files) != 1 {
				t.Fatal(files, err)
			}
			damage := func() {
				t.Helper()
				whole, err := os.ReadFile(files[0])
				if err == nil {
					err = os.Remove(files[0])
				}
				if err == nil {
					whole[len(whole)/2] ^= 1
					err = os.WriteFile(files[0], whole, 0o444)
				}
				if err != nil {
					t.Fatal(err)
				}
			}
			damage()
			if got, err := data.Blob(t.Context(), ref.Hash); err != nil || !bytes.Equal(got, value) {
				t.Errorf("Blob: %d bytes, %v", len(got), err)
			}
			if name == "plain" {
				damage()
				path, _, err := data.File(t.Context(), ref.Hash)
				if got, readErr := os.ReadFile(path); err != nil || readErr != nil || !bytes.Equal(got, value) {
					t.Errorf("File: %d bytes, %v, %v", len(got), err, readErr)
				}
			}
			damage()
			for again := range 2 { // what was given away of a stream cannot be taken back
				r, err := data.Reader(t.Context(), ref.Hash)
				if err != nil {
					t.Fatal(err)
				}
				got, err := io.ReadAll(r)
				r.Close()
				if failed := fault.Is(err, fault.Corrupt) && strings.Contains(fault.HintOf(err), "try again"); failed != (again == 0) || !failed && !bytes.Equal(got, value) {
					t.Errorf("Reader, time %d: %d bytes, %v", again, len(got), err)
				}
			}
			for _, text := range told {
				if !strings.HasPrefix(text, files[0]) {
					t.Errorf("told: %s", text)
				}
			}
			if len(told) < 2 {
				t.Errorf("told %q", told)
			}
		})
	}
}

// TestStoringAValueThatTheCacheHasDamaged: the server does not have it, so it is sent; then the cache has what was
// sent.
func TestStoringAValueThatTheCacheHasDamaged(t *testing.T) {
	url := address(t, t.TempDir())
	cache := t.TempDir()
	c := dial(t, url, cache)
	defer c.Store.Close()
	data := datastore.New(c.Store, c.Bucket, filepath.Join(c.Home(), "staging"))
	value := make([]byte, 100<<10)
	rand.NewChaCha8([32]byte{4}).Read(value)
	sum := sha256.Sum256(value)
	x := hex.EncodeToString(sum[:])
	path := filepath.Join(cache, "values", "blobs", x[:2], x[2:])
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, value[:1000], 0o444); err != nil {
		t.Fatal(err)
	}
	staged := filepath.Join(c.Home(), "staged")
	if err := os.WriteFile(staged, value, 0o644); err != nil {
		t.Fatal(err)
	}
	ref, err := data.PutFile(t.Context(), staged, datastore.Plain)
	if err != nil {
		t.Fatal(err)
	}
	at, plain, err := data.File(t.Context(), ref.Hash)
	if err != nil || !plain {
		t.Fatal(plain, err)
	}
	if got, err := os.ReadFile(at); err != nil || !bytes.Equal(got, value) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
}

func TestSameBytes(t *testing.T) {
	dir := t.TempDir()
	write := func(name string, data []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for _, size := range []int{1, 256 << 10, 256<<10 + 1, 600 << 10} {
		data := make([]byte, size)
		rand.NewChaCha8([32]byte{1}).Read(data)
		first, last := bytes.Clone(data), bytes.Clone(data)
		first[0]++
		last[size-1]++
		for what, other := range map[string][]byte{"the same": data, "longer": append(bytes.Clone(data), 0), "empty": nil, "other at first": first, "other at last": last} {
			same, err := remote.SameBytes(write("one", data), write("other", other))
			if err != nil || same != bytes.Equal(data, other) {
				t.Errorf("%d bytes, %s: %v, %v", size, what, same, err)
			}
		}
	}
	if _, err := remote.SameBytes(filepath.Join(dir, "none"), write("one", nil)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no such file: %v", err)
	}
}
