// Package docstest keeps what the project says of itself true.
//
// It has no code of its own, only tests, which build the real binary and run it:
//
//   - compat_test.go: the claims of docs/compatibility.md, each a small flow with what happens when it runs
//     (testdata/compat). Where LEVADA_REFERENCE names a Python that has Metaflow, every claim runs under it, too.
//   - readme_test.go: every command of the README and of the pages in docs, with its output.
//   - links_test.go: links between pages lead somewhere.
package docstest
