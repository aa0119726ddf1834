package doctor

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/farswap/farswap/bpf"
	"github.com/farswap/farswap/internal/cli/command"
	"github.com/farswap/farswap/internal/machine"
	"github.com/farswap/farswap/ublk"
	"github.com/farswap/farswap/uring"
	"github.com/farswap/farswap/verbs"
	"github.com/farswap/farswap/verbs/rdma"
)

// sickbay makes machines for doctor.
type sickbay struct {
	t *testing.T
	*machine.Machine
}

const allCapabilities = "000001ffffffffff"

// healthy is a machine where everything works: soft-RoCE over d0 with 10.9.0.1,
// run by root.
func healthy(t *testing.T) sickbay {
	s := sickbay{t, &machine.Machine{
		Root: t.TempDir(), Release: "6.12.117+deb12-amd64", Memlock: math.MaxUint64,
		OpenDriver:    func() (ublk.Flags, error) { return ublk.FlagUserRecovery | 1<<40, nil },
		OpenRing:      func() error { return nil },
		AskFlusher:    func() error { return nil },
		LoadLibraries: func() error { return nil },
		SurveyProbes:  func() ([]string, []bpf.Missing, error) { return []string{"do_swap_page", "block_rq_issue"}, nil, nil },
		Lookup: func(_ context.Context, host string) ([]netip.Addr, error) {
			if host == "mem1" {
				host = "10.9.0.2"
			}
			a, err := netip.ParseAddr(host)
			return []netip.Addr{a}, err
		},
		Route: func(to netip.AddrPort) (machine.Source, error) {
			if to.Addr().IsLoopback() {
				return machine.Source{Address: to.Addr(), Netdev: "lo"}, nil
			}
			return machine.Source{Address: netip.MustParseAddr("10.9.0.1"), Netdev: "d0"}, nil
		},
	}}
	s.file("proc/self/status", "Name:\tfarswap\nCapEff:\t"+allCapabilities)
	s.file("proc/meminfo", "MemTotal:       32768000 kB\nMemFree:  1 kB")
	s.file("proc/sys/vm/min_free_kbytes", "262144")
	s.file("proc/sys/kernel/io_uring_disabled", "0")
	s.file("sys/kernel/mm/transparent_hugepage/enabled", "always [madvise] never")
	s.file("sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages", "0")
	s.rxe("rxe0", 0, "d0", "ACTIVE", "10.9.0.1")
	s.file("dev/infiniband/rdma_cm", "")
	return s
}

