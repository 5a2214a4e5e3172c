// Package blobtest checks that a bucket keeps the contract of package blob.
package blobtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/iotest"

	"github.com/levadahq/levada/internal/blob"
	"github.com/levadahq/levada/internal/fault"
)

// Test runs the suite. open returns an empty bucket.
func Test(t *testing.T, open func(t *testing.T) blob.Bucket) {
	for name, test := range map[string]func(*testing.T, blob.Bucket){
		"PutOpen":    testPutOpen,
		"NotFound":   testNotFound,
		"FirstWins":  testFirstWins,
		"BadKeys":    testBadKeys,
		"FailedPut":  testFailedPut,
		"List":       testList,
		"Delete":     testDelete,
		"Concurrent": testConcurrent,
		"Canceled":   testCanceled,
		"TakeFile":   testTakeFile,
		"Path":       testPath,
		"Reclaim":    testReclaim,
		"Renewing":   testRenewing,
	} {
		t.Run(name, func(t *testing.T) { test(t, open(t)) })
	}
}

func put(t *testing.T, b blob.Bucket, key, data string) {
	t.Helper()
	if err := b.Put(context.Background(), key, strings.NewReader(data)); err != nil {
		t.Fatalf("Put(%q): %v", key, err)
	}
}

func get(b blob.Bucket, key string) (string, error) {
	r, err := b.Open(context.Background(), key)
	if err != nil {
		return "", err
	}
	defer r.Close()
	data, err := io.ReadAll(r)
	return string(data), err
}

func wantBytes(t *testing.T, b blob.Bucket, key, want string) {
	t.Helper()
	got, err := get(b, key)
	if err != nil || got != want {
		t.Errorf("Open(%q) gives %q, %v, want %q", key, got, err, want)
	}
	if n, err := b.Stat(context.Background(), key); err != nil || n != int64(len(want)) {
		t.Errorf("Stat(%q) = %d, %v, want %d", key, n, err, len(want))
	}
}

func wantKind(t *testing.T, what string, err error, kind fault.Kind) {
	t.Helper()
	if !fault.Is(err, kind) {
		t.Errorf("%s: error %v, want kind %v", what, err, kind)
	}
}

func keys(t *testing.T, b blob.Bucket, prefix string) []string {
	t.Helper()
	var list []string
	for key, err := range b.List(context.Background(), prefix) {
		if err != nil {
			t.Fatalf("List(%q): %v", prefix, err)
		}
		list = append(list, key)
	}
	return list
}

func testPutOpen(t *testing.T, b blob.Bucket) {
	for key, data := range map[string]string{
		"a":                  "x",
		"empty":              "",
		"blobs/00/ff.zst":    "some bytes",
		"deep/er/and/deeper": strings.Repeat("long ", 1<<20),
		"a-b_c.d/0":          "0",
	} {
		put(t, b, key, data)
		wantBytes(t, b, key, data)
	}
}

func testNotFound(t *testing.T, b blob.Bucket) {
	put(t, b, "folder/key", "x")
	for _, key := range []string{"absent", "absent/key", "folder/absent"} {
		_, err := b.Open(context.Background(), key)
		wantKind(t, "Open "+key, err, fault.NotFound)
		_, err = b.Stat(context.Background(), key)
		wantKind(t, "Stat "+key, err, fault.NotFound)
	}
	for _, key := range []string{"folder", "folder/key/below"} {
		_, err := b.Stat(context.Background(), key)
		wantKind(t, "Stat "+key, err, fault.NotFound)
		_, err = b.Open(context.Background(), key)
		wantKind(t, "Open "+key, err, fault.NotFound)
	}
}

func testFirstWins(t *testing.T, b blob.Bucket) {
	put(t, b, "k", "first")
	put(t, b, "k", "second, longer")
	wantBytes(t, b, "k", "first")
}

func testBadKeys(t *testing.T, b blob.Bucket) {
	for _, key := range []string{"", "/", "a//b", "/a", "a/", "..", "a/../b", ".tmp/x", "A", "a b", "ä", "a\x00"} {
		wantKind(t, fmt.Sprintf("Put %q", key), b.Put(context.Background(), key, strings.NewReader("x")), fault.Usage)
		_, err := b.Open(context.Background(), key)
		wantKind(t, fmt.Sprintf("Open %q", key), err, fault.Usage)
	}
	if got := keys(t, b, ""); got != nil {
		t.Errorf("bad keys left %q", got)
	}
}

