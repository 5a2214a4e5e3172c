//go:build !linux && !darwin

package sqlite

func diskIsFull(string) bool    { return false }
func isNoSpace(error) bool      { return false }
func isReadOnlyDisk(error) bool { return false }