func (s sickbay) file(path, content string) {
	s.t.Helper()
	full := filepath.Join(s.Root, path)
	if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
		s.t.Fatal(err)
	}
	if err := os.WriteFile(full, []byte(content+"\n"), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

func (s sickbay) remove(path string) {
	s.t.Helper()
	if err := os.RemoveAll(filepath.Join(s.Root, path)); err != nil {
		s.t.Fatal(err)
	}
}

// rxe makes a soft-RoCE device; without an address its GID is a link-local one.
func (s sickbay) rxe(name string, number int, netdev, state, address string) {
	dir := "sys/class/infiniband/" + name
	raw := netip.MustParseAddr("fe80::1").As16()
	if address != "" {
		raw = netip.MustParseAddr(address).As16()
	}
	var gid []string
	for i := 0; i < 16; i += 2 {
		gid = append(gid, fmt.Sprintf("%02x%02x", raw[i], raw[i+1]))
	}
	for path, content := range map[string]string{
		"node_type": "1: CA", "parent": netdev, "ports/1/state": "4: " + state, "ports/1/phys_state": "5: LinkUp",
		"ports/1/link_layer": "Ethernet", "ports/1/rate": "2.5 Gb/sec (1X SDR)", "ports/1/gids/0": strings.Join(gid, ":"),
		"ports/1/gid_attrs/types/0": rdma.GIDRoCEv2, "ports/1/gid_attrs/ndevs/0": netdev,
	} {
		s.file(dir+"/"+path, content)
	}
	s.file("sys/class/net/"+netdev+"/mtu", "4200")
	s.file(fmt.Sprintf("sys/class/infiniband_verbs/uverbs%d/ibdev", number), name)
	s.file(fmt.Sprintf("dev/infiniband/uverbs%d", number), "")
}

func (s sickbay) mustExamine() examination {
	s.t.Helper()
	e, err := examine(s.Machine, goodServer)
	if err != nil {
		s.t.Fatal(err)
	}
	return e
}

func TestDoctorHealthy(t *testing.T) {
	e := healthy(t).mustExamine()
	for _, c := range e.Checks {
		if c.State != machine.OK || c.Found == "" || c.Advice != "" {
			t.Errorf("got %+v", c)
		}
	}
	if !e.Device || e.unfit() != nil || !slices.Equal(e.Transports, []string{"rdma", "tcp"}) {
		t.Errorf("got %+v, %v", e, e.unfit())
	}
}

func failing(err error) func() error { return func() error { return err } }

// TestDoctorFinds spoils one thing of a healthy machine at a time.
func TestDoctorFinds(t *testing.T) {
	noUblk := func(err error) func(sickbay) {
		return func(s sickbay) { s.OpenDriver = func() (ublk.Flags, error) { return 0, fmt.Errorf("open: %w", err) } }
	}
	for name, tc := range map[string]struct {
		spoil      func(sickbay)
		check      string
		state      machine.State
		parts      string
		device     bool
		transports string
	}{
		"old kernel":      {func(s sickbay) { s.Release = "6.1.0-13-amd64" }, "kernel", machine.Missing, "6.1.0|6.5|newer", false, "rdma tcp"},
		"odd kernel":      {func(s sickbay) { s.Release = "mine" }, "kernel", machine.Warn, "cannot tell", true, "rdma tcp"},
		"newer kernel":    {func(s sickbay) { s.Release = "7.3.4" }, "kernel", machine.OK, "7.3.4", true, "rdma tcp"},
		"no ublk":         {noUblk(ublk.ErrNoDriver), "ublk", machine.Missing, "/dev/ublk-control|modprobe ublk_drv", false, "rdma tcp"},
		"forbidden":       {noUblk(ublk.ErrPermission), "ublk", machine.Missing, "no permission|CAP_SYS_ADMIN", false, "rdma tcp"},
		"ublk is mute":    {noUblk(ublk.ErrTimeout), "ublk", machine.Missing, "did not answer", false, "rdma tcp"},
		"io_uring off":    {func(s sickbay) { s.OpenRing = failing(uring.ErrUnsupported); s.sysctl("2") }, "io_uring", machine.Missing, "is 2|io_uring_disabled=0", false, "rdma tcp"},
		"io_uring denied": {func(s sickbay) { s.OpenRing = failing(uring.ErrUnsupported) }, "io_uring", machine.Missing, "not available|seccomp", false, "rdma tcp"},
		"capability":      {func(s sickbay) { s.capabilities("000001fffeffffff") }, "capabilities", machine.Missing, "without CAP_SYS_RESOURCE →|--cap-add", false, "rdma tcp"},
		"no flusher":      {func(s sickbay) { s.AskFlusher = failing(unix.EPERM) }, "I/O flusher", machine.Missing, "not allowed|CAP_SYS_RESOURCE", false, "rdma tcp"},
		"flusher unknown": {func(s sickbay) { s.AskFlusher = failing(unix.EINVAL) }, "I/O flusher", machine.Missing, "invalid argument|5.6", false, "rdma tcp"},
		"limit, capable":  {func(s sickbay) { s.Memlock = 8 << 20 }, "locked memory", machine.OK, "8M|CAP_IPC_LOCK", true, "rdma tcp"},
		"THP off":         {func(s sickbay) { s.thp("always madvise [never]") }, "huge pages", machine.Warn, "off (never)|echo madvise", true, "rdma tcp"},
		"no THP":          {func(s sickbay) { s.remove("sys/kernel/mm") }, "huge pages", machine.Warn, "has no", true, "rdma tcp"},
		"huge page pool":  {func(s sickbay) { s.file("sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages", "12") }, "huge pages", machine.OK, "12 free pages", true, "rdma tcp"},
		"small reserve":   {func(s sickbay) { s.file("proc/sys/vm/min_free_kbytes", "67584") }, "reserve", machine.Warn, "66M|min_free_kbytes=262144", true, "rdma tcp"},
		"tiny machine":    {func(s sickbay) { s.reserve("262144", "81919") }, "size", machine.Warn, "80M and more|--supervise off", true, "rdma tcp"},
		"least machine":   {func(s sickbay) { s.reserve("262144", "81920") }, "size", machine.OK, "80M", true, "rdma tcp"},
		"small machine":   {func(s sickbay) { s.reserve("22528", "2980000") }, "reserve", machine.Warn, "22M|min_free_kbytes=94208", true, "rdma tcp"},
		"enough for it":   {func(s sickbay) { s.reserve("94208", "2980000") }, "reserve", machine.OK, "92M", true, "rdma tcp"},
		"not real-time":   {func(s sickbay) { s.capabilities("000001ffff7fffff") }, "real-time", machine.Warn, "CAP_SYS_NICE", true, "rdma tcp"},
		"no libraries": {func(s sickbay) {
			s.LoadLibraries = failing(fmt.Errorf("RDMA: %w: libibverbs.so.1: apt-get install libibverbs1", verbs.ErrUnavailable))
		}, "libibverbs", machine.Missing, "libibverbs.so.1: apt", true, "tcp"},
		"no manager":   {func(s sickbay) { s.remove("dev/infiniband/rdma_cm") }, "rdma_cm", machine.Missing, "no /dev/infiniband/rdma_cm|modprobe rdma_ucm", true, "tcp"},
		"no device":    {func(s sickbay) { s.remove("sys/class/infiniband") }, "RDMA device", machine.Missing, "none|rdma link add", true, "tcp"},
		"no node":      {func(s sickbay) { s.remove("dev/infiniband/uverbs0") }, "rxe0 port 1", machine.Missing, "no /dev/infiniband/uverbs0|--device", true, "tcp"},
		"no uverbs":    {func(s sickbay) { s.remove("sys/class/infiniband_verbs") }, "rxe0 port 1", machine.Missing, "modprobe ib_uverbs", true, "tcp"},
		"port down":    {func(s sickbay) { s.rxe("rxe0", 0, "d0", "DOWN", "10.9.0.1") }, "rxe0 port 1", machine.Warn, "DOWN (LinkUp)|ip link set d0 up", true, "tcp"},
		"no address":   {func(s sickbay) { s.rxe("rxe0", 0, "d0", "ACTIVE", "") }, "rxe0 port 1", machine.Warn, "no IP address|ip addr add ADDRESS/BITS dev d0", true, "tcp"},
		"another down": {func(s sickbay) { s.rxe("rxe1", 1, "d1", "DOWN", "") }, "rxe1 port 1", machine.Warn, "DOWN", true, "rdma tcp"},
	} {
		t.Run(name, func(t *testing.T) {
			s := healthy(t)
			tc.spoil(s)
			e := s.mustExamine()
			i := slices.IndexFunc(e.Checks, func(c check) bool { return c.Name == tc.check })
			if i < 0 {
				t.Fatalf("no check %q in %+v", tc.check, e.Checks)
			}
			c := e.Checks[i]
			if c.State != tc.state || e.Device != tc.device || strings.Join(e.Transports, " ") != tc.transports {
				t.Errorf("got %+v, device %v, %v", c, e.Device, e.Transports)
			}
			for part := range strings.SplitSeq(tc.parts, "|") {
				if !strings.Contains(c.text(" → "), part) {
					t.Errorf("%q lacks %q", c.text(" → "), part)
				}
			}
			if err := e.unfit(); (err == nil) != tc.device || err != nil && !errors.Is(err, errUnfit) {
				t.Errorf("got %v", err)
			}
			others := slices.DeleteFunc(e.Checks, func(c check) bool { return c.State == machine.OK || c.Name == tc.check })
			if len(others) > 0 {
				t.Errorf("finds more: %+v", others)
			}
		})
	}
}

func (s sickbay) sysctl(v string)       { s.file("proc/sys/kernel/io_uring_disabled", v) }
func (s sickbay) thp(v string)          { s.file("sys/kernel/mm/transparent_hugepage/enabled", v) }
func (s sickbay) capabilities(v string) { s.file("proc/self/status", "CapEff:\t"+v) }

func (s sickbay) reserve(reserve, memory string) {
	s.file("proc/sys/vm/min_free_kbytes", reserve)
	s.file("proc/meminfo", "MemTotal:  "+memory+" kB")
}

// TestDoctorUnprivileged: what only root may is a warning for others.
func TestDoctorUnprivileged(t *testing.T) {
	s := healthy(t)
	s.UID, s.Memlock = 1000, 8<<20
	s.capabilities("0000000000000000")
	s.OpenDriver = func() (ublk.Flags, error) { return 0, ublk.ErrPermission }
	s.AskFlusher = failing(unix.EPERM)
	s.OpenRing = failing(uring.ErrUnsupported)
	s.sysctl("1")
	e := s.mustExamine()
	warned := 0
	for _, c := range e.Checks {
		if c.State == machine.Missing {
			t.Errorf("got %+v", c)
		}
		if c.State == machine.Warn {
			warned++
			if !strings.Contains(c.Advice, "run as root") {
				t.Errorf("got %+v", c)
			}
		}
	}
	if warned != 7 || !e.Device || !strings.HasSuffix(e.summary(), "over rdma and tcp, by root.") {
		t.Errorf("%d warnings, device %v, %q", warned, e.Device, e.summary())
	}
}

func TestDoctorProbes(t *testing.T) {
	for name, tc := range map[string]struct {
		spoil func(sickbay)
		state machine.State
		found string
	}{
		"no BTF": {
			func(s sickbay) {
				s.SurveyProbes = func() ([]string, []bpf.Missing, error) { return nil, nil, bpf.ErrUnsupported }
			},
			machine.Warn, "cannot run the probes",
		},
		"a hook is missing": {
			func(s sickbay) {
				s.SurveyProbes = func() ([]string, []bpf.Missing, error) {
					return []string{"block_rq_issue"}, []bpf.Missing{{Source: bpf.Fault, Why: errors.New("no do_swap_page")}}, nil
				}
			},
			machine.Warn, "hooks block_rq_issue; no fault: no do_swap_page",
		},
		"the two rights": {func(s sickbay) { s.file("proc/self/status", "CapEff:\t000000c000000000") }, machine.OK, "hooks do_swap_page"},
		"one right":      {func(s sickbay) { s.file("proc/self/status", "CapEff:\t0000008000000000") }, machine.Warn, "without CAP_BPF and CAP_PERFMON"},
	} {
		t.Run(name, func(t *testing.T) {
			s := healthy(t)
			tc.spoil(s)
			if c := checkProbes(s.Machine); c.State != tc.state || !strings.Contains(c.Found, tc.found) {
				t.Errorf("got %+v, want %s with %q", c, tc.state, tc.found)
			}
		})
	}
}

func TestDoctorFor(t *testing.T) {
	auto := rdma.DefaultConfig()
	for name, tc := range map[string]struct {
		spoil  func(sickbay)
		donor  string
		config rdma.Config
		want   string // donor, address, local, transport; then a part of the reason
	}{
		"name":       {nil, "mem1", auto, "mem1:9400 10.9.0.2:9400 10.9.0.1 rdma|if the donor offers it"},
		"port":       {nil, "mem1:7000", auto, "mem1:7000 10.9.0.2:7000 10.9.0.1 rdma|"},
		"IPv6":       {nil, "[2001:db8::1]:7000", auto, "[2001:db8::1]:7000 [2001:db8::1]:7000 10.9.0.1 rdma|"},
		"bare IPv6":  {nil, "2001:db8::1", auto, "[2001:db8::1]:9400 [2001:db8::1]:9400 10.9.0.1 rdma|"},
		"in bracket": {nil, "[2001:db8::1]", auto, "[2001:db8::1]:9400 [2001:db8::1]:9400 10.9.0.1 rdma|"},
		"mapped":     {nil, "::ffff:10.9.0.7", auto, "[::ffff:10.9.0.7]:9400 10.9.0.7:9400 10.9.0.1 rdma|"},
		"device":     {nil, "mem1", rdma.Config{Device: "rxe0", GIDIndex: 0}, "mem1:9400 10.9.0.2:9400 10.9.0.1 rdma|"},
		"from there": {nil, "127.0.0.1", rdma.Config{Device: "rxe0", GIDIndex: -1}, "127.0.0.1:9400 127.0.0.1:9400 127.0.0.1 rdma|"},
		"loopback":   {nil, "127.0.0.1", auto, "127.0.0.1:9400 127.0.0.1:9400 127.0.0.1 tcp|no way by RDMA"},
		"no device":  {func(s sickbay) { s.remove("sys/class/infiniband") }, "mem1", auto, "mem1:9400 10.9.0.2:9400 10.9.0.1 tcp|no way by RDMA"},
		"no manager": {func(s sickbay) { s.remove("dev/infiniband/rdma_cm") }, "mem1", auto, "mem1:9400 10.9.0.2:9400 10.9.0.1 tcp|rdma_cm: no /dev"},
	} {
		t.Run(name, func(t *testing.T) {
			s := healthy(t)
			if tc.spoil != nil {
				tc.spoil(s)
			}
			w, err := s.mustExamine().wayTo(t.Context(), s.Machine, tc.donor, tc.config)
			if err != nil {
				t.Fatal(err)
			}
			want, reason, _ := strings.Cut(tc.want, "|")
			got := fmt.Sprintf("%s %s %s %s", w.Donor, w.Address, w.Local, w.Transport)
			if got != want || !strings.Contains(w.Reason, reason) || (w.RDMA == nil) == (w.NoRDMA == "") {
				t.Errorf("got %s, %+v, want %s", got, w, tc.want)
			}
		})
	}
}

func TestDoctorForRefuses(t *testing.T) {
	s := healthy(t)
	e := s.mustExamine()
	for donor, tc := range map[string]struct {
		config rdma.Config
		code   int
		part   string
	}{
		"mem1:pigeon":  {rdma.DefaultConfig(), command.ExitUsage, "HOST:PORT"},
		"nowhere":      {rdma.DefaultConfig(), command.ExitFailed, "nowhere"},
		"mem1":         {rdma.Config{Device: "mlx5_0", GIDIndex: -1}, command.ExitUsage, "mlx5_0"},
		"10.9.0.2:1":   {rdma.Config{GIDIndex: 7}, command.ExitUsage, "GID 7"},
		"10.9.0.2:1:1": {rdma.DefaultConfig(), command.ExitFailed, "10.9.0.2:1:1"},
	} {
		_, err := e.wayTo(t.Context(), s.Machine, donor, tc.config)
		if command.ExitCode(err, true) != tc.code || !strings.Contains(fmt.Sprint(err), tc.part) {
			t.Errorf("%s: got %v", donor, err)
		}
	}
	s.Route = func(netip.AddrPort) (machine.Source, error) { return machine.Source{}, unix.ENETUNREACH }
	if _, err := e.wayTo(t.Context(), s.Machine, "mem1", rdma.DefaultConfig()); !errors.Is(err, unix.ENETUNREACH) {
		t.Errorf("no route: got %v", err)
	}
}
