//go:build linux && !race

package faulttest

const underRace = false
