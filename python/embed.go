// Package python holds the Python SDK: the package levada, and the package
// metaflow that lets flows written for Metaflow run unchanged. The binary
// carries both, so that a flow needs nothing installed beside Python itself.
package python

import "embed"

// Files holds the folders levada and metaflow with their modules, ready to be
// written out as one folder of PYTHONPATH. The files py.typed say to type checkers
// that the packages have annotations.
//
//go:embed levada/py.typed metaflow/py.typed
//go:embed all:levada/*.py all:levada/*/*.py all:metaflow/*.py all:metaflow/*/*.py all:metaflow/*/*/*.py all:metaflow/*/*/*/*.py
var Files embed.FS
