//go:build vm

package bpf

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"github.com/farswap/farswap/internal/loghist"
)

// childEnv has the test binary open probes for a device, major:minor, say so, and wait for
// the end of its standard input.
const childEnv = "BPF_TEST_CHILD"

func TestMain(m *testing.M) {
	if device := os.Getenv(childEnv); device != "" {
		os.Exit(child(device))
	}
	// What is swapped shall be the memory that a test gives up, and nothing else.
	if err := unix.Mlockall(unix.MCL_CURRENT | unix.MCL_FUTURE); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

func child(device string) int {
	c := Config{Size: 64 << 20, SlabSize: 4 << 20, Queues: 1, Depth: 64}
	if _, err := fmt.Sscanf(device, "%d:%d", &c.Major, &c.Minor); err != nil {
		fmt.Println(err)
		return 2
	}
	p, err := Open(c)
	if err != nil {
		fmt.Println(err)
		return 1
	}
	_, err = p.Read()
	fmt.Println("open", len(p.Info().Hooks), len(p.Info().Missing), err)
	_, _ = os.Stdin.Read(make([]byte, 1))
	return 0
}

// childLine starts a child behind a command and returns the line that it says.
func childLine(t *testing.T, before ...string) (*exec.Cmd, string) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	argv := append(before, self)
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Env = append(os.Environ(), childEnv+"=259:1000000")
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stdin.Close(); _ = cmd.Wait() })
	line := make([]byte, 4096)
	n, err := stdout.Read(line)
	if err != nil {
		t.Fatalf("%s: %v", strings.Join(argv, " "), err)
	}
	return cmd, strings.TrimSpace(string(line[:n]))
}

// TestScale holds the buckets that the programs compute, compiled and run by this
// kernel, against those of package loghist.
func TestScale(t *testing.T) {
	spec, err := loadObjects()
	if err != nil {
		t.Fatal(err)
	}
	var objects struct {
		Scale *ebpf.Program `ebpf:"farswap_scale"`
	}
	if err := spec.LoadAndAssign(&objects, nil); err != nil {
		t.Fatal(err)
	}
	defer objects.Scale.Close()
	for _, ns := range durations() {
		scale := struct{ Ns, Index uint64 }{Ns: ns}
		if _, err := objects.Scale.Run(&ebpf.RunOptions{Context: scale, ContextOut: &scale}); err != nil {
			t.Fatal(err)
		}
		if want := loghist.Index(ns); int(scale.Index) != want {
			t.Errorf("%d ns is in bucket %d, want %d", ns, scale.Index, want)
		}
	}
}

// TestRights opens probes with the two capabilities that it takes, and with one of them.
func TestRights(t *testing.T) {
	for capabilities, want := range map[string]string{
		"+bpf,+perfmon": "open 5 0 <nil>",
		"+bpf":          "give CAP_BPF and CAP_PERFMON",
		"+perfmon":      "give CAP_BPF and CAP_PERFMON",
	} {
		var drop []string
		for _, set := range []string{"--bounding-set", "--inh-caps", "--ambient-caps"} {
			drop = append(drop, set, "-all,"+capabilities)
		}
		argv := append([]string{"setpriv"}, drop...)
		if _, line := childLine(t, argv...); !strings.Contains(line, want) {
			t.Errorf("with %s: got %q, want %q", capabilities, line, want)
		}
	}
}

// farswapPrograms are those in the kernel, of any process.
func farswapPrograms(t *testing.T) []string {
	t.Helper()
	var names []string
	for id := ebpf.ProgramID(0); ; {
		next, err := ebpf.ProgramGetNextID(id)
		if errors.Is(err, os.ErrNotExist) {
			return names
		}
		if err != nil {
			t.Fatal(err)
		}
		id = next
		program, err := ebpf.NewProgramFromID(id)
		if errors.Is(err, os.ErrNotExist) {
			continue // gone meanwhile
		}
		if err != nil {
			t.Fatal(err)
		}
		info, err := program.Info()
		program.Close()
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(info.Name, "farswap_") {
			names = append(names, info.Name)
		}
	}
}

// nothingLeft waits until no program is left. The kernel frees them after a grace period.
func nothingLeft(t *testing.T) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		left := farswapPrograms(t)
		if len(left) == 0 {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("left behind: %v", left)
		}
	}
}

