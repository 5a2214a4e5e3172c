// Package faulttest holds tests of what may go wrong while Levada works, and nothing else. They run the real
// binary with real Python and real stores, and do to them what the world does: kill the engine, fork servers
// and tasks at random points, fill the disk, damage what is stored, let tasks talk nonsense, press Ctrl-C.
//
// A test runs in a [box]: a folder with a store of its own, and a mark in the environment by which every process
// that came of it is found again. Nothing of a box may live when its test ends.
//
// The points of the kill tests are random but come from a seed, which a failing test prints: -seed, or
// LEVADA_FAULT_SEED, sets it. LEVADA_SOAK=1 (make soak) runs many more of them; LEVADA_SOAK=20000 runs that many.
//
// The tests need Linux: they find processes in /proc, and mount small disks where they may (as root).
package faulttest
