// Package gobuild builds the programs of flows written in Go.
//
// A flow is named by the folder of its package, by a file in it, or by a program that is built already. A package is
// built by the user's own `go build`, whose cache makes that fast when nothing has changed. The program is then kept
// under the hash of its bytes, so each run has its own, however often the package is rebuilt meanwhile.
package gobuild

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/levadahq/levada/internal/fault"
)

// Program is a flow that is a program.
type Program struct {
	Path   string // of the executable
	Source string // folder of its package; "" if that is not known
}

// Query says what to build.
type Query struct {
	Path   string    // absolute: a folder, a .go file, or a program
	Built  string    // the program that the package was built as already; "" builds it
	Cache  string    // folder for programs
	Stderr io.Writer // for what the compiler says
}

// Is reports whether a path names a flow in Go: a folder, a .go file or a program of the machine's own format.
func Is(path string) bool {
	st, err := os.Stat(path)
	switch {
	case err != nil:
		return false
	case st.IsDir():
		return true
	}
	return filepath.Ext(path) == ".go" || binary(path)
}

// binary reports whether a file is a program of the kind that a compiler makes.
func binary(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	var magic [4]byte
	if _, err := io.ReadFull(f, magic[:]); err != nil {
		return false
	}
	switch string(magic[:]) {
	case "\x7fELF", "\xcf\xfa\xed\xfe", "\xca\xfe\xba\xbe":
		return true
	}
	return false
}

// Check refuses a folder or a .go file that Build could make nothing of, without building anything.
func Check(path string) error {
	st, err := os.Stat(path)
	if err != nil || !isSource(st) {
		return err
	}
	return checkFolder(folderOf(st, path))
}

func isSource(st os.FileInfo) bool { return st.IsDir() || filepath.Ext(st.Name()) == ".go" }

// folderOf returns the folder of a package that is named by its folder or by one of its files.
func folderOf(st os.FileInfo, path string) string {
	if st.IsDir() {
		return path
	}
	return filepath.Dir(path)
}

// checkFolder refuses a folder that is no package of a Go module, and says what to name instead.
func checkFolder(folder string) error {
	if files, _ := filepath.Glob(filepath.Join(folder, "*.go")); len(files) == 0 {
		if flow := pythonFlow(folder); flow != "" {
			return fault.New(fault.NotFound, "this is a folder; a flow is run from its file").On(folder).
				Do("name the file: levada run %s", flow)
		}
		return fault.New(fault.NotFound, "this is a folder without a flow: there is no Go program in it").On(folder).Do(whatToName)
	}
	if !inModule(folder) {
		return fault.New(fault.NotFound, "this is a folder without a flow: it has Go files, but is not part of a Go module (there is no go.mod in it or above it)").
			On(folder).Do(whatToName)
	}
	return nil
}

// Build returns the program of a flow. A package that does not compile is a fault of kind UserCode: what the compiler
// said has gone to q.Stderr.
func Build(ctx context.Context, q Query) (Program, error) {
	st, err := os.Stat(q.Path)
	if err != nil {
		return Program{}, fault.New(fault.NotFound, "there is no flow %s", q.Path)
	}
	if !isSource(st) {
		return Program{Path: q.Path}, nil
	}
	folder := folderOf(st, q.Path)
	if q.Built != "" {
		return Program{Path: q.Built, Source: folder}, nil
	}
	if err := checkFolder(folder); err != nil {
		return Program{}, err
	}
	tool, err := exec.LookPath("go")
	if err != nil {
		return Program{}, fault.New(fault.Unavailable, "the flow is a Go package, and there is no go command to build it with").On(folder).
			Do("install Go, or build the flow elsewhere and run the program: `levada run ./PROGRAM`")
	}
	sum := sha256.Sum256([]byte(folder))
	home := filepath.Join(q.Cache, "go", hex.EncodeToString(sum[:8]))
	built := filepath.Join(home, "build", filepath.Base(folder))
	cmd := exec.CommandContext(ctx, tool, "build", "-o", built, ".")
	cmd.Dir, cmd.Stdout, cmd.Stderr = folder, q.Stderr, q.Stderr
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			return Program{}, fault.Wrap(fault.Interrupted, "build the flow", context.Cause(ctx))
		}
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			return Program{}, fault.New(fault.UserCode, "the flow does not compile; the compiler's own message is above").On(folder)
		}
		return Program{}, fault.Wrap(fault.Unavailable, "build the flow", err)
	}
	if !binary(built) {
		os.Remove(built)
		return Program{}, fault.New(fault.UserCode, "the package is not a program").On(folder).
			Do("a flow is in package main, whose main function calls Main of the flow")
	}
	path, err := keep(home, built)
	if err != nil {
		return Program{}, (&fault.Error{Kind: fault.Permission, Op: "keep the program", Subject: home, Cause: err}).
			Do("set LEVADA_CACHE to a folder that you can write to")
	}
	return Program{Path: path, Source: folder}, nil
}

// pythonFlow returns the one Python file of a folder that holds a flow, "" if there is none or more than one.
func pythonFlow(folder string) (found string) {
	files, _ := filepath.Glob(filepath.Join(folder, "*.py"))
	for _, file := range files {
		if text, err := os.ReadFile(file); err != nil || !bytes.Contains(text, []byte("FlowSpec")) {
			continue
		}
		if found != "" {
			return ""
		}
		found = file
	}
	return found
}

const whatToName = "name the Python file that holds the flow, or the folder of a Go program"

// inModule reports whether go can build what is in a folder as a part of a module, or is told to do without.
func inModule(folder string) bool {
	if os.Getenv("GO111MODULE") == "off" {
		return true
	}
	_, err := os.Stat(filepath.Join(Module(folder), "go.mod"))
	return err == nil
}

// unused is how long a program is kept that nobody runs.
const unused = 7 * 24 * time.Hour

// keep copies what was built to a place that is named after its bytes.
func keep(home, built string) (string, error) {
	src, err := os.Open(built)
	if err != nil {
		return "", err
	}
	defer src.Close()
	h := sha256.New()
	if _, err := io.Copy(h, src); err != nil {
		return "", err
	}
	folder := filepath.Join(home, hex.EncodeToString(h.Sum(nil)[:8]))
	path := filepath.Join(folder, filepath.Base(built))
	now := time.Now()
	if os.Chtimes(folder, now, now) == nil && binary(path) {
		return path, nil
	}
	sweep(home, now)
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return "", err
	}
	tmp, err := os.CreateTemp(folder, "new-*")
	if err != nil {
		return "", err
	}
	defer os.Remove(tmp.Name())
	_, err = src.Seek(0, io.SeekStart)
	if err == nil {
		_, err = io.Copy(tmp, src)
	}
	if err = cmp.Or(err, tmp.Chmod(0o755), tmp.Close()); err != nil {
		return "", err
	}
	return path, os.Rename(tmp.Name(), path)
}

// sweep removes programs that have not been run for long.
func sweep(home string, now time.Time) {
	entries, _ := os.ReadDir(home)
	for _, e := range entries {
		if info, err := e.Info(); err == nil && e.Name() != "build" && now.Sub(info.ModTime()) > unused {
			os.RemoveAll(filepath.Join(home, e.Name()))
		}
	}
}

// Suffixes are the ends of names of the files that a code package has for a flow in Go.
var Suffixes = []string{".go", "go.mod", "go.sum", "go.work"}

// Module returns the root of the module that a folder is in, the folder itself if it is in none.
func Module(folder string) string {
	for dir := folder; ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		if dir == filepath.Dir(dir) {
			return folder
		}
	}
}
