//go:build vm

package vmtest

import (
	"encoding/json"
	"errors"
	"math"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/cilium/ebpf"

	"github.com/farswap/farswap/status"
)

// Probes in the kernel, as the device uses them. What they measure is checked against
// the kernel's own tracer in package bpf.

// probePrograms are the names of the probes' programs in the kernel, of any process.
func (w *World) probePrograms() []string {
	w.Helper()
	var names []string
	for id := ebpf.ProgramID(0); ; {
		next, err := ebpf.ProgramGetNextID(id)
		if errors.Is(err, os.ErrNotExist) {
			return names
		}
		if err != nil {
			w.Fatal(err)
		}
		id = next
		program, err := ebpf.NewProgramFromID(id)
		if err != nil {
			continue // gone meanwhile
		}
		if info, err := program.Info(); err == nil && strings.HasPrefix(info.Name, "farswap_") {
			names = append(names, info.Name)
		}
		program.Close()
	}
}

func (w *World) noProbeLeft() {
	w.Helper()
	w.Until(commandTimeout, "no program is left in the kernel", func() bool { return len(w.probePrograms()) == 0 })
}

// histogram is one of a device's, which must be there.
func (w *World) histogram(s status.Device, source string) status.Distribution {
	w.Helper()
	for _, h := range s.Histograms {
		if h.Source == source {
			return h.Latency
		}
	}
	w.Fatalf("no histogram %s; probes are %+v", source, s.Probes)
	return status.Distribution{}
}

// probesUnderSwap holds what the probes count against what the kernel and the server
// count.
func probesUnderSwap(w *World) {
	d := w.Swap("128M", w.donors(2, "80M"), "--probes", "on")
	if s := d.Status(); s.Probes.State != status.ProbesOn || len(s.Probes.Hooks) != 5 || len(s.Probes.Missing) != 0 || s.Probes.Memory == 0 {
		w.Fatalf("probes are %+v", s.Probes)
	}
	d.SwapOn()
	before := d.Status()
	r := w.Page(pagingSize, pagingLimit, "--duration", w.Shorten(pagingTime).String(), "--threads", "4").Check(4 * time.Minute)
	s := d.CheckIO()
	since := func(source string) uint64 {
		now, then := w.histogram(s, source), w.histogram(before, source)
		return now.Count() - then.Count()
	}
	faults, swapins, reads, writes := since(status.SourceFault), since(status.SourceSwapIn), since(status.SourceBlockRead), since(status.SourceBlockWrite)
	w.Logf("%d faults, %d swap-ins, %d reads, %d writes, %d major, %d read ahead, %d lost", faults, swapins, reads, writes,
		s.Probes.MajorFaults, s.Probes.ReadAhead, s.Probes.Lost)
	near := func(what string, got, want uint64) {
		// The two are not read at the same moment, and what is lost is said.
		if math.Abs(float64(got)-float64(want)) > float64(s.Probes.Lost)+float64(want)/100 {
			w.Errorf("%s: %d counted, want %d", what, got, want)
		}
	}
	near("swap-ins", swapins, uint64(r.PswpIn))
	near("block reads", reads, s.IO.Reads-before.IO.Reads)
	near("block writes", writes, s.IO.Writes-before.IO.Writes)
	if faults < s.Probes.MajorFaults || s.Probes.MajorFaults == 0 {
		w.Errorf("%d faults, of them %d major", faults, s.Probes.MajorFaults)
	}
	checkGroups(w, s)
	slabs := 0
	for _, slab := range s.Slabs {
		if slab.Latency.P50 > 0 {
			slabs++
		}
	}
	if slabs == 0 {
		w.Error("no slab has a latency")
	}
	if text := w.Must("farswap", "ublk", "status", d.ID()); !strings.Contains(text, "\nprobes ") || !strings.Contains(text, "faults ") {
		w.Errorf("status does not show faults:\n%s", text)
	}
	d.SwapOff()
	d.Stop()
	w.noProbeLeft()
}

// checkGroups: the paging program has faulted more than others, and the groups' faults
// are all of them.
func checkGroups(w *World, s status.Device) {
	w.Helper()
	var sum status.Distribution
	for _, g := range s.Cgroups {
		sum.Add(&g.Latency)
	}
	if all := w.histogram(s, status.SourceFault); sum.Count() != all.Count() {
		w.Errorf("%d faults in control groups, %d in all", sum.Count(), all.Count())
	}
	if len(s.Cgroups) == 0 || !strings.HasPrefix(s.Cgroups[0].Name, "/vmtest-") {
		w.Errorf("control groups: %+v", s.Cgroups)
	}
}

