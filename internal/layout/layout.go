// Package layout has the names of files and folders in a store's folder. ARCHITECTURE.md shows that folder.
package layout

import (
	"path/filepath"
	"strconv"
)

// The names. They are part of the format: stores that are there have them.
const (
	Folder    = ".levada"   // of the store itself, where none is named
	Database  = "levada.db" // with SQLite's own files beside it
	Reserve   = "reserve"   // room that is given up on a full disk
	Values    = "blobs"     // values that are files
	Staging   = "staging"   // values on their way in, a folder for each engine
	Logs      = "logs"      // logs that are files, and cards of tasks that still run, a folder for each run
	Temporary = ".tmp"      // files that have not got their names yet
)

// RunLogs is the folder of a run's logs and cards in a store's folder.
func RunLogs(home string, run int64) string {
	return filepath.Join(home, Logs, strconv.FormatInt(run, 10))
}

// StagingOf is the folder of values on their way into the store in a folder.
func StagingOf(home string) string { return filepath.Join(home, Staging) }
