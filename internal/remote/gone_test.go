package remote_test

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/levadahq/levada/internal/fault"
	"github.com/levadahq/levada/internal/metastore"
	"github.com/levadahq/levada/internal/remote"
)

// A server whose store was deleted says so to everybody, at once, and makes nothing in its place.
func TestAStoreThatIsGone(t *testing.T) {
	c, home := serve(t)
	ctx := t.Context()
	run, err := c.Store.CreateRun(ctx, metastore.Run{Flow: "F", Status: metastore.RunRunning}, metastore.Beginning{})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(home); err != nil {
		t.Fatal(err)
	}
	_, created := c.Store.CreateRun(ctx, metastore.Run{Flow: "F"}, metastore.Beginning{})
	_, dialed := remote.Dial(ctx, c.URL(), remote.Options{Cache: t.TempDir()})
	for what, err := range map[string]error{
		"a heartbeat": c.Store.Beat(ctx, run, time.Now()), "a new run": created, "a new client": dialed,
		"the end of a run": c.Store.EndRun(ctx, run, metastore.RunEnd{}), "a value": c.Bucket.Put(ctx, "blobs/aa/"+strings.Repeat("0", 62), strings.NewReader("x")),
	} {
		if !fault.Is(err, fault.NotFound) || !strings.Contains(err.Error(), "levada.db: the store was deleted") || fault.HintOf(err) == "" {
			t.Errorf("%s: %v", what, err)
		}
	}
	if _, err := os.Stat(home); !os.IsNotExist(err) {
		t.Errorf("there is something in its place: %v", err)
	}
}
