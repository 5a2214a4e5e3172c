package usage

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"
)

const (
	// tick is the unit of the times in /proc/<pid>/stat. The kernel fixes it at
	// 100 a second for user space on every architecture that Go runs on.
	tick = 10 * time.Millisecond

	// maxTree bounds the processes that are read of one tree.
	maxTree = 10_000

	// pssPace is the resident set above which the PSS is read less often: every
	// second sample at this size, every third at twice of it.
	pssPace = 1 << 30
)

// Sampler reads process trees. It keeps what it needs to know of the trees it
// was last asked for, and nothing else. It is for one goroutine.
type Sampler struct {
	proc     string // "/proc"; another folder in tests
	children bool   // the kernel lists the children of each thread
	trees    map[int]*tree
	buf      []byte
	pageSize int64
}

// tree is what is known of the processes below one task's process.
type tree struct {
	known map[int]*process
	gone  time.Duration // of processes that ended where no parent in the tree waited for them
	cpu   time.Duration
}

// process is one process as it was last seen.
type process struct {
	stat   stat
	orphan bool // its parent was not in the tree
	rss    int64
	pss    int64
	age    int // samples since pss was read
	noPSS  bool
}

// NewSampler returns a sampler.
func NewSampler() *Sampler { return newSampler("/proc") }

func newSampler(proc string) *Sampler {
	s := &Sampler{proc: proc, trees: map[int]*tree{}, buf: make([]byte, 8<<10), pageSize: int64(os.Getpagesize())}
	self := filepath.Join(proc, "self", "task")
	if list, err := os.ReadDir(self); err == nil && len(list) > 0 {
		_, err = os.Stat(filepath.Join(self, list[0].Name(), "children"))
		s.children = err == nil
	}
	return s
}

// Sample reads the tree of each of the given processes. One that is gone is
// missing from the answer. What was known of processes that are not among pids
// is forgotten.
func (s *Sampler) Sample(pids []int) map[int]Reading {
	for pid := range s.trees {
		if !slices.Contains(pids, pid) {
			delete(s.trees, pid)
		}
	}
	readings := make(map[int]Reading, len(pids))
	if len(pids) == 0 {
		return readings
	}
	var all *snapshot
	if !s.children {
		all = s.snapshot()
	}
	for _, pid := range pids {
		t := s.trees[pid]
		if t == nil {
			t = &tree{known: map[int]*process{}}
			s.trees[pid] = t
		}
		if r, ok := s.read(pid, t, all); ok {
			readings[pid] = r
		}
	}
	return readings
}

// read brings a tree up to date.
func (s *Sampler) read(root int, t *tree, all *snapshot) (Reading, bool) {
	first, ok := s.stat(root, all)
	if !ok || first.dead() {
		return Reading{}, false
	}
	if old := t.known[root]; old != nil && old.stat.start != first.start {
		*t = tree{known: map[int]*process{}} // another process with the same number
	}
	members := map[int]stat{root: first}
	s.descend(root, members, all)
	// What was in the tree before and has lost its parent, and what it started.
	for pid, p := range t.known {
		if _, in := members[pid]; in {
			continue
		}
		if st, ok := s.stat(pid, all); ok && st.start == p.stat.start && !st.dead() {
			members[pid] = st
			s.descend(pid, members, all)
		}
	}
	if all != nil { // a task leads its own process group
		for _, pid := range all.groups[root] {
			if _, in := members[pid]; !in {
				members[pid] = all.stats[pid]
				s.descend(pid, members, all)
			}
		}
	}

	r := Reading{Source: SourcePSS}
	for pid, p := range t.known {
		if st, in := members[pid]; !in || st.start != p.stat.start {
			if p.orphan {
				t.gone += p.stat.cpu()
			}
			delete(t.known, pid)
		}
	}
	sum := t.gone
	for pid, st := range members {
		p := t.known[pid]
		if p == nil {
			p = &process{}
			t.known[pid] = p
		}
		p.stat = st
		_, parent := members[st.parent]
		p.orphan = !parent && pid != root
		sum += st.cpu()
		if st.dead() {
			continue
		}
		r.Memory += s.memory(pid, p)
		if p.noPSS {
			r.Source = SourceRSS
		}
	}
	// The time of a child that has ended moves to its parent only when that waits for it.
	t.cpu = max(t.cpu, sum)
	r.CPU = t.cpu
	return r, true
}

// descend adds the processes below pid to members.
func (s *Sampler) descend(pid int, members map[int]stat, all *snapshot) {
	queue := []int{pid}
	for len(queue) > 0 && len(members) < maxTree {
		next := queue[0]
		queue = queue[1:]
		var below []int
		if all != nil {
			below = all.below[next]
		} else {
			below = s.childrenOf(next)
		}
		for _, child := range below {
			if _, in := members[child]; in {
				continue
			}
			if st, ok := s.stat(child, all); ok {
				members[child] = st
				queue = append(queue, child)
			}
		}
	}
}

