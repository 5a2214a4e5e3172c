// Package usage measures what tasks use: CPU time and memory of a task's whole
// process tree, what the machine has, and which processes are still there.
//
// A [Sampler] reads the processes below each given one, a [Series] keeps what it
// read over an attempt's life in at most [MaxPoints] points. Neither has a clock
// or a goroutine: the caller says when, and what time it is. The intended use is
// once a second for tasks that are older than a second; shorter ones have the
// exact rusage that wait4 gave.
//
// Memory is the proportional set size (PSS) summed over the tree: a page that n
// processes share counts 1/n in each, so tasks that were forked from one warm
// interpreter are not each charged for all of it, and parallel tasks add up to
// what the machine really holds. Where the kernel does not tell (before Linux
// 4.14, or another user's process) it is the resident set without what is
// shared. Reading the PSS takes the kernel about 15 ns a page; of a large
// process it is read less often and carried forward by the resident set.
//
// CPU time is that of the tree's processes and of their children that have
// ended and were waited for. A process that left the tree by losing its parent
// is still counted if a sample had seen it in the tree before.
//
// A peak between two samples is not seen. Where child cgroups can be made (see
// [OpenCgroups]) the kernel keeps the true peak of each task.
//
// On macOS there are no samples: what an attempt used is its rusage.
package usage

import "time"

// The values of [Reading.Source].
const (
	SourcePSS = "pss" // proportional set size of each process
	SourceRSS = "rss" // resident set without shared pages, of at least one process
)

// Reading is what a process tree used at one moment.
type Reading struct {
	CPU    time.Duration // user and system time since the tree began; never falls
	Memory int64         // bytes in memory now
	Source string        // how Memory was got: one of the Source constants
}

// GPU names an accelerator as CUDA_VISIBLE_DEVICES does: an index or an id.
type GPU string

// Resources is what a machine, or the container or slice this process is in, has to give.
type Resources struct {
	Cores  int     // whole CPUs that can be kept busy, at least 1
	CPUs   float64 // the same before rounding: a quota of 1.5 is 1.5
	Memory int64   // bytes, 0 if unknown
	GPUs   []GPU
}

// MemoryMB returns the memory in MiB.
func (r Resources) MemoryMB() int64 { return r.Memory >> 20 }
