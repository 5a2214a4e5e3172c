package runner

// Beat renews the lease once, as is done every few seconds.
func (r *Runner) Beat() { r.beat() }