// TestNothingIsLeft looks for programs after Close, and after a process with probes was
// killed.
func TestNothingIsLeft(t *testing.T) {
	nothingLeft(t)
	p, err := Open(Config{Major: 259, Minor: 1 << 19, Size: 1 << 30, SlabSize: 64 << 20, Queues: 4, Depth: 128})
	if err != nil {
		t.Fatal(err)
	}
	if n := len(farswapPrograms(t)); n != 6 {
		t.Errorf("%d programs are loaded, want 6", n)
	}
	var st unix.Statfs_t
	if err := unix.Statfs("/sys/fs/bpf", &st); err != nil {
		t.Fatal(err)
	}
	if entries, err := os.ReadDir("/sys/fs/bpf"); err != nil || len(entries) > 0 {
		t.Errorf("pinned: %v, %v", entries, err)
	}
	if err := errors.Join(p.Close(), p.Close()); err != nil {
		t.Error(err)
	}
	if _, err := p.Read(); !errors.Is(err, os.ErrClosed) {
		t.Errorf("read after close: %v", err)
	}
	nothingLeft(t)

	cmd, line := childLine(t)
	if !strings.HasPrefix(line, "open 5 0") {
		t.Fatal(line)
	}
	if n := len(farswapPrograms(t)); n != 6 {
		t.Errorf("the child has %d programs, want 6", n)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	nothingLeft(t)
}

var delays = []time.Duration{time.Millisecond, 5 * time.Millisecond, 20 * time.Millisecond}

// testGroup is the control group of tests that swap.
const testGroup = "bpf-test"

// within checks that nothing took less than the delay, and that what was not held up, by
// another process or a late timer, took no more, but for what the emulated kernel adds.
func within(t *testing.T, name string, h *loghist.Histogram, delay, added time.Duration) {
	t.Helper()
	least, most := loghist.Index(uint64(delay)), loghist.Index(uint64(delay+added))+1
	for _, q := range []float64{0, 0.1} {
		got := h.Quantile(q)
		if i := loghist.Index(uint64(got)); i < least || i > most {
			t.Errorf("%s: quantile %g is %v, with a delay of %v", name, q, time.Duration(got), delay)
		}
	}
	t.Logf("%s: %d with a delay of %v: p1 %v, p50 %v, p90 %v, p99 %v", name, h.Count(), delay, time.Duration(h.Quantile(0.01)),
		time.Duration(h.Quantile(0.5)), time.Duration(h.Quantile(0.9)), time.Duration(h.Quantile(0.99)))
}

// same checks that quantiles of a histogram are within a bucket of the exact ones, which
// have up to added more. Where they are far apart, the two may take neighbours.
func same(t *testing.T, name string, h *loghist.Histogram, exact []time.Duration, added time.Duration) {
	t.Helper()
	if uint64(len(exact)) != h.Count() {
		t.Errorf("%s: %d counted, want %d", name, h.Count(), len(exact))
	}
	slices.Sort(exact)
	last := len(exact) - 1
	for percent := 1; percent <= 100 && last >= 0; percent++ {
		rank := (percent*len(exact)+99)/100 - 1
		from, to := exact[max(rank-1, 0)]-added, exact[min(rank+1, last)]
		got := time.Duration(h.Quantile(float64(percent) / 100))
		if i := loghist.Index(uint64(got)); i < loghist.Index(uint64(from))-1 || i > loghist.Index(uint64(to))+1 {
			t.Errorf("%s: p%d is %v, want %v to %v", name, percent, got, from, to)
		}
	}
}

// TestRequests reads a device with a known delay.
func TestRequests(t *testing.T) {
	const reads = 1000
	for _, delay := range delays {
		for _, depth := range []int{1, 8} {
			t.Run(fmt.Sprint(delay, " depth ", depth), func(t *testing.T) {
				n := newNull(t, delay, false)
				p := open(t, n.config())
				trace := startTrace(t, n.config())
				fio := n.read(reads, depth)
				exact := trace.stop()
				s := read(t, p)
				h := s.Latency[BlockRead]
				same(t, "block_read", h, exact, 0)
				within(t, "block_read", h, delay, 100*time.Microsecond)
				t.Logf("fio: p50 %v, p99 %v", fio[50], fio[99])
				if h.Count()+s.Lost < reads || h.Count() > reads {
					t.Errorf("%d reads counted, %d lost, of %d", h.Count(), s.Lost, reads)
				}
				var slabs, one loghist.Histogram
				for i := range p.config.slabs() {
					one = loghist.Histogram{}
					p.SlabReads(i, &one)
					slabs.Add(&one)
					p.SlabWrites(i, &one)
				}
				if slabs != *h {
					t.Errorf("the slabs' %d reads are not the device's %d", slabs.Count(), h.Count())
				}
			})
		}
	}
}

// pages is memory of this process.
func pages(t *testing.T, n int) []byte {
	t.Helper()
	memory, err := unix.Mmap(-1, 0, n*4096, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := unix.Munmap(memory); err != nil {
			t.Error(err)
		}
	})
	if err := errors.Join(unix.Munlock(memory), unix.Madvise(memory, unix.MADV_NOHUGEPAGE)); err != nil {
		t.Fatal(err)
	}
	return memory
}

