package upkeep

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"time"

	"github.com/levadahq/levada/internal/blob"
	"github.com/levadahq/levada/internal/fault"
	"github.com/levadahq/levada/internal/layout"
)

// Remote makes an engine known that stores through a server, or says that it still lives; the zero Time is one that was
// not known. It returns the moment at which the engine began, by the clock of this machine, which the engine repeats.
//
// Its folder is like that of an engine on another machine: whether it lives is told by when it was last touched. It
// outlives the server, so a server that is started anew knows whom it served.
func Remote(home, host, session string, began time.Time) (time.Time, error) {
	if !sessionName.MatchString(session) {
		return began, fault.New(fault.Usage, "%q is not the name of a session", session)
	}
	now := blob.Now()
	if began.IsZero() || began.After(now) {
		began = now
	}
	path := remoteFolder(home, host, session, began)
	if err := os.MkdirAll(path, 0o777); err != nil {
		return began, fault.Of("make a session known", path, err)
	}
	return began, fault.Of("renew a session", path, os.Chtimes(path, now, now))
}

// Goodbye says that such an engine has made its last commit.
func Goodbye(home, host, session string, began time.Time) error {
	if !sessionName.MatchString(session) {
		return fault.New(fault.Usage, "%q is not the name of a session", session)
	}
	path := remoteFolder(home, host, session, began)
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fault.Of("end a session", path, err)
	}
	return nil
}

var sessionName = regexp.MustCompile(`^[0-9a-f]{8,64}$`)

// remoteFolder names no process: none of this machine is meant, even if the engine runs on it.
func remoteFolder(home, host, session string, began time.Time) string {
	return filepath.Join(layout.StagingOf(home), fmt.Sprintf("0-0-%d-%s-%s", began.UnixNano(), machine("through a server: "+host), session))
}
