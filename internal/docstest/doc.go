// Package docstest keeps what the project says about itself true.
//
// It has no code of its own, only tests, which build the real binary and run it:
//
//   - compat_test.go: the claims of docs/compatibility.md, each a small flow with what happens when it runs
//     (testdata/compat). If LEVADA_REFERENCE names a Python that has Metaflow, every claim also runs under Metaflow.
//   - readme_test.go: every command in the README and in the pages in docs, with its output.
//   - links_test.go: links between pages lead somewhere.
package docstest
