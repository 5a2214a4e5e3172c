package usage

import (
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
)

// Machine returns what this process has to give to tasks: cores by the
// scheduler's affinity and the cgroups' CPU quota, memory by what is built in
// and the cgroups' limit, GPUs by the devices and CUDA_VISIBLE_DEVICES. The
// environment is as of os.Environ.
func Machine(env []string) Resources {
	visible, set := "", false
	for _, kv := range env {
		if v, ok := strings.CutPrefix(kv, "CUDA_VISIBLE_DEVICES="); ok {
			visible, set = v, true
		}
	}
	r := Resources{CPUs: float64(runtime.NumCPU()), Memory: physicalMemory()}
	if quota := cpuQuota(""); quota > 0 {
		r.CPUs = min(r.CPUs, quota)
	}
	r.Cores = max(1, int(math.Floor(r.CPUs)))
	if limit := memoryLimit(""); limit > 0 && (r.Memory == 0 || limit < r.Memory) {
		r.Memory = limit
	}
	r.GPUs = gpus("/dev", visible, set)
	return r
}

// gpus lists the NVIDIA devices, cut down to what CUDA_VISIBLE_DEVICES leaves. CUDA numbers those that are there from
// 0, whatever the numbers of their files: a container may have only the third one of its machine.
func gpus(dev, visible string, set bool) []GPU {
	paths, _ := filepath.Glob(filepath.Join(dev, "nvidia[0-9]*"))
	devices := len(paths)
	list := []GPU{}
	if !set {
		for n := range devices {
			list = append(list, GPU(strconv.Itoa(n)))
		}
		return list
	}
	if devices == 0 {
		return list
	}
	for name := range strings.SplitSeq(visible, ",") {
		name = strings.TrimSpace(name)
		if n, err := strconv.Atoi(name); name == "" || err == nil && (n < 0 || n >= devices) {
			break // CUDA stops at the first that does not exist
		}
		if slices.Contains(list, GPU(name)) {
			break
		}
		list = append(list, GPU(name))
	}
	return list
}

// cpuQuota returns the CPUs that the cgroups around this process allow, 0
// without a quota. root stands in front of every path, for tests.
func cpuQuota(root string) float64 {
	lowest := 0.0
	for _, dir := range ownCgroups(root, "cpu") {
		var quota, period float64
		if text, ok := readLine(filepath.Join(dir, "cpu.max")); ok {
			f := strings.Fields(text)
			if len(f) == 2 {
				quota, period = number(f[0]), number(f[1])
			}
		} else {
			q, _ := readLine(filepath.Join(dir, "cpu.cfs_quota_us"))
			p, _ := readLine(filepath.Join(dir, "cpu.cfs_period_us"))
			quota, period = number(q), number(p)
		}
		if quota > 0 && period > 0 && (lowest == 0 || quota/period < lowest) {
			lowest = quota / period
		}
	}
	return lowest
}

// memoryLimit returns the bytes that the cgroups around this process allow, 0
// without a limit.
func memoryLimit(root string) int64 {
	lowest := int64(0)
	for _, dir := range ownCgroups(root, "memory") {
		for _, name := range []string{"memory.max", "memory.limit_in_bytes"} {
			text, ok := readLine(filepath.Join(dir, name))
			if !ok {
				continue
			}
			// Version 1 writes "no limit" as the largest number of whole pages.
			if n := int64(number(text)); n > 0 && n < 1<<60 && (lowest == 0 || n < lowest) {
				lowest = n
			}
		}
	}
	return lowest
}

// OOMKills returns how many processes the kernel has killed because memory ran out: of those in this process's cgroup,
// or of the whole machine where cgroups do not tell. A number that rises is what counts. It is -1 if nothing tells.
func OOMKills() int64 { return oomKills("") }

func oomKills(root string) int64 {
	for _, dir := range ownCgroups(root, "memory") {
		if n := oomKillsIn(dir); n >= 0 {
			return n
		}
	}
	return counter(root+"/proc/vmstat", "oom_kill")
}

// oomKillsIn returns how many processes of a cgroup, and in version 2 of those below it, were killed so; -1 if it does
// not tell.
func oomKillsIn(dir string) int64 {
	v2, v1 := filepath.Join(dir, "memory.events"), filepath.Join(dir, "memory.oom_control")
	return max(counter(v2, "oom_kill"), counter(v1, "oom_kill"))
}

// counter returns a number of a file whose lines are names with numbers, -1 if it is not there.
func counter(path, name string) int64 {
	text, err := os.ReadFile(path)
	if err != nil {
		return -1
	}
	for line := range strings.Lines(string(text)) {
		if f := strings.Fields(line); len(f) == 2 && f[0] == name {
			return int64(number(f[1]))
		}
	}
	return -1
}

// ownCgroups returns the folder of this process's cgroup in the hierarchy of a
// controller and those above it, as far as they can be seen.
func ownCgroups(root, controller string) []string {
	cgroups, err := os.ReadFile(root + "/proc/self/cgroup")
	if err != nil {
		return nil
	}
	mounts, err := os.ReadFile(root + "/proc/self/mountinfo")
	if err != nil {
		return nil
	}
	var dirs []string
	for line := range strings.Lines(string(cgroups)) {
		parts := strings.SplitN(strings.TrimSuffix(line, "\n"), ":", 3)
		if len(parts) != 3 {
			continue
		}
		unified := parts[0] == "0" && parts[1] == ""
		if !unified && !slices.Contains(strings.Split(parts[1], ","), controller) {
			continue
		}
		mount, top, ok := cgroupMount(string(mounts), controller, unified)
		if !ok {
			continue
		}
		// In a container the path may be that of the host, which is not mounted here.
		rel, ok := strings.CutPrefix(parts[2], strings.TrimSuffix(top, "/"))
		if !ok || rel != "" && rel[0] != '/' {
			rel = ""
		}
		mount = filepath.Clean(root + mount)
		dir := filepath.Join(mount, filepath.Clean("/"+rel))
		for {
			if _, err := os.Stat(dir); err == nil {
				dirs = append(dirs, dir)
			}
			if dir == mount || len(dir) <= len(mount) {
				break
			}
			dir = filepath.Dir(dir)
		}
	}
	return dirs
}

// cgroupMount finds where a hierarchy is mounted and which of its folders is
// seen there.
func cgroupMount(mounts, controller string, unified bool) (mount, top string, ok bool) {
	for line := range strings.Lines(mounts) {
		left, right, found := strings.Cut(line, " - ")
		l, r := strings.Fields(left), strings.Fields(right)
		if !found || len(l) < 5 || len(r) < 3 {
			continue
		}
		if unified && r[0] == "cgroup2" ||
			!unified && r[0] == "cgroup" && slices.Contains(strings.Split(r[2], ","), controller) {
			return unescapeMount(l[4]), unescapeMount(l[3]), true
		}
	}
	return "", "", false
}

var mountEscapes = strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`)

func unescapeMount(s string) string { return mountEscapes.Replace(s) }

func readLine(path string) (string, bool) {
	text, err := os.ReadFile(path)
	if err != nil {
		return "", false
	}
	return strings.TrimSpace(string(text)), true
}

// number returns a number, -1 for "max", nothing and everything else.
func number(s string) float64 {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return -1
	}
	return float64(n)
}
