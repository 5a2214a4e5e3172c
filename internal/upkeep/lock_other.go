//go:build !unix || solaris || aix

package upkeep

import "os"

func lockFolder(string) *os.File { return nil }

func isLocked(string) bool { return false }
