package file_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"github.com/levadahq/levada/internal/blob"
	"github.com/levadahq/levada/internal/blob/file"
)

// toldReader tells on stdout when what it has yielded so far was taken.
type toldReader struct {
	r     io.Reader
	reads int
}

func (t *toldReader) Read(p []byte) (int, error) {
	if t.reads++; t.reads > 1 {
		fmt.Println("written")
	}
	return t.r.Read(p)
}

// TestKilledWriter kills a process that writes: what it wrote is its own until then, and nobody's after.
func TestKilledWriter(t *testing.T) {
	if root := os.Getenv("LEVADA_TEST_WRITER"); root != "" {
		_ = file.New(root).Put(t.Context(), "a/b", &toldReader{r: os.Stdin})
		return
	}
	root := t.TempDir()
	cmd := exec.Command(os.Args[0], "-test.run=^TestKilledWriter$")
	cmd.Env = append(os.Environ(), "LEVADA_TEST_WRITER="+root)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Process.Kill()
	if _, err := in.Write(bytes.Repeat([]byte("x"), 100)); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || line != "written\n" {
		t.Fatalf("the process says %q, %v", line, err)
	}
	b := file.New(root)
	parts, err := b.Parts(t.Context())
	if err != nil || len(parts) != 1 || parts[0].Writer != blob.Alive || parts[0].Bytes != 100 {
		t.Fatalf("while it is written: %+v, %v", parts, err)
	}
	if ok, err := b.Discard(t.Context(), parts[0]); ok || err != nil {
		t.Errorf("removing a file that is being written: %t, %v", ok, err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	parts, err = b.Parts(t.Context())
	if err != nil || len(parts) != 1 || parts[0].Writer != blob.Gone {
		t.Fatalf("after its writer was killed: %+v, %v", parts, err)
	}
	if ok, err := b.Discard(t.Context(), parts[0]); !ok || err != nil {
		t.Errorf("removing it: %t, %v", ok, err)
	}
	if parts, err := b.Parts(t.Context()); err != nil || len(parts) != 0 {
		t.Errorf("there are still %+v, %v", parts, err)
	}
}

// TestDiscardBesideWriters removes all that seems abandoned while others begin to write.
func TestDiscardBesideWriters(t *testing.T) {
	b := file.New(t.TempDir())
	done := make(chan struct{})
	var remover, writers sync.WaitGroup
	remover.Go(func() {
		for {
			select {
			case <-done:
				return
			default:
			}
			parts, err := b.Parts(t.Context())
			if err != nil {
				t.Error(err)
			}
			for _, p := range parts {
				if _, err := b.Discard(t.Context(), p); err != nil {
					t.Error(err)
				}
			}
		}
	})
	for i := range 4 {
		writers.Go(func() {
			for j := range 50 {
				if err := b.Put(t.Context(), fmt.Sprintf("k/%d/%d", i, j), strings.NewReader("bytes")); err != nil {
					t.Error(err)
				}
			}
		})
	}
	writers.Wait()
	close(done)
	remover.Wait()
	for i := range 4 {
		for j := range 50 {
			if size, err := b.Stat(t.Context(), fmt.Sprintf("k/%d/%d", i, j)); err != nil || size != 5 {
				t.Errorf("%d/%d: %d bytes, %v", i, j, size, err)
			}
		}
	}
}
