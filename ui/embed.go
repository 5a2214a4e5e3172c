// Package ui is the web pages, as files. They are built from the TypeScript in src by `make ui` and committed, so that
// a binary with them needs no Node to be built; a test builds them again and compares.
package ui

import (
	"embed"
	"io/fs"
)

//go:embed all:dist
var dist embed.FS

// Files returns the files, index.html among them.
func Files() fs.FS {
	files, err := fs.Sub(dist, "dist")
	if err != nil {
		panic(err) // the name is not a path
	}
	return files
}
