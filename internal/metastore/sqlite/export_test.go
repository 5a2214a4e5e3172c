package sqlite

// SetFewValues changes how many runs with a value are few, until the function it returns is called.
func SetFewValues(n int64) (restore func()) {
	before := fewValues
	fewValues = n
	return func() { fewValues = before }
}
