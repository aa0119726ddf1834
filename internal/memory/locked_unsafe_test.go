package memory

import (
	"os"
	"strconv"
	"strings"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// TestLockedMemoryOfThisProcess locks a MiB and finds it, and the parts add up to what the
// kernel says.
func TestLockedMemoryOfThisProcess(t *testing.T) {
	const size = 1 << 20
	mem, err := unix.Mmap(-1, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = unix.Munmap(mem) }()
	if err := unix.Mlock(mem); err != nil {
		t.Skipf("this process may not lock %d bytes: %v", size, err)
	}
	start := uint64(uintptr(unsafe.Pointer(&mem[0])))
	var meter LockedMeter
	got, err := meter.Read(func() []Part { return []Part{{Start: start, End: start + size}} })
	if err != nil {
		t.Fatal(err)
	}
	if got.Buffers != size {
		t.Errorf("%+v: want %d bytes of buffers", got, size)
	}
	text, err := os.ReadFile("/proc/self/smaps_rollup")
	if err != nil {
		t.Fatal(err)
	}
	_, after, _ := strings.Cut(string(text), "\nLocked:")
	kib, err := strconv.ParseInt(strings.Fields(after)[0], 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	mappings, err := Mappings()
	if err != nil {
		t.Fatal(err)
	}
	if whole := kib << 10; got.Total() > whole || got.Total() < whole-int64(len(mappings))<<10 {
		t.Errorf("the parts add up to %d, the kernel says %d", got.Total(), whole)
	}
}

func TestSplit(t *testing.T) {
	const (
		mib  = 1 << 20
		heap = 0xc000000000
		high = 0x7f0000000000
	)
	p := Process{Program: "/bin/server", Heap: heap + 64, Parts: []Part{
		{Start: high, End: high + 2*mib, Map: true},
		{Start: high + 2*mib, End: high + 18*mib},
		{Start: high + 40*mib, End: high + 41*mib}, // with a neighbour in one mapping
	}}
	at := func(start, size uint64, perms, name string, locked int64) Mapping {
		return Mapping{Start: start, End: start + size, Perms: perms, Name: name, Locked: locked}
	}
	mappings := []Mapping{
		at(4*mib, 9*mib, "r-xp", p.Program, 9*mib),
		at(13*mib, mib, "rw-p", p.Program, mib),
		at(14*mib, 35*mib, "rw-p", "", mib/2),
		at(100*mib, mib, "rw-p", "[heap]", 3*mib/4), // the C library's
		at(heap, 4*mib, "rw-p", "", 3*mib),
		at(heap+4*mib, 60*mib, "---p", "", 0),
		at(high, 18*mib, "rw-p", "", 18*mib),
		at(high+20*mib, 4096, "---p", "", 0),
		at(high+20*mib+4096, 256<<10, "rw-p", "", 256<<10),
		at(high+30*mib, mib, "r--p", "/lib/libc.so.6", mib/2),
		at(high+31*mib, mib, "rw-p", "", 4096),
		at(high+39*mib, 3*mib, "rw-p", "[anon:x]", 2*mib),
		at(high+50*mib, mib, "rw-s", "anon_inode:[io_uring]", 8192),
		at(high+52*mib, mib, "rw-s", "anon_inode:bpf-map", 12288),
		at(high+60*mib, mib, "rw-p", "[stack]", 16384),
		at(high+62*mib, mib, "rw-s", "/dev/ublkc0", 20480),
	}
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_STACK, &limit); err != nil {
		t.Fatal(err)
	}
	if limit.Cur < 256<<10 || limit.Cur > largestStack {
		t.Skipf("threads of this process have stacks of %d bytes", limit.Cur)
	}
	got := p.Split(mappings)
	want := Locked{
		Program: 10*mib + mib/2, Libraries: mib/2 + 4096, Heap: 3 * mib, Stacks: 256<<10 + 16384,
		Buffers: 17 * mib, Map: 2 * mib, Rings: 8192, Probes: 12288, Other: 3*mib/4 + mib + 20480,
	}
	if got != want {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	var whole int64
	for _, m := range mappings {
		whole += m.Locked
	}
	if got.Total() != whole {
		t.Errorf("the parts add up to %d, the whole is %d", got.Total(), whole)
	}
}

func TestLockedMeterAsksOnceInAWhile(t *testing.T) {
	var meter LockedMeter
	asked := 0
	parts := func() []Part { asked++; return nil }
	for range 3 {
		if _, err := meter.Read(parts); err != nil {
			t.Fatal(err)
		}
	}
	if asked != 1 {
		t.Errorf("measured %d times", asked)
	}
}

func TestHeapAddress(t *testing.T) {
	var mark heapMark
	all, err := Mappings()
	if err != nil {
		t.Fatal(err)
	}
	at := mark.address()
	for _, m := range all {
		if m.Start <= at && at < m.End {
			if !m.Anonymous() || m.Perms != "rw-p" {
				t.Errorf("the object is in %+v", m)
			}
			return
		}
	}
	t.Errorf("no mapping has %x", at)
}