// swapOut writes memory and has it swapped out, from the control group of the test: as
// long as nobody needs memory, what was written out stays in the swap cache.
func (n *null) swapOut(t *testing.T, group string, memory []byte) {
	t.Helper()
	for i := 0; i < len(memory); i += 4096 {
		memory[i], memory[i+1] = byte(i>>12), 1
	}
	for range 20 {
		if err := unix.Madvise(memory, unix.MADV_PAGEOUT); err != nil {
			t.Fatal(err)
		}
		n.wait()
		// This also takes pages from the CPUs' lists, where they cannot be reclaimed.
		if err := os.WriteFile("/proc/sys/vm/drop_caches", []byte("1"), 0); err != nil {
			t.Fatal(err)
		}
		// It fails when there is less to reclaim.
		_ = os.WriteFile("/sys/fs/cgroup/"+group+"/memory.reclaim", []byte(strconv.Itoa(len(memory))), 0)
		resident := make([]byte, len(memory)/4096)
		if err := mincore(memory, resident); err != nil {
			t.Fatal(err)
		}
		if !bytes.Contains(resident, []byte{1}) {
			return
		}
	}
	t.Fatal("pages stay in memory")
}

// vmstat is a counter of /proc/vmstat.
func vmstat(t *testing.T, name string) int {
	t.Helper()
	data, err := os.ReadFile("/proc/vmstat")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(data)) {
		if value, ok := strings.CutPrefix(line, name+" "); ok {
			n, err := strconv.Atoi(strings.TrimSpace(value))
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
	}
	t.Fatalf("no %s in /proc/vmstat", name)
	return 0
}

// TestFaults swaps to a device with a known delay, and reads pages in, one by one in
// random order, then in clusters.
func TestFaults(t *testing.T) {
	const n = 512
	stats, err := ebpf.EnableStats(unix.BPF_STATS_RUN_TIME)
	if err != nil {
		t.Fatal(err)
	}
	defer stats.Close()
	inCgroup(t, testGroup)
	for _, delay := range delays {
		t.Run(delay.String(), func(t *testing.T) {
			device := newNull(t, delay, true)
			p := open(t, device.config())
			device.swapOn()
			memory := pages(t, n)
			device.swapOut(t, testGroup, memory)
			setCluster(t, 0)
			before, pswpin, spent := read(t, p), vmstat(t, "pswpin"), runtimes(t, p)
			// Go's signals interrupt faults; the same thread shall go on with them.
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			var touches []time.Duration
			for _, i := range rand.Perm(n) {
				start := time.Now()
				got := memory[i*4096]
				touches = append(touches, time.Since(start))
				if got != byte(i) {
					t.Fatalf("page %d is wrong", i)
				}
			}
			after := read(t, p)
			t.Logf("the programs take %v for a page, without the way to them", (runtimes(t, p)-spent)/n)
			since := func(s Source) *loghist.Histogram {
				h := after.Latency[s].Since(before.Latency[s])
				return &h
			}
			for _, s := range []Source{Fault, SwapIn, BlockRead} {
				within(t, string(s), since(s), delay, 400*time.Microsecond)
				if got := since(s).Count(); got != n {
					t.Errorf("%s: %d counted, of %d; %d lost", s, got, n, after.Lost)
				}
			}
			// The program's own clock, around the exception and its return.
			same(t, "fault", since(Fault), touches, 200*time.Microsecond)
			if got, kernel := after.MajorFaults-before.MajorFaults, vmstat(t, "pswpin")-pswpin; got != n || kernel != n {
				t.Errorf("%d major faults counted, the kernel read %d pages, want %d", got, kernel, n)
			}
			if after.ReadAhead != before.ReadAhead {
				t.Errorf("%d pages read ahead", after.ReadAhead-before.ReadAhead)
			}
			groupHas(t, after, "/"+testGroup, after.Latency[Fault])
			if w := after.Latency[BlockWrite]; w.Count() == 0 {
				t.Error("no write counted")
			}
		})
	}
}

