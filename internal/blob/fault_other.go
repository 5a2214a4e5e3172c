//go:build !unix

package blob

func isNoSpace(error) bool   { return false }
func isReadOnly(error) bool  { return false }
func isNotFolder(error) bool { return false }
