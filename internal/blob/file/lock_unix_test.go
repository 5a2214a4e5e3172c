//go:build unix && !solaris && !aix

package file

import (
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/levadahq/levada/internal/blob"
)

// TestDiscardACompleteFile keeps a file that its writer has made read-only and is about to give its name.
func TestDiscardACompleteFile(t *testing.T) {
	if os.Getuid() == 0 { // to whom nothing is read-only
		asNobody(t)
		return
	}
	b := New(t.TempDir())
	f, err := b.create()
	if err != nil {
		t.Fatal(err)
	}
	if err := finish(f); err != nil {
		t.Fatal(err)
	}
	part := blob.Part{Name: filepath.Base(f.Name())}
	if ok, err := b.Discard(t.Context(), part); ok || err != nil || !there(f) {
		t.Errorf("removing a file that is about to get its name: %t, %v", ok, err)
	}
	f.Close()
	if ok, err := b.Discard(t.Context(), part); !ok || err != nil {
		t.Errorf("removing it when its writer is gone: %t, %v", ok, err)
	}
}

// asNobody runs a test again as somebody who is not root.
func asNobody(t *testing.T) {
	t.Helper()
	// The test program and the folders of tests are in places that only root may enter.
	folder, err := os.MkdirTemp("", "levada-nobody-")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(folder)
	program := filepath.Join(folder, "file.test")
	data, err := os.ReadFile(os.Args[0])
	if err == nil {
		err = os.WriteFile(program, data, 0o755)
	}
	if err == nil {
		err = os.Chmod(folder, 0o777)
	}
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, "-test.run=^"+t.Name()+"$")
	cmd.Dir, cmd.Env = folder, append(os.Environ(), "TMPDIR="+folder)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