// runtimes is the time that the kernel has spent in programs since the test began.
func runtimes(t *testing.T, p *Probes) time.Duration {
	t.Helper()
	sum := time.Duration(0)
	for _, program := range p.programs {
		stats, err := program.Stats()
		if err != nil {
			t.Fatal(err)
		}
		sum += stats.Runtime
	}
	return sum
}

// TestReadAhead reads pages in by clusters, whose reads are merged.
func TestReadAhead(t *testing.T) {
	const n = 2048
	inCgroup(t, testGroup)
	device := newNull(t, time.Millisecond, true)
	p := open(t, device.config())
	device.swapOn()
	memory := pages(t, n)
	device.swapOut(t, testGroup, memory)
	setCluster(t, 4)
	before, pswpin := read(t, p), vmstat(t, "pswpin")
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	for i := range n {
		if memory[i*4096] != byte(i) {
			t.Fatalf("page %d is wrong", i)
		}
	}
	time.Sleep(100 * time.Millisecond) // what was read ahead last
	after := read(t, p)
	in := after.Latency[SwapIn].Count() - before.Latency[SwapIn].Count()
	requests := after.Latency[BlockRead].Count() - before.Latency[BlockRead].Count()
	major, ahead := after.MajorFaults-before.MajorFaults, after.ReadAhead-before.ReadAhead
	t.Logf("%d swap-ins in %d requests by %d major faults, %d read ahead, %d lost", in, requests, major, ahead, after.Lost)
	if kernel := uint64(vmstat(t, "pswpin") - pswpin); in != kernel {
		t.Errorf("%d swap-ins counted, the kernel says %d", in, kernel)
	}
	if requests == 0 || requests >= in {
		t.Errorf("%d swap-ins in %d requests: nothing was merged", in, requests)
	}
	if ahead == 0 || major+ahead != in {
		t.Errorf("%d major faults and %d pages read ahead, want %d in all", major, ahead, in)
	}
}

func read(t *testing.T, p *Probes) Snapshot {
	t.Helper()
	s, err := p.Read()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// groupHas checks that all faults are those of one control group.
func groupHas(t *testing.T, s Snapshot, name string, all *loghist.Histogram) {
	t.Helper()
	var names []string
	for _, g := range s.Cgroups {
		names = append(names, g.Name)
		if g.Name == name && g.Latency != *all {
			t.Errorf("%s: %d faults, want %d", name, g.Latency.Count(), all.Count())
		}
	}
	if len(names) != 1 || names[0] != name {
		t.Errorf("control groups %v, want %s", names, name)
	}
}

// TestOtherDevice: what happens on another device is not counted.
func TestOtherDevice(t *testing.T) {
	inCgroup(t, testGroup)
	device := newNull(t, time.Millisecond, true)
	config := device.config()
	config.Minor++
	p := open(t, config)
	device.swapOn()
	memory := pages(t, 64)
	device.swapOut(t, testGroup, memory)
	for i := range 64 {
		if memory[i*4096] != byte(i) {
			t.Fatalf("page %d is wrong", i)
		}
	}
	s := read(t, p)
	for source, h := range s.Latency {
		if h.Count() != 0 {
			t.Errorf("%s: %d counted", source, h.Count())
		}
	}
	if len(s.Cgroups) != 0 || s.MajorFaults != 0 {
		t.Errorf("%d control groups, %d major faults", len(s.Cgroups), s.MajorFaults)
	}
}

// TestGroupsThatAreGone: more control groups fault than there are places.
func TestGroupsThatAreGone(t *testing.T) {
	const groups, places = 12, 8
	device := newNull(t, time.Microsecond, true)
	config := device.config()
	config.groups = places
	p := open(t, config)
	device.swapOn()
	for i := range groups {
		t.Run("group", func(t *testing.T) {
			group := fmt.Sprintf("bpf-many-%d", i)
			inCgroup(t, group)
			memory := pages(t, 1)
			device.swapOut(t, group, memory)
			if memory[1] != 1 {
				t.Fatal("the page is wrong")
			}
		})
		if i < places { // then some come while there is no place
			read(t, p)
		}
	}
	s := read(t, p)
	if len(s.Cgroups) > places {
		t.Errorf("%d groups are listed", len(s.Cgroups))
	}
	var sum loghist.Histogram
	for _, g := range s.Cgroups {
		sum.Add(&g.Latency)
	}
	if sum != *s.Latency[Fault] || sum.Count() < groups {
		t.Errorf("%d faults in groups, %d in all, want %d at least", sum.Count(), s.Latency[Fault].Count(), groups)
	}
}
