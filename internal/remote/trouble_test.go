package remote_test

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"

	"github.com/levadahq/levada/internal/blob"
	blobmem "github.com/levadahq/levada/internal/blob/mem"
	"github.com/levadahq/levada/internal/fault"
	"github.com/levadahq/levada/internal/metastore/mem"
	"github.com/levadahq/levada/internal/remote"
)

// broken is a bucket that cannot store, and says why.
type broken struct {
	blob.Bucket
	why error
}

func (b *broken) Put(_ context.Context, _ string, r io.Reader) error {
	io.Copy(io.Discard, r)
	return b.why
}

// What is wrong with the disk of a server is said to be wrong there, and is in its log, once.
func TestTroubleOfTheServer(t *testing.T) {
	bucket := &broken{Bucket: blobmem.New()}
	var log bytes.Buffer
	store := mem.New()
	defer store.Close()
	server := httptest.NewServer(remote.New(remote.Config{Store: store, Bucket: bucket, Home: t.TempDir(), Log: slog.New(slog.NewTextHandler(&log, nil))}))
	defer server.Close()
	c := dial(t, server.URL, t.TempDir())
	defer c.Store.Close()
	key := "blobs/aa/" + strings.Repeat("a", 62)
	for _, test := range []struct {
		why   error
		kind  fault.Kind
		hint  string // "" for none
		there bool   // it is said to be on the server
	}{
		{fault.Of("store", "/srv/x", syscall.ENOSPC), fault.NoSpace, "the disk of the server", true},
		{fault.Of("store", "/srv/x", syscall.EROFS), fault.Permission, "Who runs the server", true},
		{fault.Of("store", "/srv/x", syscall.EIO), fault.Internal, "", true},
		{fault.New(fault.Permission, "run 7 is not yours"), fault.Permission, "", false},
		{fault.New(fault.NotFound, "there is none").Do("look"), fault.NotFound, "look", false},
	} {
		bucket.why = test.why
		for range 2 {
			err := c.Bucket.Put(t.Context(), key, strings.NewReader("x"))
			there := strings.Contains(err.Error(), "on the server "+server.URL)
			if hint := fault.HintOf(err); !fault.Is(err, test.kind) || there != test.there || !strings.Contains(hint, test.hint) || (hint == "") != (test.hint == "") {
				t.Errorf("%v is told as %v: %s", test.why, err, hint)
			}
		}
	}
	if got := strings.Count(log.String(), "level=ERROR"); got != 3 { // one for each kind that is the server's trouble
		t.Errorf("the log has %d lines: %s", got, log.String())
	}
}

// A proxy that takes only small bodies, or lets nobody through, is told apart from what is no server of Levada, and is
// not waited for.
func TestRefusedByAProxy(t *testing.T) {
	bucket := blobmem.New()
	store := mem.New()
	defer store.Close()
	h := remote.New(remote.Config{Store: store, Bucket: bucket, Home: t.TempDir()})
	status := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPut {
			w.WriteHeader(status)
			return
		}
		h.ServeHTTP(w, r)
	}))
	defer server.Close()
	c := dial(t, server.URL, t.TempDir())
	defer c.Store.Close()
	for refusal, hint := range map[int]string{413: "client_max_body_size", 403: "let this machine through"} {
		status = refusal
		err := c.Bucket.Put(t.Context(), "blobs/aa/"+strings.Repeat("a", 62), strings.NewReader("x"))
		if err == nil || !strings.Contains(err.Error(), "a proxy in front of the server") || !strings.Contains(fault.HintOf(err), hint) {
			t.Errorf("%d is told as %v: %s", refusal, err, fault.HintOf(err))
		}
	}
}
