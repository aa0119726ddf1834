package swapdev

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/rs/zerolog"

	"github.com/farswap/farswap/bpf"
	"github.com/farswap/farswap/internal/loghist"
	"github.com/farswap/farswap/status"
)

// fakeProbes stand in for the kernel's: each slab had as many reads as its number.
type fakeProbes struct {
	snapshot bpf.Snapshot
	missing  []bpf.Missing
	err      error
	closed   bool
}

func (p *fakeProbes) Info() bpf.Info {
	return bpf.Info{Hooks: []string{"do_swap_page"}, Missing: p.missing, Memory: 1 << 20}
}
func (p *fakeProbes) Read() (bpf.Snapshot, error) { return p.snapshot, p.err }
func (p *fakeProbes) Close() error                { p.closed = true; return nil }

func (p *fakeProbes) SlabReads(slab int, into *loghist.Histogram) {
	for range slab {
		into.Record(1e6)
	}
}

func durations(ns ...int64) loghist.Histogram {
	var h loghist.Histogram
	for _, d := range ns {
		h.Record(d)
	}
	return h
}

func TestStatusHasProbes(t *testing.T) {
	r := newRig(t, rigOptions{donors: 1})
	faults, reads := durations(5e6, 6e6), durations(4e6)
	r.engine.probes = &fakeProbes{
		missing: []bpf.Missing{{Source: bpf.SwapIn, Why: errors.New("no hook")}},
		snapshot: bpf.Snapshot{
			Latency: map[bpf.Source]*loghist.Histogram{bpf.Fault: &faults, bpf.BlockRead: &reads},
			Cgroups: []bpf.Cgroup{
				{ID: 7, Name: "/few", Latency: durations(1)},
				{ID: 8, Name: "/many", Latency: durations(1, 2)},
			},
			MajorFaults: 2, ReadAhead: 3, Lost: 4,
		},
	}
	s := r.engine.report()
	p := s.Probes
	if p.State != status.ProbesOn || len(p.Hooks) != 1 || len(p.Missing) != 1 || p.Missing[0] != status.SourceSwapIn ||
		p.Memory != 1<<20 || p.MajorFaults != 2 || p.ReadAhead != 3 || p.Lost != 4 {
		t.Errorf("probes: %+v", p)
	}
	found := map[string]loghist.Histogram{}
	for _, h := range s.Histograms {
		found[h.Source] = loghist.Histogram(h.Latency)
	}
	if found[status.SourceFault] != faults || found[status.SourceBlockRead] != reads {
		t.Error("the histograms are not those of the probes")
	}
	if _, ok := found[status.SourceSwapIn]; ok {
		t.Error("a missing histogram is there")
	}
	if len(s.Cgroups) != 2 || s.Cgroups[0].Name != "/many" || s.Cgroups[0].Latency.Count() != 2 {
		t.Errorf("control groups %+v", s.Cgroups)
	}
	for i, slab := range s.Slabs {
		if has := slab.Latency.P50 != 0; has != (i > 0) {
			t.Errorf("slab %d: latency %+v", i, slab.Latency)
		}
	}
	var sum loghist.Histogram
	r.engine.slabReads(&sum, 2, 3)
	if sum.Count() != 5 {
		t.Errorf("%d reads of slabs 2 and 3", sum.Count())
	}
}

func TestStatusOfBrokenProbes(t *testing.T) {
	fake := &fakeProbes{err: errors.New("gone")}
	t.Cleanup(func() { // after the rig's
		if !fake.closed {
			t.Error("the probes are left open")
		}
	})
	r := newRig(t, rigOptions{donors: 1})
	r.engine.probes = fake
	if s := r.engine.report(); s.Probes.State != status.ProbesFailed || s.Probes.Reason != "gone" {
		t.Errorf("probes: %+v", s.Probes)
	}
}

func TestOpenProbes(t *testing.T) {
	works := func() (probes, error) {
		return &fakeProbes{missing: []bpf.Missing{{Source: bpf.Fault, Why: errors.New("none here")}}}, nil
	}
	fails := func(err error) func() (probes, error) { return func() (probes, error) { return nil, err } }
	for name, tc := range map[string]struct {
		setting Probes
		attach  func() (probes, error)
		state   string // of status; "" for those that work
		log     string
		err     error
	}{
		"off":                {ProbesOff, nil, status.ProbesOff, "", nil},
		"works":              {ProbesAuto, works, "", "none here", nil},
		"insisted":           {ProbesOn, works, "", "none here", nil},
		"no rights":          {ProbesAuto, fails(bpf.ErrPermission), status.ProbesOff, "CAP_PERFMON", nil},
		"old kernel":         {ProbesAuto, fails(bpf.ErrUnsupported), status.ProbesOff, "cannot run", nil},
		"broken":             {ProbesAuto, fails(bpf.ErrConfig), status.ProbesFailed, "probes", nil},
		"no rights, but on":  {ProbesOn, fails(bpf.ErrPermission), "", "", bpf.ErrPermission},
		"old kernel, but on": {ProbesOn, fails(bpf.ErrUnsupported), "", "", bpf.ErrUnsupported},
	} {
		t.Run(name, func(t *testing.T) {
			var log bytes.Buffer
			p, err := openProbes(tc.setting, zerolog.New(&log).Level(zerolog.WarnLevel), tc.attach)
			if !errors.Is(err, tc.err) || (err != nil) != (tc.err != nil) {
				t.Fatalf("got %v, want %v", err, tc.err)
			}
			if none, ok := p.(noProbes); ok != (tc.state != "") || none.state != tc.state {
				t.Errorf("got %+v, want state %q", p, tc.state)
			}
			if lines := strings.Count(log.String(), "\n"); !strings.Contains(log.String(), tc.log) || lines > 1 || (lines == 1) != (tc.log != "") {
				t.Errorf("logged %q, want one line with %q", log.String(), tc.log)
			}
		})
	}
}
