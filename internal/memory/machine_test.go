package memory

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math"
	"syscall"
	"testing"
	"testing/fstest"
	"time"
)

// files make a root folder.
func files(content map[string]string) fstest.MapFS {
	m := fstest.MapFS{}
	for name, text := range content {
		m[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return m
}

const (
	meminfo = "MemTotal: 8192 kB\nMemAvailable: 4096 kB\n"
	mounts  = "30 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n"
)

func TestSample(t *testing.T) {
	const mib, own, slice = 1 << 20, "sys/fs/cgroup/lend.slice/donor.service/", "sys/fs/cgroup/lend.slice/"
	host := map[string]string{"proc/meminfo": meminfo, "proc/self/mountinfo": mounts, "proc/self/cgroup": "0::/lend.slice/donor.service\n"}
	for _, c := range []struct {
		name             string
		files            map[string]string
		available, total int64
	}{
		{"machine", map[string]string{}, 4 * mib, 8 * mib},
		{"no limit", map[string]string{own + "memory.max": "max\n", own + "memory.high": "max\n"}, 4 * mib, 8 * mib},
		{"tighter", map[string]string{
			own + "memory.max": "3145728\n", own + "memory.current": "2097152\n", own + "memory.stat": "active_file 524288\nanon 1\n",
		}, 3 * mib / 2, 3 * mib},
		{"wider", map[string]string{
			own + "memory.max": "16777216\n", own + "memory.current": "1048576\n", own + "memory.stat": "anon 1\n",
		}, 4 * mib, 8 * mib},
		{"of the slice", map[string]string{
			own + "memory.max": "max\n", slice + "memory.max": "2097152\n", slice + "memory.current": "1048576\n", slice + "memory.stat": "",
		}, mib, 2 * mib},
		{"throttled", map[string]string{
			own + "memory.max": "max\n", own + "memory.high": "1048576\n", own + "memory.current": "1048577\n", own + "memory.stat": "",
		}, 0, mib},
		{"cache above use", map[string]string{
			own + "memory.max": "1048576\n", own + "memory.current": "4096\n", own + "memory.stat": "active_file 8192\n",
		}, mib, mib},
		{"part of the hierarchy", map[string]string{
			"proc/self/mountinfo": "30 23 0:26 /lend.slice /box rw - cgroup2 cgroup2 rw\n",
			"box/memory.max":      "1048576\n", "box/memory.current": "0\n", "box/memory.stat": "",
		}, mib, mib},
		{"another part", map[string]string{
			"proc/self/mountinfo": "30 23 0:26 /lend /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n", own + "memory.max": "1\n",
		}, 4 * mib, 8 * mib},
		{"a container with groups of its own", map[string]string{
			"proc/self/cgroup":         "0::/\n",
			"sys/fs/cgroup/memory.max": "2097152\n", "sys/fs/cgroup/memory.current": "1048576\n", "sys/fs/cgroup/memory.stat": "",
		}, mib, 2 * mib},
		{"a group inside of a container", map[string]string{
			own + "memory.max":         "max\n",
			"sys/fs/cgroup/memory.max": "1048576\n", "sys/fs/cgroup/memory.current": "0\n", "sys/fs/cgroup/memory.stat": "",
		}, mib, mib},
		{"beside the container's group", map[string]string{
			"proc/self/cgroup": "0::/../other\n", "sys/fs/cgroup/other/memory.max": "1\n",
			"sys/fs/cgroup/memory.max": "1048576\n", "sys/fs/cgroup/memory.current": "0\n", "sys/fs/cgroup/memory.stat": "",
		}, mib, mib},
		{"the memory controller of version 1", map[string]string{
			"proc/self/mountinfo":         "30 23 0:26 / /u rw - cgroup2 cgroup2 rw\n31 23 0:27 / /m rw - cgroup cgroup rw,memory\n",
			"proc/self/cgroup":            "4:memory:/a/b\n0::/a/b\n",
			"m/a/b/memory.limit_in_bytes": "9223372036854771712\n", "m/a/memory.limit_in_bytes": "3145728\n", "m/a/memory.usage_in_bytes": "2097152\n",
			"m/a/memory.stat": "inactive_file 1048576\ntotal_inactive_file 1048576\ntotal_active_file 0\n",
		}, 2 * mib, 3 * mib},
		{"version 1, not mounted", map[string]string{"proc/self/cgroup": "4:memory:/lend.slice/donor.service\n", own + "memory.max": "1\n"}, 4 * mib, 8 * mib},
	} {
		t.Run(c.name, func(t *testing.T) {
			all := maps.Clone(host)
			maps.Copy(all, c.files)
			s, err := newMachine(files(all), time.Now).Sample()
			if err != nil || s.Available != c.available || s.Total != c.total || s.Stall != 0 {
				t.Errorf("%+v, %v", s, err)
			}
		})
	}
}

func TestStall(t *testing.T) {
	now := time.Unix(1000, 0)
	all := files(map[string]string{
		"proc/meminfo": meminfo, "proc/self/mountinfo": mounts, "proc/self/cgroup": "0::/g\n",
		"sys/fs/cgroup/g/memory.max": "1048576\n", "sys/fs/cgroup/g/memory.current": "0\n", "sys/fs/cgroup/g/memory.stat": "",
	})
	m := newMachine(all, func() time.Time { return now })
	for i, step := range []struct {
		after        time.Duration
		machine, own uint64 // µs in all
		want         float64
	}{
		{0, 5_000_000, 7_000_000, 0}, // the first knows no share
		{time.Second, 5_250_000, 7_000_000, 0.25},
		{2 * time.Second, 5_250_000, 8_000_000, 0.5},
		{time.Second, 5_350_000, 8_200_000, 0.2},
		{time.Second, 9_350_000, 8_200_000, 1}, // of tasks on other CPUs, or a late clock
		{0, 9_351_000, 8_200_000, 0},
		{time.Second, 1, 1, 0}, // another group, or a kernel that starts anew
	} {
		now = now.Add(step.after)
		all["proc/pressure/memory"] = &fstest.MapFile{Data: []byte(pressure(step.machine))}
		all["sys/fs/cgroup/g/memory.pressure"] = &fstest.MapFile{Data: []byte(pressure(step.own))}
		if s, err := m.Sample(); err != nil || math.Abs(s.Stall-step.want) > 1e-9 {
			t.Errorf("step %d: %+v, %v; want %v", i, s, err, step.want)
		}
	}
}

func pressure(total uint64) string {
	return fmt.Sprintf("some avg10=0.00 avg60=0.00 avg300=0.00 total=%d\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=9\n", total)
}

// offFS has a file that cannot be read.
type offFS struct {
	fs.FS
	name string
	err  error
}

func (o offFS) Open(name string) (fs.File, error) {
	if name == o.name {
		return nil, &fs.PathError{Op: "open", Path: name, Err: o.err}
	}
	return o.FS.Open(name)
}

func TestSampleFails(t *testing.T) {
	all := map[string]string{
		"proc/meminfo": meminfo, "proc/self/mountinfo": mounts, "proc/self/cgroup": "0::/g\n", "proc/pressure/memory": pressure(0),
		"sys/fs/cgroup/g/memory.max": "1048576\n", "sys/fs/cgroup/g/memory.current": "0\n", "sys/fs/cgroup/g/memory.stat": "",
	}
	for _, name := range []string{"proc/meminfo", "proc/pressure/memory", "sys/fs/cgroup/g/memory.max", "sys/fs/cgroup/g/memory.current", "sys/fs/cgroup/g/memory.stat"} {
		if _, err := newMachine(offFS{files(all), name, syscall.EIO}, time.Now).Sample(); !errors.Is(err, syscall.EIO) {
			t.Errorf("%s cannot be read: %v", name, err)
		}
		if name == "sys/fs/cgroup/g/memory.stat" { // which may be empty
			continue
		}
		spoilt := maps.Clone(all)
		spoilt[name] = "many\n"
		if _, err := newMachine(files(spoilt), time.Now).Sample(); !errors.Is(err, ErrFormat) {
			t.Errorf("%s is spoilt: %v", name, err)
		}
	}
	// A kernel with PSI switched off is no error.
	if _, err := newMachine(offFS{files(all), "proc/pressure/memory", syscall.EOPNOTSUPP}, time.Now).Sample(); err != nil {
		t.Error(err)
	}
}

func TestHere(t *testing.T) {
	s, err := Here().Sample()
	if err != nil || s.Total <= 0 || s.Available < 0 || s.Available > s.Total {
		t.Errorf("%+v, %v", s, err)
	}
}