// childrenOf returns the children that the threads of a process have started.
func (s *Sampler) childrenOf(pid int) []int {
	dir := filepath.Join(s.proc, strconv.Itoa(pid), "task")
	threads, err := os.ReadDir(dir)
	if err != nil {
		return nil
	}
	var list []int
	for _, thread := range threads {
		text := s.file(filepath.Join(dir, thread.Name(), "children"))
		for _, field := range bytes.Fields(text) {
			if child, err := strconv.Atoi(string(field)); err == nil {
				list = append(list, child)
			}
		}
	}
	return list
}

// snapshot is the whole process table, for kernels that do not list children.
type snapshot struct {
	stats  map[int]stat
	below  map[int][]int
	groups map[int][]int
}

func (s *Sampler) snapshot() *snapshot {
	all := &snapshot{stats: map[int]stat{}, below: map[int][]int{}, groups: map[int][]int{}}
	dir, err := os.Open(s.proc)
	if err != nil {
		return all
	}
	names, _ := dir.Readdirnames(-1)
	dir.Close()
	for _, name := range names {
		if name[0] < '0' || name[0] > '9' {
			continue
		}
		pid, err := strconv.Atoi(name)
		if err != nil {
			continue
		}
		if st, ok := s.stat(pid, nil); ok {
			all.stats[pid] = st
			all.below[st.parent] = append(all.below[st.parent], pid)
			all.groups[st.group] = append(all.groups[st.group], pid)
		}
	}
	return all
}

// stat returns the state of a process.
func (s *Sampler) stat(pid int, all *snapshot) (stat, bool) {
	if all != nil {
		st, ok := all.stats[pid]
		return st, ok
	}
	return parseStat(s.file(filepath.Join(s.proc, strconv.Itoa(pid), "stat")))
}

// memory returns the bytes that a process holds.
func (s *Sampler) memory(pid int, p *process) int64 {
	dir := filepath.Join(s.proc, strconv.Itoa(pid))
	rss, shared, ok := parseStatm(s.file(filepath.Join(dir, "statm")))
	if !ok {
		return 0
	}
	rss, shared = rss*s.pageSize, shared*s.pageSize
	p.age++
	if p.pss > 0 && p.age <= int(min(30, p.rss/pssPace)) {
		return max(0, p.pss+rss-p.rss)
	}
	pss, ok := parseRollup(s.file(filepath.Join(dir, "smaps_rollup")))
	p.noPSS = !ok
	if !ok {
		return max(0, rss-shared)
	}
	p.rss, p.pss, p.age = rss, pss, 0
	return pss
}

// file reads a small file of /proc; the bytes hold until the next call.
func (s *Sampler) file(path string) []byte {
	f, err := os.Open(path)
	if err != nil {
		return nil
	}
	defer f.Close()
	n := 0
	for {
		if n == len(s.buf) {
			if n >= 1<<20 {
				return s.buf[:n]
			}
			s.buf = append(s.buf, make([]byte, n)...)
		}
		m, err := f.Read(s.buf[n:])
		n += m
		if err != nil || m == 0 {
			return s.buf[:n]
		}
	}
}

// stat is what is used of /proc/<pid>/stat.
type stat struct {
	state         byte
	parent, group int
	own, waited   int64 // ticks of the process, of its children that it waited for
	start         int64 // ticks since boot
}

func (st stat) dead() bool         { return st.state == 'Z' || st.state == 'X' || st.state == 'x' }
func (st stat) cpu() time.Duration { return time.Duration(st.own+st.waited) * tick }

// parseStat reads a line of /proc/<pid>/stat. The program's name, in
// parentheses, may hold anything, parentheses and line ends included.
func parseStat(line []byte) (stat, bool) {
	end := bytes.LastIndexByte(line, ')')
	if end < 0 {
		return stat{}, false
	}
	f := bytes.Fields(line[end+1:])
	if len(f) < 20 || len(f[0]) != 1 {
		return stat{}, false
	}
	st := stat{state: f[0][0]}
	bad := false
	num := func(i int) int64 {
		v, err := strconv.ParseInt(string(f[i]), 10, 64)
		bad = bad || err != nil
		return v
	}
	st.parent, st.group = int(num(1)), int(num(2))
	st.own, st.waited, st.start = num(11)+num(12), num(13)+num(14), num(19)
	return st, !bad
}

func parseStatm(line []byte) (rss, shared int64, ok bool) {
	f := bytes.Fields(line)
	if len(f) < 3 {
		return 0, 0, false
	}
	rss, err1 := strconv.ParseInt(string(f[1]), 10, 64)
	shared, err2 := strconv.ParseInt(string(f[2]), 10, 64)
	return rss, shared, err1 == nil && err2 == nil
}

// parseRollup returns the bytes of the line "Pss:".
func parseRollup(text []byte) (int64, bool) {
	_, rest, ok := bytes.Cut(text, []byte("\nPss:"))
	if !ok {
		return 0, false
	}
	f := bytes.Fields(rest[:min(64, len(rest))])
	if len(f) == 0 {
		return 0, false
	}
	kib, err := strconv.ParseInt(string(f[0]), 10, 64)
	return kib << 10, err == nil
}
