//go:build !unix

package codepack

import "io/fs"

// identity returns "": this system does not tell.
func identity(fs.FileInfo) string { return "" }

func isNoSpace(error) bool { return false }
