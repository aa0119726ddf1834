package dashtest

import (
	"errors"
	"reflect"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/farswap/farswap/status"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestWorldAgreesWithItself after each of five minutes of seconds.
func TestWorldAgreesWithItself(t *testing.T) {
	w := New(3, time.Unix(1e9, 0))
	slow, down, short := 0, 0, 0
	for range 300 {
		w.Step(time.Second)
		d := w.Device()
		counts := map[string]uint64{}
		for _, h := range d.Histograms {
			counts[h.Source] = h.Latency.Count()
		}
		for source, want := range map[string]uint64{
			status.SourceRead: d.IO.Reads, status.SourceFault: d.IO.Reads, status.SourceWrite: d.IO.Writes,
			status.SourceBackingRead: d.IO.BackingReads,
		} {
			if counts[source] != want {
				t.Fatalf("%v: %s counts %d, want %d", w.phase(), source, counts[source], want)
			}
		}
		p := d.Pages
		if sum := p.Remote + p.Backing + p.Both + p.None + p.Lost; sum != d.Size/pageSize || p.None < 0 {
			t.Fatalf("%v: pages %+v are %d, want %d", w.phase(), p, sum, d.Size/pageSize)
		}
		held := 0
		for _, o := range d.Donors {
			held += o.Slabs
			if o.Slow {
				slow++
			}
			if o.State != "up" {
				down++
			}
		}
		for _, s := range d.Slabs {
			if s.Donor != "" {
				held--
			}
		}
		if held != 0 {
			t.Fatalf("%v: donors and slabs differ by %d", w.phase(), held)
		}
		if w.Donor(wantOne).State == status.DonorShort {
			short++
		}
	}
	d := w.Device()
	if slow == 0 || down == 0 || short == 0 || d.Moves.Slabs == 0 || d.Moves.Dropped == 0 || len(d.Slowest) == 0 {
		t.Errorf("too quiet: slow for %d s, down %d, short %d, moves %+v, %d slow pages", slow, down, short, d.Moves, len(d.Slowest))
	}
	for i := 1; i < len(d.Events); i++ {
		if d.Events[i].Seq != d.Events[i-1].Seq+1 {
			t.Errorf("event %d comes after %d", d.Events[i].Seq, d.Events[i-1].Seq)
		}
	}
}

// TestWorldRepeats: the same seed, the same world.
func TestWorldRepeats(t *testing.T) {
	a, b := New(5, time.Unix(1e9, 0)), New(5, time.Unix(1e9, 0))
	a.Step(100 * time.Second)
	b.Step(100 * time.Second)
	if !reflect.DeepEqual(a.Device(), b.Device()) {
		t.Error("two worlds of one seed differ")
	}
}

func TestServe(t *testing.T) {
	root := t.TempDir()
	w := New(1, time.Unix(1e9, 0))
	s, err := Serve(root, w)
	if err != nil {
		t.Fatal(err)
	}
	d, err := status.Fetch(t.Context(), status.Socket(status.StateDir(root, DeviceID)))
	if err != nil || d.ID != DeviceID || len(d.Slabs) != slabs {
		t.Errorf("got %+v, %v", d, err)
	}
	if err := errors.Join(s.StopDevice(), s.StartDevice(), s.KillDevice(), s.StartDevice(), s.Close()); err != nil {
		t.Error(err)
	}
	if left, err := status.Folders(root); err != nil || len(left) != 0 {
		t.Errorf("left behind: %+v, %v", left, err)
	}
}
