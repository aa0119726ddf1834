package harness

import (
	"errors"
	"io/fs"
	"math"
	"reflect"
	"testing"
	"testing/fstest"
	"time"
)

func TestParseStat(t *testing.T) {
	got, err := parseStat([]byte("cpu  100 20 50 1000 10 5 6 7 0 0\ncpu0 1\n"))
	const tick = 10 * time.Millisecond
	want := machineTime{user: 120 * tick, system: 50 * tick, interrupt: 11 * tick, idle: 1010 * tick, steal: 7 * tick}
	if err != nil || got != want {
		t.Errorf("%+v, %v", got, err)
	}
	for _, text := range []string{"", "cpu 1 2\n", "cpu0 1 2 3 4 5 6 7 8\n", "cpu 1 2 3 4 x 6 7 8\n"} {
		if _, err := parseStat([]byte(text)); !errors.Is(err, errFormat) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestKernelThreads(t *testing.T) {
	got, err := kernelThreads(machineFiles())
	if err != nil || got != 70*time.Millisecond { // of kthreadd; the other is a process
		t.Errorf("%v, %v", got, err)
	}
	files := machineFiles()
	files["proc/9/stat"] = &fstest.MapFile{Data: []byte("9 (a) S\n")}
	if _, err := kernelThreads(files); !errors.Is(err, errFormat) {
		t.Errorf("%v", err)
	}
}

func TestReadPressure(t *testing.T) {
	name := func(s string) string { return "proc/pressure/" + s }
	got, err := readPressure(machineFiles(), name)
	want := &Pressure{MemorySome: 1, MemoryFull: 0.5, IOSome: 2, IOFull: 1, CPUSome: 3}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, %v", got, err)
	}
	if d := got.since(&Pressure{MemorySome: 0.25}); d.MemorySome != 0.75 || d.IOSome != 2 {
		t.Errorf("%+v", d)
	}
	files := machineFiles()
	files["proc/pressure/io"].Data = []byte("some avg10=0.00 total=many\n")
	if _, err := readPressure(files, name); !errors.Is(err, errFormat) {
		t.Errorf("%v", err)
	}
	delete(files, "proc/pressure/io")
	got, err = readPressure(files, name)
	if got != nil || err != nil || got.since(want) != nil {
		t.Errorf("without PSI: %+v, %v", got, err)
	}
}

// counted are readings one second apart on two processors.
func counted(t *testing.T, change func(machine, group, self fstest.MapFS)) Counters {
	t.Helper()
	machine, group, self := machineFiles(), groupFiles(), groupFiles()
	now := time.Now()
	before, err := readCounters(machine, group, self, now)
	if err != nil {
		t.Fatal(err)
	}
	change(machine, group, self)
	after, err := readCounters(machine, group, self, now.Add(time.Second))
	if err != nil {
		t.Fatal(err)
	}
	after.device, after.donor = 100*time.Millisecond, 200*time.Millisecond
	return after.since(before)
}

func set(files fstest.MapFS, name, text string) { files[name] = &fstest.MapFile{Data: []byte(text)} }

func TestCounters(t *testing.T) {
	c := counted(t, func(machine, group, self fstest.MapFS) {
		set(machine, "proc/stat", "cpu  180 0 90 1060 10 10 5 6 0 0\n") // 0.8 s user, 0.4 system, 0.05 interrupts, 0.05 steal, 0.6 idle
		set(machine, "proc/vmstat", "pswpin 1010\npswpout 2020\n")
		set(machine, "proc/2/stat", "2 (kthreadd) S 0 0 0 0 -1 2129984 0 0 0 0 3 14 0 0 20 0 1 0\n") // 0.1 s
		set(group, "memory.stat", "pgfault 600\npgmajfault 140\n")
		set(group, "cpu.stat", "usage_usec 5500000\n")
		set(group, "memory.pressure", pressureText(400_000, 0))
		set(self, "cpu.stat", "usage_usec 5150000\n")
	})
	near := func(what string, got, want float64) {
		t.Helper()
		if math.Abs(got-want) > 1e-9 {
			t.Errorf("%s is %v, want %v", what, got, want)
		}
	}
	near("seconds", c.Seconds, 1)
	near("available", c.CPU.Available, 1.9)
	near("application", c.CPU.Application, 0.5)
	near("load", c.CPU.Load, 0.15)
	near("kernel", c.CPU.Kernel, 0.15)
	near("steal", c.CPU.Steal, 0.05)
	near("other", c.CPU.Other, 1.2-0.1-0.5-0.15-0.1-0.2)
	near("waiting", c.Group.MemorySome, 0.3)
	near("machine's pressure", c.Machine.MemorySome, 0)
	if c.Faults != 500 || c.MajorFaults != 100 || c.SwapIn != 1000 || c.SwapOut != 2000 || c.PageCache != 1<<20 {
		t.Errorf("%+v", c)
	}
}

func TestCountersFail(t *testing.T) {
	for _, name := range []string{"proc/stat", "proc/vmstat", "proc/meminfo", "memory.stat", "cpu.stat"} {
		machine, group := machineFiles(), groupFiles()
		delete(machine, name)
		delete(group, name)
		if _, err := readCounters(machine, group, groupFiles(), time.Now()); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("without %s: %v", name, err)
		}
	}
	machine := machineFiles()
	set(machine, "proc/meminfo", "Cached: lots\n")
	if _, err := readCounters(machine, groupFiles(), nil, time.Now()); !errors.Is(err, errFormat) {
		t.Errorf("%v", err)
	}
}

func TestDisturbances(t *testing.T) {
	for _, c := range []struct {
		name  string
		cpu   CPU
		clock time.Duration
		want  []string
	}{
		{"quiet", CPU{Available: 20, Steal: 0.19, Other: 0.9}, 900 * time.Millisecond, nil},
		{"steal", CPU{Available: 20, Steal: 0.3}, 0, []string{"the hypervisor took 1.5% of the processors' time"}},
		{"others", CPU{Available: 20, Other: 2}, 0, []string{"other processes took 10.0% of the processors' time"}},
		{"short", CPU{Available: 0.2, Other: 0.04}, 0, nil},
		{"clock back", CPU{Available: 20}, -time.Hour, []string{"the clock was set, or the machine slept: -1h0m0s"}},
		{"nothing counted", CPU{Other: 1}, 0, nil},
	} {
		if got := disturbances(Counters{CPU: c.cpu}, c.clock); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}
