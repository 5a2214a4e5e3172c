package worker

// SetOOMKills replaces what the kernel tells of the processes that it has killed because memory ran out.
func SetOOMKills(f func() int64) (restore func()) {
	real := oomKills
	oomKills = f
	return func() { oomKills = real }
}
