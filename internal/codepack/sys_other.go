//go:build !unix

package codepack

func isNoSpace(error) bool { return false }
