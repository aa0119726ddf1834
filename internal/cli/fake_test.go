package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/farswap/farswap/status"
)

// fakeServer is a device's server as the other commands see it: a lock and a
// socket, without a device.
func fakeServer(t *testing.T, root string, d status.Device, refuse string) {
	t.Helper()
	lock, err := status.Acquire(status.StateDir(root, d.ID))
	if err != nil {
		t.Fatal(err)
	}
	ended := false
	socket, err := status.ServeDevice(status.Socket(lock.Dir()), fakeSource{d, func() error {
		if refuse != "" {
			return fmt.Errorf("%w: %s", status.ErrRefused, refuse)
		}
		ended = true
		return lock.Remove()
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := socket.Close(); err != nil {
			t.Error(err)
		}
		if !ended {
			_ = lock.Remove()
		}
	})
}

// fakeSource is a device that does not change.
type fakeSource struct {
	device status.Device
	stop   func() error
}

func (s fakeSource) Status() status.Device      { return s.device }
func (s fakeSource) Stop(context.Context) error { return s.stop() }

func (s fakeSource) Upgrade(context.Context) error {
	return fmt.Errorf("%w: %s", status.ErrRefused, "nobody is ready")
}

func (s fakeSource) Decisions(slab int) ([]status.Decision, error) {
	if slab >= len(s.device.Slabs) {
		return nil, fmt.Errorf("slab %d: %w: the device has slabs 0 to %d", slab, status.ErrInvalid, len(s.device.Slabs)-1)
	}
	var of []status.Decision
	for _, one := range s.device.Decisions {
		if one.Slab == slab {
			of = append(of, one)
		}
	}
	return of, nil
}

// fakeDead is what a killed server leaves.
func fakeDead(t *testing.T, root string, id int) {
	t.Helper()
	lock, err := status.Acquire(status.StateDir(root, id))
	if err != nil {
		t.Fatal(err)
	}
	write(t, status.Socket(lock.Dir()), "", 0o600)
	if err := lock.Release(); err != nil {
		t.Fatal(err)
	}
}

// A number that no test machine has given to a device.
const unusedID = 7001

func testDevice() status.Device {
	d := status.Device{
		ID: unusedID, Path: fmt.Sprint("/dev/ublkb", unusedID), State: status.StateLive, Size: 1 << 30, SlabSize: 64 << 20,
		Ack: "remote-first", Transport: "rdma", TransportSetting: "auto", Target: "swap", Swap: true, Sealed: true, PID: 42, Started: time.Now().Add(-90 * time.Minute),
		Queues: 2, Depth: 64, MaxIO: 128 << 10, Ublk: []string{"user-recovery", "reissue"},
		Backing: "/var/lib/farswap/0", BackingOK: true,
		Pages:   status.Pages{Remote: 10, Backing: 20, Both: 30, None: 262084},
		IO:      status.IO{Reads: 5, BytesRead: 20480, Writes: 6, BytesWritten: 1 << 20, RemoteReads: 4, Corrupt: 1, Failovers: 2},
		Scrub:   status.Scrub{Backed: 30, Warmed: 20, Mended: 1, Lacking: 4},
		Moves:   status.Moves{Slabs: 2, Slow: 1, Dropped: 1, Pages: 900, Last: 1_500_000_000},
		Latency: status.Latency{Read: status.Quantiles{P50: 13_900, P99: 1_240_000, P999: 2_000_000_000}},
		Donors: []status.Donor{
			{Name: "mem1", Address: "mem1:9400", State: "up", Transport: "rdma", Slabs: 3, Free: 2 << 30, Latency: status.Quantiles{P50: 9000, P99: 20000}},
			{Address: "mem2:9400", State: "lost", Error: "connection refused"},
			{Name: "mem3", Address: "mem3:9400", State: "up", Transport: "tcp", Slow: true, P99: 20_500_000, Baseline: 500_000},
		},
	}
	for i := range 16 {
		s := status.Slab{Index: i, State: "unmapped"}
		if i < 3 {
			s = status.Slab{Index: i, State: "mapped", Donor: "mem1", Activity: 10.5, RemotePages: 10}
		}
		d.Slabs = append(d.Slabs, s)
	}
	d.Memory.SetPerPage(5<<18, d.Size, 4096)
	d.Memory.Locked = 42 << 20
	d.Memory.LockedFor = status.Locked{Program: 14 << 20, Heap: 9 << 20, Buffers: 16 << 20, Map: 3<<20 - 100, Rings: 100}
	return d
}

func TestStatusText(t *testing.T) {
	root := t.TempDir()
	fakeServer(t, root, testDevice(), "")
	got := execute(t, root, "ublk", "status", "--state-root", root)
	if got.code != 0 || got.stderr != "" {
		t.Fatalf("got %+v", got)
	}
	want := []string{
		"/dev/ublkb7001 live, target swap, swapped on, served by process 42, up 1h30m",
		"shape 1G in slabs of 64M, 2 queues × 64 requests of up to 128K, ublk user-recovery reissue",
		"copies remote-first over rdma (auto), backing /var/lib/farswap/0",
		"pages remote 10, backing 20, both 30, none 262084",
		"requests reads 5 (20K), writes 6 (1M), discards 0, flushes 0",
		"page I/O remote 4 in 0 out, backing 0 in 0 out, zeros 0",
		"trouble errors 0, corrupt 1, failovers 2",
		"given back 2 slabs moved, the last in 1.5s, 1 dropped; 1 of them left slow donors",
		"put right 30 pages brought to the backing file, which lacks 4 now, 20 to donors, 1 bad copies written anew",
		"latency read p50 13.9µs, p99 1.24ms, p999 2s",
		"write p50 -, p99 -, p999 -",
		"memory 5.00 bytes per page (0.122% of the device), 42M locked (buffers 16M, program 14M, heap 9M, map 3M)",
		"",
		"DONOR ADDRESS STATE OVER SLABS FREE P50 P99 NOTE",
		"mem1 mem1:9400 up rdma 3 2G 9µs 20µs",
		"- mem2:9400 lost - 0 0 - - connection refused",
		"mem3 mem3:9400 up tcp 0 0 - - slow: p99 20.5ms, 500µs when all is well",
		"",
		"SLABS STATE DONOR PAGES/S REMOTE PAGES",
		"0-2 mapped mem1 31.5 30",
		"3-15 unmapped - 0.0 0",
	}
	requireLines(t, got.stdout, want)
}

// requireLines compares line by line, whatever the columns' widths.
func requireLines(t *testing.T, got string, want []string) {
	t.Helper()
	var lines []string
	for line := range strings.SplitSeq(strings.TrimSuffix(got, "\n"), "\n") {
		lines = append(lines, strings.Join(strings.Fields(line), " "))
	}
	for i := range max(len(lines), len(want)) {
		g, w := "(none)", "(none)"
		if i < len(lines) {
			g = lines[i]
		}
		if i < len(want) {
			w = want[i]
		}
		if g != w {
			t.Errorf("line %d: got %q, want %q", i+1, g, w)
		}
	}
}

func TestStatusShowsTrouble(t *testing.T) {
	root := t.TempDir()
	d := testDevice()
	d.Degraded, d.Reason, d.BackingOK, d.Insecure, d.Pages.Lost = true, "the backing file failed", false, true, 3
	fakeServer(t, root, d, "")
	got := execute(t, root, "ublk", "status", "--state-root", root)
	for _, part := range []string{"INSECURE", "the backing file failed", "/var/lib/farswap/0 (FAILED)", "lost 3"} {
		if !strings.Contains(got.stdout, part) {
			t.Errorf("%q lacks %q", got.stdout, part)
		}
	}
}

func TestStatusJSON(t *testing.T) {
	root := t.TempDir()
	fakeServer(t, root, testDevice(), "")
	for _, args := range [][]string{{}, {fmt.Sprint(unusedID)}, {fmt.Sprint("/dev/ublkb", unusedID)}} {
		got := execute(t, root, append([]string{"ublk", "status", "--json", "--state-root", root}, args...)...)
		var d status.Device
		if err := json.Unmarshal([]byte(got.stdout), &d); err != nil || d.ID != unusedID || len(d.Slabs) != 16 {
			t.Errorf("%v: got %+v, %v", args, got, err)
		}
	}
}

func TestStatusOfSeveral(t *testing.T) {
	root := t.TempDir()
	fakeServer(t, root, testDevice(), "")
	fakeDead(t, root, unusedID+1)
	bad("several", 2, "ublk status --state-root "+root, "several devices|7001, 7002").run(t, root)
	bad("dead", 1, "ublk status 7002 --state-root "+root, "/dev/ublkb7002|no server answers|farswap ublk list").run(t, root)
}

// listedDevice is what scripts read of `ublk list --json`.
type listedDevice struct {
	ID, PID, Donors int
	State, Owner    string
	Size            int64
	Error           string
	UsedBy          []string `json:"used_by"`
	Note, Advice    string
}

func TestList(t *testing.T) {
	root := t.TempDir()
	fakeServer(t, root, testDevice(), "")
	fakeDead(t, root, unusedID+1)
	if err := os.Mkdir(status.DonorDir(root, "d"), 0o700); err != nil {
		t.Fatal(err)
	}
	got := execute(t, root, "ublk", "list", "--json", "--state-root", root)
	var all []listedDevice
	if err := json.Unmarshal([]byte(got.stdout), &all); err != nil || got.code != 0 || got.stderr != "" {
		t.Fatalf("got %+v, %v", got, err)
	}
	var devices []listedDevice
	for _, d := range all { // this machine may have devices of its own
		if d.ID >= unusedID {
			devices = append(devices, d)
		}
	}
	if len(devices) != 2 {
		t.Fatalf("got %+v", devices)
	}
	live, dead := devices[0], devices[1]
	if live.State != status.StateLive || live.PID != os.Getpid() || live.Size != 1<<30 || live.Owner != "farswap" || live.Donors != 3 || live.UsedBy == nil {
		t.Errorf("live: got %+v", live)
	}
	if live.Note != "" || live.Advice != "" {
		t.Errorf("live: got note %q, advice %q", live.Note, live.Advice)
	}
	if dead.Note != "only its state folder is left" || dead.Advice != "`farswap ublk del 7002` removes it" {
		t.Errorf("dead: got note %q, advice %q", dead.Note, dead.Advice)
	}
	if dead.State != status.StateDead || dead.PID != 0 || dead.Error == "" {
		t.Errorf("dead: got %+v", dead)
	}
	got = execute(t, root, "ublk", "list", "--state-root", root)
	for _, part := range []string{"/dev/ublkb7001", fmt.Sprintf("farswap:%d", os.Getpid()), "/dev/ublkb7002", "only its state folder is left: `farswap ublk del 7002` removes it"} {
		if !strings.Contains(got.stdout, part) {
			t.Errorf("%q lacks %q", got.stdout, part)
		}
	}
}

func TestStop(t *testing.T) {
	root := t.TempDir()
	fakeServer(t, root, testDevice(), "")
	got := execute(t, root, "ublk", "stop", fmt.Sprint("/dev/ublkb", unusedID), "--state-root", root)
	if got.code != 0 || got.stderr != "" {
		t.Errorf("got %+v", got)
	}
	if _, err := os.Stat(status.StateDir(root, unusedID)); err == nil {
		t.Error("the state folder is left")
	}
}

func TestStopRefused(t *testing.T) {
	root := t.TempDir()
	fakeServer(t, root, testDevice(), "run `swapoff /dev/ublkb7001` first")
	bad("refused", 3, "ublk stop 7001 --state-root "+root, "refused|swapoff /dev/ublkb7001").run(t, root)
	bad("del", 1, "ublk del 7001 --state-root "+root, "farswap ublk stop 7001").run(t, root)
	bad("del", 1, "ublk del 7001 --force --state-root "+root, "farswap ublk stop 7001").run(t, root)
}

func TestStopDead(t *testing.T) {
	root := t.TempDir()
	fakeDead(t, root, unusedID)
	bad("dead", 1, "ublk stop 7001 --state-root "+root, "no server answers|farswap ublk del 7001").run(t, root)
	got := execute(t, root, "ublk", "del", "7001", "--state-root", root)
	if got.code != 0 || got.stderr != "" {
		t.Errorf("del: got %+v", got)
	}
	if files := tree(t, root); len(files) != 1 {
		t.Errorf("left behind: %q", files)
	}
}

// TestStopTakesTooLong: a server that began to stop and does not end.
func TestStopTakesTooLong(t *testing.T) {
	root := t.TempDir()
	lock, err := status.Acquire(status.StateDir(root, unusedID))
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Remove()
	socket, err := status.ServeDevice(status.Socket(lock.Dir()), fakeSource{stop: func() error { return nil }})
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	bad("late", 1, "ublk stop 7001 --timeout 200ms --state-root "+root, "not ended yet|--timeout").run(t, root)
}