func testFailedPut(t *testing.T, b blob.Bucket) {
	broken := errors.New("the reader broke")
	r := io.MultiReader(strings.NewReader("half"), iotest.ErrReader(broken))
	if err := b.Put(context.Background(), "k", r); !errors.Is(err, broken) {
		t.Errorf("Put gives %v, want the reader's error", err)
	}
	if got := keys(t, b, ""); got != nil {
		t.Errorf("a failed put left %q", got)
	}
	put(t, b, "k", "whole")
	wantBytes(t, b, "k", "whole")
}

func testList(t *testing.T, b blob.Bucket) {
	all := []string{"a-b", "a.c/x", "a/b", "a/c/d", "a/c/e", "a0", "b/00", "b/0a/z", "c"}
	for _, key := range all {
		put(t, b, key, key)
	}
	for _, prefix := range []string{"", "a", "a/", "a/c", "a/c/", "b/0", "c", "cc", "a-", "zz/y"} {
		var want []string
		for _, key := range all {
			if strings.HasPrefix(key, prefix) {
				want = append(want, key)
			}
		}
		if got := keys(t, b, prefix); !slices.Equal(got, want) {
			t.Errorf("List(%q) = %q, want %q", prefix, got, want)
		}
	}
	for key := range b.List(context.Background(), "") {
		if key != all[0] {
			t.Errorf("the first key is %q", key)
		}
		break
	}
}

func testDelete(t *testing.T, b blob.Bucket) {
	ctx := context.Background()
	put(t, b, "a/b", "x")
	for range 2 {
		err := b.Delete(ctx, "a/b")
		if fault.Is(err, fault.Unavailable) {
			wantBytes(t, b, "a/b", "x")
			return // its keys are deleted only where it is
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	_, err := b.Open(ctx, "a/b")
	wantKind(t, "Open of a deleted key", err, fault.NotFound)
	put(t, b, "a/b", "again")
	wantBytes(t, b, "a/b", "again")
}

func testConcurrent(t *testing.T, b blob.Bucket) {
	data := strings.Repeat("same bytes ", 10_000)
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			for j := range 8 {
				shared := fmt.Sprintf("shared/%d", j)
				if err := b.Put(context.Background(), shared, strings.NewReader(data)); err != nil {
					t.Error(err)
				}
				if got, err := get(b, shared); err != nil || got != data {
					t.Errorf("%s has %d bytes, %v", shared, len(got), err)
				}
				if err := b.Put(context.Background(), fmt.Sprintf("own/%d/%d", i, j), strings.NewReader(data)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if got := len(keys(t, b, "")); got != 16*8+8 {
		t.Errorf("%d keys, want %d", got, 16*8+8)
	}
}

func testCanceled(t *testing.T, b blob.Bucket) {
	put(t, b, "k", "x")
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	wantKind(t, "Put", b.Put(ctx, "other", strings.NewReader("x")), fault.Interrupted)
	_, err := b.Open(ctx, "k")
	wantKind(t, "Open", err, fault.Interrupted)
	wantKind(t, "Delete", b.Delete(ctx, "k"), fault.Interrupted)
	for _, err := range b.List(ctx, "") {
		wantKind(t, "List", err, fault.Interrupted)
	}
	wantBytes(t, b, "k", "x")
}

func testTakeFile(t *testing.T, b blob.Bucket) {
	taker, ok := b.(blob.FileTaker)
	if !ok {
		t.Skip("the bucket does not take files")
	}
	ctx := context.Background()
	for i, data := range []string{"first", "second"} {
		path := filepath.Join(t.TempDir(), "staged")
		if err := os.WriteFile(path, []byte(data), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := taker.TakeFile(ctx, "taken/key", path); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Lstat(path); !os.IsNotExist(err) {
			t.Errorf("file %d is still there: %v", i, err)
		}
		wantBytes(t, b, "taken/key", "first")
	}
	wantKind(t, "TakeFile of nothing", taker.TakeFile(ctx, "k", filepath.Join(t.TempDir(), "absent")), fault.NotFound)
}

func testPath(t *testing.T, b blob.Bucket) {
	locator, ok := b.(blob.Locator)
	if !ok {
		t.Skip("the bucket has no files")
	}
	put(t, b, "a/b", "bytes")
	path, err := locator.Path(context.Background(), "a/b")
	if err != nil {
		t.Fatal(err)
	}
	if data, err := os.ReadFile(path); err != nil || !bytes.Equal(data, []byte("bytes")) {
		t.Errorf("%s holds %q, %v", path, data, err)
	}
	_, err = locator.Path(context.Background(), "absent")
	wantKind(t, "Path", err, fault.NotFound)
}