// fioLatency reads random pages of a device and gives percentiles of fio's completion
// latency.
func (w *World) fioLatency(path string, depth, count int) (p50, p99 time.Duration) {
	w.Helper()
	out := w.Start(nil, "fio", "--name=latency", "--filename="+path, "--direct=1", "--rw=randread", "--bs=4k", "--ioengine=libaio", "--size=32M",
		"--iodepth="+strconv.Itoa(depth), "--number_ios="+strconv.Itoa(count), "--percentile_list=50:99", "--output-format=json").Succeed(2 * time.Minute)
	var result struct {
		Jobs []struct {
			Read struct {
				Latency struct {
					Percentile map[string]int64 `json:"percentile"`
				} `json:"clat_ns"`
			} `json:"read"`
		} `json:"jobs"`
	}
	if err := json.Unmarshal([]byte(out), &result); err != nil || len(result.Jobs) != 1 {
		w.Fatalf("fio: %v: %s", err, tail(out, 5))
	}
	p := result.Jobs[0].Read.Latency.Percentile
	return time.Duration(p["50.000000"]), time.Duration(p["99.000000"])
}

// probesAgainstFio reads over a link with a known delay. The machine is emulated, and shares
// its processors: fio can be held up after a request has ended. One run of three that
// agrees shows that both measure the same.
func probesAgainstFio(w *World) {
	const delay = 20 * time.Millisecond
	donors := w.donors(1, "64M")
	d := w.Swap("32M", donors, "--probes", "on", "--backing", "none", "--accept-loss", "--queues", "1")
	w.Must("dd", "if=/dev/zero", "of="+d.Path, "bs=1M", "count=32", "oflag=direct", "status=none")
	w.Must("tc", "qdisc", "add", "dev", donors[0].Name, "root", "netem", "delay", "20ms", "limit", "10000")
	for _, depth := range []int{1, 8} {
		// As many at each depth's turn: a hundredth of too few is chance.
		count := 500 * depth
		agrees := false
		for run := 0; run < 3 && !agrees; run++ {
			before := w.histogram(d.Status(), status.SourceBlockRead)
			fio50, fio99 := w.fioLatency(d.Path, depth, count)
			after := w.histogram(d.Status(), status.SourceBlockRead)
			h := after.Since(&before)
			p50, p99 := time.Duration(h.Quantile(0.5)), time.Duration(h.Quantile(0.99))
			w.Logf("depth %d: %d reads, p50 %v, fio %v; p99 %v, fio %v", depth, h.Count(), p50, fio50, p99, fio99)
			if h.Quantile(0) < int64(delay)*15/16 {
				w.Errorf("a read took %v over a link with a delay of %v", time.Duration(h.Quantile(0)), delay)
			}
			agrees = alike(p50, fio50) && alike(p99, fio99)
		}
		if !agrees {
			w.Errorf("depth %d: the probes and fio differ by more than 5%%, three times", depth)
		}
	}
	d.Stop()
}

func alike(a, b time.Duration) bool { return math.Abs(float64(a-b)) <= 0.05*float64(b) }

// resident is the memory of a process, in words.
func (w *World) resident(pid int) string {
	w.Helper()
	for line := range strings.Lines(w.read("/proc/" + strconv.Itoa(pid) + "/status")) {
		if size, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			return strings.TrimSpace(size)
		}
	}
	w.Fatalf("process %d has no VmRSS", pid)
	return ""
}

// probesLeaveNothing kills a server, and starts one where the kernel does not tell its
// types.
func probesLeaveNothing(w *World) {
	donors := w.donors(1, "64M")
	d := w.Swap("32M", donors)
	if s := d.Status(); s.Probes.State != status.ProbesOn {
		w.Errorf("probes are %+v without being asked for", s.Probes)
	}
	if n := len(w.probePrograms()); n != 6 {
		w.Errorf("%d programs are loaded, want 6", n)
	}
	with := w.resident(d.PID())
	d.Kill()
	w.noProbeLeft()
	w.Must("farswap", "ublk", "del", "--force", d.ID())

	w.Must("mount", "--bind", "/dev/null", "/sys/kernel/btf/vmlinux")
	hidden := true
	show := func() {
		if hidden {
			hidden = false
			w.Must("umount", "/sys/kernel/btf/vmlinux")
		}
	}
	w.Defer(show)
	r := w.Run(append([]string{"farswap", "ublk", "add", "--probes", "on"}, w.SwapOptions("32M", donors)...)...)
	w.OnlyError(r, 1, "--probes on", "BTF")
	d = w.Swap("32M", donors)
	if s := d.Status(); s.Probes.State != status.ProbesOff || !strings.Contains(s.Probes.Reason, "BTF") {
		w.Errorf("probes are %+v", s.Probes)
	}
	if n := strings.Count(d.Stderr(), "no latency is measured in the kernel"); n != 1 {
		w.Errorf("said %d times that nothing is measured", n)
	}
	show()
	d.Stop()
	d = w.Swap("32M", donors, "--probes", "off")
	if n := len(w.probePrograms()); n != 0 || d.Status().Probes.State != status.ProbesOff {
		w.Errorf("%d programs with --probes off", n)
	}
	w.Logf("resident: with probes %s, without %s", with, w.resident(d.PID()))
	d.Stop()
}
