package worker

import (
	"errors"
	"fmt"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/levadahq/levada/internal/fault"
)

// refused says which limit has kept the system from starting a process, and what to do about it. The system's own words
// tell neither. A cause that is about no limit gives nothing.
func refused(cause error) (why, hint string) {
	const fewer = "or run fewer tasks at once with --max-workers"
	switch {
	case errors.Is(cause, syscall.EAGAIN):
		return "the system refuses to start more processes: a limit is reached, that of this user" + limit("ulimit -u", unix.RLIMIT_NPROC) +
				" or of the container (pids.max): " + syscall.EAGAIN.Error(),
			"raise the limit of processes, " + fewer
	case errors.Is(cause, syscall.ENOMEM):
		return "there is no memory for another process: " + syscall.ENOMEM.Error(),
			"give the machine or the container more memory, raise `ulimit -v`, set vm.overcommit_memory to 1, " + fewer
	case errors.Is(cause, syscall.EMFILE):
		return "the engine has reached its limit of open files" + limit("ulimit -n", unix.RLIMIT_NOFILE) + ": " + syscall.EMFILE.Error(),
			"raise the limit of open files with `ulimit -n`, " + fewer
	case errors.Is(cause, syscall.ENFILE):
		return "the machine has reached its limit of open files (fs.file-max): " + syscall.ENFILE.Error(),
			"raise the limit with `sysctl fs.file-max`, " + fewer
	}
	return "", ""
}

// limit shows how high a limit is, with the command that shows and sets it.
func limit(command string, resource int) string {
	var l unix.Rlimit
	if unix.Getrlimit(resource, &l) != nil || l.Cur > 1<<40 { // unlimited: it is another limit
		return " (" + command + ")"
	}
	return fmt.Sprintf(" (%s: %d)", command, l.Cur)
}

// noProcess is the error of a process that the system does not give.
func noProcess(cause error) error {
	e := &fault.Error{Kind: fault.Unavailable, Op: "start a process", Cause: cause}
	if why, hint := refused(cause); why != "" {
		e.Message, e.Hint, e.Cause = why, hint, nil
	}
	return e
}
