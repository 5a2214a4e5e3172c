package flow

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/levadahq/levada/internal/protocol"
)

// Main is what a flow's main calls. It does not return: it hands the command line over to levada, or, in a process
// that levada has started, does what that asks for.
func (f *Flow[T]) Main() {
	m := f.m
	if fd, ok := take(protocol.ControlSocket); ok {
		m.serveControl(fd)
	}
	if fd, ok := take(protocol.TaskSocket); ok {
		m.define()
		m.serveTask(fd)
	}
	if fd, ok := take(protocol.ManySocket); ok {
		m.define()
		m.serveMany(fd)
	}
	m.handOver(os.Args[1:])
}

// take returns the descriptor that an environment variable names, and hides it from what the flow starts.
func take(variable string) (int, bool) {
	text, ok := os.LookupEnv(variable)
	if !ok {
		return 0, false
	}
	os.Unsetenv(variable)
	fd, err := strconv.Atoi(text)
	if err != nil {
		return 0, false
	}
	syscall.CloseOnExec(fd)
	return fd, true
}

// handOver replaces this process with levada.
func (m *machine) handOver(args []string) {
	exe, err := os.Executable()
	if err != nil {
		fail("the path of the program is not known: " + err.Error())
	}
	levada, err := findLevada(exe)
	if err != nil {
		fail(err.Error() + ".")
	}
	file, started := exe, os.Args[0]
	if folder := filepath.Dir(m.def.File); builtByGoRun(exe) && exists(folder) {
		// The program is gone when this run is over, so the flow is known by its package.
		file, started = folder, "go run "+relative(folder)
	}
	environment := append(os.Environ(), "LEVADA_PROGRAM="+exe, "LEVADA_STARTED_AS="+started)
	err = syscall.Exec(levada, append([]string{"levada", "flow", file}, args...), environment)
	fail(levada + " could not be started: " + err.Error())
}

func fail(text string) {
	os.Stderr.WriteString("levada: " + text + "\n")
	os.Exit(1)
}

// findLevada looks for the binary: where LEVADA_BIN says, beside the program, on the PATH.
func findLevada(exe string) (string, error) {
	if said := os.Getenv("LEVADA_BIN"); said != "" {
		if !isProgram(said) {
			return "", fmt.Errorf("LEVADA_BIN is %s, which is not a program: correct it, or unset it to search for 'levada'", said)
		}
		return said, nil
	}
	if beside := filepath.Join(filepath.Dir(exe), "levada"); isProgram(beside) {
		return beside, nil
	}
	path, err := exec.LookPath("levada")
	if err != nil {
		return "", errors.New("the program 'levada' was not found: install it on your PATH, or set LEVADA_BIN to its path")
	}
	return path, nil
}

func isProgram(path string) bool {
	st, err := os.Stat(path)
	return err == nil && st.Mode().IsRegular() && st.Mode().Perm()&0o111 != 0
}

// builtByGoRun reports whether a program lies where `go run` puts what it builds: a temporary folder, or the build
// cache, which GOCACHE may have put anywhere, but in which a program always lies in a folder named HASH-d.
func builtByGoRun(exe string) bool {
	hash, cached := strings.CutSuffix(filepath.Base(filepath.Dir(exe)), "-d")
	return cached && len(hash) == 64 || strings.Contains(exe, string(filepath.Separator)+"go-build")
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// relative writes a folder as one would type it here.
func relative(folder string) string {
	dir, err := os.Getwd()
	if err != nil {
		return folder
	}
	rel, err := filepath.Rel(dir, folder)
	switch {
	case err != nil || strings.HasPrefix(rel, ".."):
		return folder
	case rel == ".":
		return "."
	}
	return "./" + rel
}
