package usage

import (
	"os"
	"path/filepath"
	"reflect"
	"testing"
)

// tree of files below a temporary folder.
func fakeFiles(t *testing.T, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for name, text := range files {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func TestLimits(t *testing.T) {
	const (
		mountV2  = "30 20 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n"
		mountV1  = "33 31 0:30 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n34 31 0:31 / /sys/fs/cgroup/cpu rw shared:9 - cgroup cgroup rw,cpu,cpuacct\n"
		hostPath = "30 20 0:26 /docker/abc /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n"
	)
	tests := map[string]struct {
		files  map[string]string
		cpus   float64
		memory int64
	}{
		"nothing": {},
		"version 2, the tightest of own and above": {map[string]string{
			"proc/self/cgroup": "0::/user/app\n", "proc/self/mountinfo": mountV2,
			"sys/fs/cgroup/user/app/cpu.max": "max 100000\n", "sys/fs/cgroup/user/cpu.max": "150000 100000\n",
			"sys/fs/cgroup/user/app/memory.max": "2147483648\n", "sys/fs/cgroup/user/memory.max": "max\n",
		}, 1.5, 2 << 30},
		"version 2, a container that sees the host's path": {map[string]string{
			"proc/self/cgroup": "0::/docker/abc\n", "proc/self/mountinfo": hostPath,
			"sys/fs/cgroup/cpu.max": "50000 100000\n", "sys/fs/cgroup/memory.max": "1048576\n",
		}, 0.5, 1 << 20},
		"version 2, a path that is not mounted": {map[string]string{
			"proc/self/cgroup": "0::/../../other\n", "proc/self/mountinfo": hostPath,
			"sys/fs/cgroup/memory.max": "1048576\n",
		}, 0, 1 << 20},
		"version 1": {map[string]string{
			"proc/self/cgroup": "4:memory:/a\n3:cpu,cpuacct:/b\n0::/\n", "proc/self/mountinfo": mountV1,
			"sys/fs/cgroup/memory/a/memory.limit_in_bytes": "1073741824\n", "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
			"sys/fs/cgroup/cpu/b/cpu.cfs_quota_us": "300000\n", "sys/fs/cgroup/cpu/b/cpu.cfs_period_us": "100000\n",
			"sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1\n", "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n",
		}, 3, 1 << 30},
		"garbage": {map[string]string{
			"proc/self/cgroup": "x\n:::::\n0::\n", "proc/self/mountinfo": "- -\n" + mountV2,
			"sys/fs/cgroup/cpu.max": "a b c\n", "sys/fs/cgroup/memory.max": "\n",
		}, 0, 0},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			root := fakeFiles(t, test.files)
			if got := cpuQuota(root); got != test.cpus {
				t.Errorf("CPUs %v, want %v", got, test.cpus)
			}
			if got := memoryLimit(root); got != test.memory {
				t.Errorf("memory %v, want %v", got, test.memory)
			}
		})
	}
}

func TestOOMKills(t *testing.T) {
	const mounts = "30 20 0:26 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n33 31 0:30 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
	for name, test := range map[string]struct {
		files map[string]string
		want  int64
	}{
		"nothing": {nil, -1},
		"version 2": {map[string]string{
			"proc/self/cgroup": "0::/app\n", "proc/self/mountinfo": mounts, "proc/vmstat": "oom_kill 9\n",
			"sys/fs/cgroup/unified/app/memory.events": "low 0\noom 3\noom_kill 2\noom_group_kill 0\n",
		}, 2},
		"version 1, beside a version 2 without memory": {map[string]string{
			"proc/self/cgroup": "4:memory:/a\n0::/\n", "proc/self/mountinfo": mounts, "proc/vmstat": "oom_kill 9\n",
			"sys/fs/cgroup/memory/a/memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 1\n",
		}, 1},
		"no cgroup tells": {map[string]string{
			"proc/self/cgroup": "0::/\n", "proc/self/mountinfo": mounts, "proc/vmstat": "nr_free_pages 1\noom_kill 9\n",
		}, 9},
	} {
		if got := oomKills(fakeFiles(t, test.files)); got != test.want {
			t.Errorf("%s: %d, want %d", name, got, test.want)
		}
	}
}

func TestOOMKillsOfATask(t *testing.T) {
	for name, test := range map[string]struct {
		files map[string]string
		want  int64
	}{
		"killed":      {map[string]string{"memory.peak": "4096\n", "memory.events": "oom 1\noom_kill 1\n"}, 1},
		"not killed":  {map[string]string{"memory.peak": "4096\n", "memory.events": "oom 0\noom_kill 0\n"}, 0},
		"not entered": {map[string]string{"memory.peak": "0\n", "memory.events": "oom 0\noom_kill 0\n"}, -1},
		"not told":    {map[string]string{"memory.peak": "4096\n"}, -1},
	} {
		g := Cgroup{dir: fakeFiles(t, test.files), peak: peakV2}
		if got := g.OOMKills(); got != test.want {
			t.Errorf("%s: %d, want %d", name, got, test.want)
		}
	}
}

func TestGPUs(t *testing.T) {
	dev := fakeFiles(t, map[string]string{"nvidia0": "", "nvidia1": "", "nvidia10": "", "nvidiactl": "", "nvidia-uvm": ""})
	tests := []struct {
		visible string
		set     bool
		want    []GPU
	}{
		{"", false, []GPU{"0", "1", "2"}},
		{"", true, []GPU{}},
		{"-1", true, []GPU{}},
		{"1, 0", true, []GPU{"1", "0"}},
		{"1,9,0", true, []GPU{"1"}},
		{"GPU-8932f937", true, []GPU{"GPU-8932f937"}},
		{"1,1", true, []GPU{"1"}},
	}
	for _, test := range tests {
		if got := gpus(dev, test.visible, test.set); !reflect.DeepEqual(got, test.want) {
			t.Errorf("%q: got %v, want %v", test.visible, got, test.want)
		}
	}
	if got := gpus(t.TempDir(), "0", true); len(got) != 0 {
		t.Errorf("no devices: %v", got)
	}
}

func TestMachine(t *testing.T) {
	m := Machine([]string{"CUDA_VISIBLE_DEVICES="})
	if m.Cores < 1 || m.CPUs <= 0 || len(m.GPUs) != 0 {
		t.Errorf("%+v", m)
	}
	t.Logf("%+v", m)
}

func TestProcesses(t *testing.T) {
	self := os.Getpid()
	start := ProcessStart(self)
	if !Alive(self, start) || !Alive(self, 0) {
		t.Error("this process is not alive")
	}
	if start != 0 && Alive(self, start+1) {
		t.Error("another process with this number is alive")
	}
	if Alive(0, 0) || Alive(-1, 0) {
		t.Error("no process is alive")
	}
	if first, second := BootID(), BootID(); first != second {
		t.Errorf("the boot id changes from %s to %s", first, second)
	}
}
