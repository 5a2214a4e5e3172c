//go:build !linux && !darwin

package sqlite

func freeSpace(string) (int64, bool) { return 0, false }

func diskIsFull(string) bool    { return false }
func isNoSpace(error) bool      { return false }
func isReadOnlyDisk(error) bool { return false }
