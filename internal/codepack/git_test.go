package codepack

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/levadahq/levada/internal/fault"
)

// git runs git in a folder, without the machine's configuration.
func git(t testing.TB, dir string, args ...string) string {
	t.Helper()
	cmd := exec.Command("git", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1",
		"GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@b", "GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@b")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("git %v: %v: %s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

func repository(t testing.TB) string {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("no git on this machine")
	}
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	git(t, dir, "init", "-q", "-b", "trunk/main")
	return dir
}

func TestGit(t *testing.T) {
	if _, ok := Git(t.TempDir()); ok {
		t.Skip("the temporary folder is in a work tree")
	}
	dir := repository(t)
	info, ok := Git(dir)
	if !ok || info != (GitInfo{Root: dir, Branch: "trunk/main"}) {
		t.Errorf("before the first commit: %+v, %v", info, ok)
	}
	if s, err := info.Status(context.Background()); err != nil || s != (GitStatus{}) {
		t.Errorf("status before the first commit: %+v, %v", s, err)
	}

	write(t, dir, map[string]string{"sub/flow.py": "x", "other.py": "y"})
	git(t, dir, "add", ".")
	git(t, dir, "commit", "-q", "-m", "one")
	expect := func(what, at, root, branch string, dirty bool) {
		t.Helper()
		commit := git(t, at, "rev-parse", "HEAD")
		info, ok := Git(at)
		if !ok || info != (GitInfo{root, commit, branch}) {
			t.Errorf("%s: got %+v, want %s %s on %s", what, info, root, commit, branch)
		}
		s, err := info.Status(context.Background())
		if err != nil || s != (GitStatus{commit, dirty}) {
			t.Errorf("%s: status %+v, %v", what, s, err)
		}
	}
	sub := filepath.Join(dir, "sub")
	expect("loose reference", sub, dir, "trunk/main", false)
	git(t, dir, "pack-refs", "--all")
	expect("packed reference", sub, dir, "trunk/main", false)

	write(t, dir, map[string]string{"sub/.levada/db": "1", "sub/__pycache__/flow.pyc": ""})
	expect("Levada's own files", sub, dir, "trunk/main", false)
	write(t, dir, map[string]string{"sub/new.py": "1"})
	expect("new file", sub, dir, "trunk/main", true)
	git(t, dir, "add", "sub/new.py")
	git(t, dir, "commit", "-q", "-m", "two")
	expect("loose over packed", sub, dir, "trunk/main", false)
	write(t, dir, map[string]string{"other.py": "changed"})
	expect("changed file", sub, dir, "trunk/main", true)
	git(t, dir, "checkout", "-q", ".")
	git(t, dir, "mv", "other.py", "sub/.levada.py")
	expect("renamed file", sub, dir, "trunk/main", true)
	git(t, dir, "reset", "-q", "--hard")

	tree := filepath.Join(t.TempDir(), "tree")
	git(t, dir, "worktree", "add", "-q", "-b", "side", tree)
	tree, err := filepath.EvalSymlinks(tree)
	if err != nil {
		t.Fatal(err)
	}
	write(t, tree, map[string]string{"more.py": ""})
	git(t, tree, "add", ".")
	git(t, tree, "commit", "-q", "-m", "three")
	expect("further work tree", filepath.Join(tree, "sub"), tree, "side", false)
	git(t, dir, "pack-refs", "--all")
	expect("further work tree, packed", tree, tree, "side", false)

	git(t, dir, "checkout", "-q", "--detach")
	expect("no branch", dir, dir, "", false)
}

func TestGitStatusThatFails(t *testing.T) {
	dir := repository(t)
	info, _ := Git(dir)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := info.Status(ctx); !fault.Is(err, fault.Unavailable) {
		t.Errorf("cancelled: %v", err)
	}
	if err := os.Remove(filepath.Join(dir, ".git", "HEAD")); err != nil {
		t.Fatal(err)
	}
	if _, err := info.Status(context.Background()); !fault.Is(err, fault.Unavailable) {
		t.Errorf("broken: %v", err)
	}
}

func TestGitOddFiles(t *testing.T) {
	hash := strings.Repeat("a1", 20)
	for what, test := range map[string]struct {
		files map[string]string
		want  GitInfo
	}{
		"reference outside": {map[string]string{".git/HEAD": "ref: ../../secret\n"}, GitInfo{}},
		"endless":           {map[string]string{".git/HEAD": "ref: refs/heads/a\n", ".git/refs/heads/a": "ref: refs/heads/a\n"}, GitInfo{Branch: "a"}},
		"not a hash":        {map[string]string{".git/HEAD": "ref: refs/heads/a\n", ".git/refs/heads/a": "hello\n"}, GitInfo{Branch: "a"}},
		"reftable":          {map[string]string{".git/HEAD": "ref: refs/heads/.invalid\n"}, GitInfo{}},
		"peeled tags": {map[string]string{".git/HEAD": "ref: refs/heads/a",
			".git/packed-refs": "# pack-refs with: peeled\n" + hash + " refs/heads/ab\n^" + hash + "\n" + hash + " refs/heads/a\n"}, GitInfo{Branch: "a", Commit: hash}},
	} {
		dir := t.TempDir()
		write(t, dir, test.files)
		test.want.Root = dir
		if got, ok := Git(dir); !ok || got != test.want {
			t.Errorf("%s: got %+v, want %+v", what, got, test.want)
		}
	}
}

func FuzzParseStatus(f *testing.F) {
	f.Add("# branch.oid (initial)\x00? a\x002 R. N... a\x00b\x00")
	f.Fuzz(func(t *testing.T, out string) { parseStatus(out) })
}

func BenchmarkGit(b *testing.B) {
	info, ok := Git(".")
	if !ok {
		b.Skip("not in a work tree")
	}
	b.Run("files", func(b *testing.B) {
		for range b.N {
			Git(".")
		}
	})
	b.Run("status", func(b *testing.B) {
		for range b.N {
			if _, err := info.Status(context.Background()); err != nil {
				b.Skip(err)
			}
		}
	})
}
