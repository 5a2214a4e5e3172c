package runner

import (
	"bytes"
	"os"
	"path/filepath"
	"time"

	"github.com/levadahq/levada/internal/metastore"
	"github.com/levadahq/levada/internal/tasklog"
)

// stream names one of a task's two streams.
type stream = tasklog.Stream

const (
	streamOut = tasklog.Stdout
	streamErr = tasklog.Stderr
)

const (
	// maxLine is the size in bytes above which a line is passed on in parts.
	maxLine = 64 << 10
	// shortLog is the size in bytes up to which a log stays in memory and goes into the database.
	shortLog = 32 << 10
)

// truncated is the line that ends a stream of which more was printed than is kept.
const truncated = "[TRUNCATED - MAXIMUM LOG FILE SIZE REACHED]"
