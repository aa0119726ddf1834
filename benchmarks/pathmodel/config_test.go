package pathmodel

import (
	"errors"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/farswap/farswap/swapdev"
)

func validConfig() Config {
	return Config{
		Modes: []Mode{One, Apart, Free}, Threads: []int{1, MaxThreads}, Ops: []string{Read, Write}, Time: time.Second, Turns: 3,
		Size: MinSize, Seal: swapdev.SealOff, Donor: []string{"farswap"}, Self: []string{"self"},
	}
}

func TestBadConfigIsRefused(t *testing.T) {
	if err := validConfig().Validate(); err != nil {
		t.Errorf("a good one: %v", err)
	}
	for name, spoil := range map[string]func(*Config){
		"no mode":                   func(c *Config) { c.Modes = nil },
		"unknown mode":              func(c *Config) { c.Modes = []Mode{"two"} },
		"a mode twice":              func(c *Config) { c.Modes = []Mode{One, One} },
		"no threads":                func(c *Config) { c.Threads = nil },
		"0 threads":                 func(c *Config) { c.Threads = []int{0} },
		"too many threads":          func(c *Config) { c.Threads = []int{MaxThreads + 1} },
		"threads twice":             func(c *Config) { c.Threads = []int{2, 2} },
		"no operation":              func(c *Config) { c.Ops = nil },
		"unknown operation":         func(c *Config) { c.Ops = []string{"trim"} },
		"an operation twice":        func(c *Config) { c.Ops = []string{Read, Read} },
		"no time":                   func(c *Config) { c.Time = 0 },
		"negative time":             func(c *Config) { c.Time = -time.Second },
		"endless time":              func(c *Config) { c.Time = time.Hour + 1 },
		"negative count":            func(c *Config) { c.Count = -1 },
		"no turns":                  func(c *Config) { c.Turns = 0 },
		"too many turns":            func(c *Config) { c.Turns = MaxTurns + 1 },
		"too small":                 func(c *Config) { c.Size = MinSize - slabSize },
		"too large":                 func(c *Config) { c.Size = MaxSize + slabSize },
		"parts of slabs":            func(c *Config) { c.Size = MinSize + pageSize },
		"unknown seal":              func(c *Config) { c.Seal = "maybe" },
		"negative CPU":              func(c *Config) { c.CPUs = []int{-1, 0} },
		"a CPU twice":               func(c *Config) { c.CPUs = []int{0, 0} },
		"one CPU for two apart":     func(c *Config) { c.CPUs = []int{0} },
		"no donor":                  func(c *Config) { c.Donor = nil },
		"no command for the device": func(c *Config) { c.Self = nil },
	} {
		c := validConfig()
		spoil(&c)
		if err := c.Validate(); !errors.Is(err, ErrConfig) {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := Run(t.Context(), c, nil); !errors.Is(err, ErrConfig) { // before it says or starts anything
			t.Errorf("%s: Run: %v", name, err)
		}
	}
}

func TestPartsRefuseBadOrders(t *testing.T) {
	for _, args := range [][]string{nil, {devicePart}, {"kernel", "{}"}, {devicePart, "{"}, {serverPart, "{}", "more"}} {
		if err := Part(args, nothing{}, nil); !errors.Is(err, ErrConfig) {
			t.Errorf("%q: %v", args, err)
		}
	}
}

// nothing is an input that never ends.
type nothing struct{}

func (nothing) Read([]byte) (int, error) { select {} }

func TestPlaces(t *testing.T) {
	allowed := setOf(1)
	allowed.Set(2)
	allowed.Set(5)
	cpus, err := chooseCPUs(nil, []Mode{Apart}, allowed)
	if err != nil || !slices.Equal(cpus, []int{1, 2}) {
		t.Errorf("the first two: %v, %v", cpus, err)
	}
	if cpus, err = chooseCPUs([]int{5, 1}, []Mode{Apart}, allowed); err != nil || !slices.Equal(cpus, []int{5, 1}) {
		t.Errorf("those asked for: %v, %v", cpus, err)
	}
	if _, err := chooseCPUs([]int{1, 3}, []Mode{Apart}, allowed); !errors.Is(err, ErrConfig) {
		t.Errorf("a CPU that may not be used: %v", err)
	}
	if _, err := chooseCPUs(nil, []Mode{One, Apart}, setOf(7)); !errors.Is(err, ErrConfig) {
		t.Errorf("two places on one CPU: %v", err)
	}
	if cpus, err = chooseCPUs(nil, []Mode{One, Free}, setOf(7)); err != nil || !slices.Equal(cpus, []int{7}) {
		t.Errorf("one place on one CPU: %v, %v", cpus, err)
	}
	for mode, want := range map[Mode]placement{
		One:   {setOf(5), setOf(5), setOf(5)},
		Apart: {setOf(5), setOf(1), setOf(5)},
		Free:  {allowed, allowed, allowed},
	} {
		if got := place(mode, []int{5, 1}, allowed); got != want {
			t.Errorf("%s: %v", mode, got)
		}
	}
}

// TestBind binds a thread of this test.
func TestBind(t *testing.T) {
	c, leave := make(chan int), make(chan struct{})
	defer close(leave)
	go func() {
		lockThread()
		c <- unix.Gettid()
		<-leave
	}()
	own := task{unix.Getpid(), <-c}
	var before, after unix.CPUSet
	if err := unix.SchedGetaffinity(own.tid, &before); err != nil {
		t.Fatal(err)
	}
	cpus, err := chooseCPUs(nil, nil, before)
	if err != nil {
		t.Fatal(err)
	}
	gone := task{own.pid, 1 << 30}
	if err := bind([]task{own, gone}, setOf(cpus[0]), false); err != nil {
		t.Fatal(err)
	}
	if err := unix.SchedGetaffinity(own.tid, &after); err != nil || after != setOf(cpus[0]) {
		t.Errorf("bound to %v, %v", after, err)
	}
}
