//go:build !linux && !darwin

package sqlite

func freeSpace(string) (int64, bool) { return 0, false }
func diskIsFull(string) bool         { return false }
func onNetwork(string) bool          { return false }
