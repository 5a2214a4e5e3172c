//go:build linux

package faulttest

import (
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const small = `
from levada import FlowSpec, step


class SmallFlow(FlowSpec):
    @step
    def start(self):
        raise ValueError("not yet")


if __name__ == "__main__":
    SmallFlow()
`

// TestAServerStartsNobodysFile asks a server to resume runs whose flow others can change: whoever reaches the server
// may ask for it, and it would run as the server's user.
func TestAServerStartsNobodysFile(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root can give files away")
	}
	t.Parallel()
	b := newBox(t)
	ours := b.flow("ours.py", small)
	theirs := filepath.Join(b.dir, "theirs", "flow.py")
	if err := os.Mkdir(filepath.Dir(theirs), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(theirs, []byte(small), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{filepath.Dir(theirs), theirs} {
		if err := os.Chown(path, 65534, 65534); err != nil {
			t.Fatal(err)
		}
	}
	b.run("run", ours).want(1)
	b.run("run", theirs).want(1)
	server := b.serve()
	resume := func(run string, status int, has string) {
		t.Helper()
		resp, err := http.Post(server+"/api/v1/runs/"+run+"/resume", "application/json", strings.NewReader("{}"))
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		if body, err := io.ReadAll(resp.Body); err != nil || resp.StatusCode != status || !strings.Contains(string(body), has) {
			t.Errorf("resume of run %s: %s %s, %v; want %d and %s", run, resp.Status, body, err, status, has)
		}
	}
	resume("2", http.StatusForbidden, filepath.Dir(theirs)+" belongs to another user")
	resume("1", http.StatusAccepted, `"run":3`)
	until(t, "the run that was started ends", func() bool { return b.statuses()[3] == "failed" })
	if n := len(b.statuses()); n != 3 {
		t.Errorf("there are %d runs, want 3", n)
	}
}
