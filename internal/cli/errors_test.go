package cli

import (
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/levadahq/levada/internal/fault"
)

// TestMachineLimits: what comes of the machine is not told as a bug of Levada, and what to do is said.
func TestMachineLimits(t *testing.T) {
	system := func(errno syscall.Errno) error { return &os.PathError{Op: "open", Path: "x", Err: errno} }
	for _, tc := range []struct {
		err  error
		kind string
		hint string
	}{
		{system(syscall.EMFILE), "unavailable", "ulimit -n 4096"},
		{fault.Wrap(fault.Internal, "open control socket", system(syscall.ENFILE)), "unavailable", "All processes"},
		{fault.New(fault.Unavailable, "no Python").Because(system(syscall.EMFILE)).Do("name it with --python"), "unavailable", "ulimit -n"},
		{fault.Wrap(fault.Internal, "make the store", system(syscall.ENAMETOOLONG)), "unavailable", "shorter path"},
		{fmt.Errorf("surprise"), "internal error", "This is a bug"},
	} {
		var out, told strings.Builder
		s := newSession(&Env{Stdout: &out, Stderr: &told})
		s.global.json = true
		if code := s.report(tc.err); code != exitFailed {
			t.Errorf("%v: exit code %d", tc.err, code)
		}
		if !strings.Contains(told.String(), tc.hint) || strings.Contains(told.String(), "Internal") != (tc.kind == "internal error") {
			t.Errorf("%v is told as\n%s", tc.err, told.String())
		}
		if !strings.Contains(out.String(), `"kind":"`+tc.kind+`"`) {
			t.Errorf("%v in JSON: %s", tc.err, out.String())
		}
	}
}

// brokenOutput fails with an error of the operating system.
type brokenOutput syscall.Errno

func (b brokenOutput) Write([]byte) (int, error) {
	return 0, &os.PathError{Op: "write", Path: "/dev/stdout", Err: syscall.Errno(b)}
}

func TestOutputFails(t *testing.T) {
	for errno, want := range map[syscall.Errno]string{
		syscall.ENOSPC: "    Disk full:\n    The output could not be written: write /dev/stdout: no space left on device\n    Free some space",
		syscall.EIO:    "    Not available:\n    The output could not be written: write /dev/stdout: input/output error\n",
		syscall.EPIPE:  "",
	} {
		var told strings.Builder
		s := newSession(&Env{Stdout: brokenOutput(errno), Stderr: &told})
		_, err := io.WriteString(s.env.Stdout, "x")
		if code := s.report(err); code != exitFailed || !strings.HasPrefix(told.String(), want) || want == "" && told.String() != "" {
			t.Errorf("%v: exit code %d\n%s", errno, code, told.String())
		}
	}
}
