//go:build !race

package flow_test

var buildFlags []string
