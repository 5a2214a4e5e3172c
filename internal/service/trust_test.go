package service

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/levadahq/levada/internal/fault"
	"github.com/levadahq/levada/internal/metastore"
)

// TestOnlyOurs looks at paths on which somebody else has a say, and at some on which nobody has.
func TestOnlyOurs(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root can give files away")
	}
	const nobody = 65534
	dir := t.TempDir()
	make := func(path string, mode os.FileMode, owner int) string {
		t.Helper()
		path = filepath.Join(dir, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		if err := os.Chown(path, owner, owner); err != nil {
			t.Fatal(err)
		}
		return path
	}
	link := func(name, to string) string {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.Symlink(to, path); err != nil {
			t.Fatal(err)
		}
		return path
	}
	ours := make("a/flow.py", 0o644, 0)
	theirs := make("b/flow.py", 0o644, nobody)
	inTheirs := make("c/flow.py", 0o644, 0)
	if err := os.Chown(filepath.Dir(inTheirs), nobody, nobody); err != nil {
		t.Fatal(err)
	}
	open := make("d/flow.py", 0o666, 0)
	inOpen := make("e/flow.py", 0o644, 0)
	if err := os.Chmod(filepath.Dir(inOpen), 0o777); err != nil {
		t.Fatal(err)
	}
	group := make("f/flow.py", 0o664, 0)
	if err := os.Chown(group, 0, nobody); err != nil {
		t.Fatal(err)
	}
	theirLink := link("mine.py", ours)
	if err := os.Lchown(theirLink, nobody, nobody); err != nil {
		t.Fatal(err)
	}
	for what, c := range map[string]struct {
		path string
		want string // empty: nobody else has a say
	}{
		"our file":                         {ours, ""},
		"one that is not there":            {filepath.Join(dir, "a", "none.py"), ""},
		"a link of ours to our file":       {link("ours.py", "a/flow.py"), ""},
		"another's file":                   {theirs, "b/flow.py belongs to another user"},
		"in another's folder":              {inTheirs, "/c belongs to another user"},
		"one that all may write":           {open, "d/flow.py can be changed by other users"},
		"in a folder that all may write":   {inOpen, "/e can be changed by other users"},
		"one that a group may write":       {group, "f/flow.py can be changed by other users"},
		"a link of ours to another's file": {link("x.py", theirs), "b/flow.py belongs to another user"},
		"another's link to our file":       {theirLink, "mine.py belongs to another user"},
		// Is cleaned first, as by those who use it.
		"by way of another's folder":          {filepath.Join(dir, "c") + "/../a/flow.py", ""},
		"a link by way of another's folder":   {link("y.py", filepath.Join(dir, "c")+"/../a/flow.py"), "/c belongs to another user"},
		"a link to itself":                    {link("z.py", "z.py"), "cannot be followed"},
		"a link out of its folder and back":   {link("w.py", "../"+filepath.Base(dir)+"/a/flow.py"), ""},
		"an interpreter of the system":        {"/bin/sh", ""},
		"in the folder for temporary files":   {os.TempDir(), ""},
		"a folder that is named with a slash": {filepath.Dir(ours) + "/", ""},
	} {
		t.Run(what, func(t *testing.T) {
			err := onlyOurs(c.path)
			if c.want == "" && err != nil || c.want != "" && (!fault.Is(err, fault.Permission) || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("%v, want %q", err, c.want)
			}
		})
	}
}

// TestOnlyTrustedRunsAreStarted has a server asked to resume runs that somebody else has a say in.
func TestOnlyTrustedRunsAreStarted(t *testing.T) {
	dir := t.TempDir()
	flow := filepath.Join(dir, "flow.py")
	if err := os.WriteFile(flow, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	open := filepath.Join(dir, "open")
	if err := os.WriteFile(open, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(open, 0o777); err != nil {
		t.Fatal(err)
	}
	for what, c := range map[string]struct {
		info metastore.RunInfo
		want string
	}{
		"its own":                           {metastore.RunInfo{FlowFile: flow, WorkingDir: dir, Interpreter: "/bin/sh"}, ""},
		"one of nobody knows whom":          {metastore.RunInfo{FlowFile: flow, WorkingDir: dir, Foreign: true}, "was recorded through a server"},
		"a file that all may change":        {metastore.RunInfo{FlowFile: open, WorkingDir: dir}, "can be changed by other users"},
		"an interpreter of that kind":       {metastore.RunInfo{FlowFile: flow, WorkingDir: dir, Interpreter: open}, "can be changed by other users"},
		"one that is named from the folder": {metastore.RunInfo{FlowFile: flow, WorkingDir: dir, Interpreter: "./open"}, "can be changed by other users"},
	} {
		t.Run(what, func(t *testing.T) {
			_, err := startable(metastore.Run{ID: 7, Info: c.info})
			switch {
			case c.want == "" && err != nil:
				t.Error(err)
			case c.want != "" && (!fault.Is(err, fault.Permission) || !strings.Contains(err.Error(), c.want) || !strings.Contains(fault.HintOf(err), "--origin-run-id 7")):
				t.Errorf("%v; %s", err, fault.HintOf(err))
			}
		})
	}
}
