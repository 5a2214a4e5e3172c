package metastore

import (
	"fmt"
	"strings"
)

// Problem says in one line why an attempt is not well; "" if it is, or nothing is known.
func (a *Attempt) Problem() string {
	switch {
	case a.Exception != nil:
		message, _, _ := strings.Cut(a.Exception.Message, "\n")
		kind := a.Exception.Type[strings.LastIndexByte(a.Exception.Type, '.')+1:]
		return strings.TrimSuffix(kind+": "+message, ": ")
	case a.Status != AttemptFailed:
		return ""
	case a.Signal != 0:
		return fmt.Sprintf("signal %d", a.Signal)
	case a.ExitCode != 0:
		return fmt.Sprintf("exit code %d", a.ExitCode)
	}
	return ""
}
