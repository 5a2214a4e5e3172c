//go:build race

package flow_test

// buildFlags make levada look for races as these tests do.
var buildFlags = []string{"-race"}
