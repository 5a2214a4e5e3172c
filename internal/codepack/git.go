package codepack

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/levadahq/levada/internal/fault"
	"github.com/levadahq/levada/internal/layout"
)

// GitInfo is the state of the git work tree around a folder, read from its
// files without starting git.
type GitInfo struct {
	Root   string // of the work tree
	Commit string // full hash; empty before the first commit and for formats that only git reads
	Branch string // empty if no branch is checked out
}

// Git returns the state of the work tree that a folder is in; false if it is in
// none. It takes well under a millisecond.
func Git(dir string) (GitInfo, bool) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return GitInfo{}, false
	}
	for {
		if gitDir, ok := gitDirOf(dir); ok {
			info := GitInfo{Root: dir}
			info.Commit, info.Branch = head(gitDir)
			return info, true
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return GitInfo{}, false
		}
		dir = parent
	}
}

// gitDirOf returns the folder with git's files of a work tree: .git, or where a
// file of that name points to, as in further work trees and submodules.
func gitDirOf(root string) (string, bool) {
	p := filepath.Join(root, ".git")
	info, err := os.Stat(p)
	if err != nil {
		return "", false
	}
	if !info.IsDir() {
		text, ok := readShort(p)
		if !ok {
			return "", false
		}
		target, ok := strings.CutPrefix(text, "gitdir:")
		if !ok {
			return "", false
		}
		p = strings.TrimSpace(target)
		if !filepath.IsAbs(p) {
			p = filepath.Join(root, p)
		}
	}
	if _, err := os.Stat(filepath.Join(p, "HEAD")); err != nil {
		return "", false
	}
	return p, true
}

// head resolves HEAD.
func head(gitDir string) (commit, branch string) {
	common := gitDir
	if text, ok := readShort(filepath.Join(gitDir, "commondir")); ok && text != "" {
		common = text
		if !filepath.IsAbs(common) {
			common = filepath.Join(gitDir, common)
		}
	}
	ref := "HEAD"
	for range 5 {
		text, ok := readShort(filepath.Join(gitDir, filepath.FromSlash(ref)))
		if !ok {
			text, ok = readShort(filepath.Join(common, filepath.FromSlash(ref)))
		}
		if !ok {
			text, ok = packedRef(common, ref)
		}
		if !ok {
			return "", branch
		}
		target, symbolic := strings.CutPrefix(text, "ref:")
		if !symbolic {
			if !isHash(text) {
				return "", branch
			}
			return text, branch
		}
		ref = strings.TrimSpace(target)
		if !filepath.IsLocal(filepath.FromSlash(ref)) || !strings.HasPrefix(ref, "refs/") {
			return "", branch
		}
		if name, ok := strings.CutPrefix(ref, "refs/heads/"); ok && name != ".invalid" {
			branch = name
		}
	}
	return "", branch
}

// packedRef finds a reference in packed-refs.
func packedRef(common, ref string) (string, bool) {
	p := filepath.Join(common, "packed-refs")
	info, err := os.Stat(p)
	if err != nil || !info.Mode().IsRegular() || info.Size() > 64<<20 {
		return "", false
	}
	text, err := os.ReadFile(p)
	if err != nil {
		return "", false
	}
	before, _, ok := bytes.Cut(append(text, '\n'), []byte(" "+ref+"\n"))
	if !ok {
		return "", false
	}
	hash := string(before[bytes.LastIndexByte(before, '\n')+1:])
	return hash, isHash(hash)
}

func isHash(s string) bool {
	return (len(s) == 40 || len(s) == 64) && strings.Trim(s, "0123456789abcdef") == ""
}

// readShort reads a file of one line.
func readShort(path string) (string, bool) {
	info, err := os.Stat(path)
	if err != nil || !info.Mode().IsRegular() || info.Size() > 64<<10 {
		return "", false
	}
	text, err := os.ReadFile(path)
	return strings.TrimSpace(string(text)), err == nil
}

// GitStatus is what git itself says of a work tree.
type GitStatus struct {
	Commit string // empty before the first commit
	Dirty  bool   // there are changes that the commit does not have, or new files that are not ignored
}

// Status runs git to learn whether the work tree has changes. It takes some ten
// milliseconds, in a large repository much longer: run it beside other work, with
// a context that bounds it. Levada's own files are not counted as changes.
func (g GitInfo) Status(ctx context.Context) (GitStatus, error) {
	// Nothing is written, and no monitor of the file system is started. Of what the repository's configuration names,
	// only the filters of files that were touched run: without them, such files would count as changed.
	cmd := exec.CommandContext(ctx, "git", "--no-optional-locks", "-c", "core.fsmonitor=false",
		"status", "--porcelain=v2", "--branch", "-z", "--untracked-files=normal", "--ignore-submodules=dirty")
	cmd.Dir = g.Root
	cmd.Env = slices.DeleteFunc(os.Environ(), func(kv string) bool {
		name, _, _ := strings.Cut(kv, "=")
		switch name {
		case "GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_COMMON_DIR", "GIT_PREFIX", "LC_ALL":
			return true
		}
		return false
	})
	cmd.Env = append(cmd.Env, "LC_ALL=C")
	cmd.WaitDelay = 100 * time.Millisecond
	var errOut bytes.Buffer
	cmd.Stderr = &errOut
	out, err := cmd.Output()
	if err != nil {
		e := fault.New(fault.Unavailable, "git could not report the state of the work tree").On(g.Root).Because(err)
		if line, _, _ := strings.Cut(strings.TrimSpace(errOut.String()), "\n"); line != "" && ctx.Err() == nil {
			e.Message += " (" + line + ")"
		}
		if ctx.Err() != nil {
			e.Cause = ctx.Err()
		}
		return GitStatus{}, e
	}
	return parseStatus(string(out)), nil
}

// parseStatus reads the answer of git status --porcelain=v2 -z.
func parseStatus(out string) GitStatus {
	var s GitStatus
	parts := strings.Split(out, "\x00")
	for i := 0; i < len(parts); i++ {
		kind, rest, _ := strings.Cut(parts[i], " ")
		switch kind {
		case "#":
			if oid, ok := strings.CutPrefix(rest, "branch.oid "); ok && isHash(oid) {
				s.Commit = oid
			}
		case "1", "u":
			s.Dirty = true
		case "2":
			s.Dirty = true
			i++ // the old path of what was renamed
		case "?":
			s.Dirty = s.Dirty || !ownFile(rest)
		}
	}
	return s
}

// ownFile reports whether running a flow made a file.
func ownFile(path string) bool {
	for part := range strings.SplitSeq(path, "/") {
		switch part {
		case layout.Folder, ".metaflow", "__pycache__":
			return true
		}
	}
	return false
}
