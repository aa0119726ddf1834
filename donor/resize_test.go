package donor

import (
	"errors"
	"strings"
	"testing"

	"github.com/farswap/farswap/control"
	"github.com/farswap/farswap/internal/memory"
)

func TestGrow(t *testing.T) {
	d, _ := lendOn(t, func(c *Config) { c.Memory = 2 * slabSize })
	b := borrow(t, d, dialConfig(control.NewUUID()), 2)
	wantNoMemory(t, b.s, 2)
	if err := d.Resize(4*slabSize, HeadRoom{}); err != nil {
		t.Fatal(err)
	}
	mapSlab(t, b.s, 2, false)
	if m, err := b.s.QueryMem(t.Context()); err != nil || m.Total != 4*slabSize || m.Free != slabSize {
		t.Errorf("%+v, %v", m, err)
	}
	if m := d.Status().Memory; m.Total != 4*slabSize || m.HeadRoom != testHeadRoom {
		t.Errorf("%+v", m)
	}
}

// TestShrink: the donor frees prepared slabs at once and asks mapped ones back.
func TestShrink(t *testing.T) {
	d, _ := lendOn(t, func(c *Config) { c.Ahead = 2 })
	b := borrow(t, d, dialConfig(control.NewUUID()), 6)
	settle(d)
	eventually(t, "two are prepared", func() bool { return d.Status().Memory.Prepared == 2*slabSize })
	if err := d.Resize(4*slabSize, HeadRoom{}); err != nil {
		t.Fatal(err)
	}
	if m := d.Status().Memory; m.Prepared != 0 || m.Free != 0 {
		t.Errorf("%+v", m)
	}
	// The donor lends more than its total. The device must not take that for a violation.
	if m, err := b.s.QueryMem(t.Context()); err != nil || m.Total != 6*slabSize || m.Free != 0 {
		t.Errorf("%+v, %v", m, err)
	}
	wantNoMemory(t, b.s, 7)
	tick(d, 1)
	eventually(t, "two are back", mappedIs(d, 4))
	eventually(t, "they are counted", func() bool { return d.Status().Evictions == 2 })
	if e := d.Status().LastEviction; e.Why != "resize" || e.Urgent {
		t.Errorf("%+v", e)
	}
	tick(d, 2)
	if len(b.wasAsked()) != 2 || b.s.Err() != nil {
		t.Errorf("asked back %v, session %v", b.wasAsked(), b.s.Err())
	}
}

func TestResizeHeadRoom(t *testing.T) {
	d, h := lendOn(t, nil)
	b := borrow(t, d, dialConfig(control.NewUUID()), 1)
	if err := d.Resize(0, HeadRoom{Share: 0.5}); err != nil {
		t.Fatal(err)
	}
	if m := d.Status().Memory; m.HeadRoom != hostTotal/2 || m.Total != 16*slabSize {
		t.Errorf("%+v", m)
	}
	wantNoMemory(t, b.s, 1)
	if err := d.Resize(0, HeadRoom{Bytes: -1}); err != nil {
		t.Fatal(err)
	}
	mapSlab(t, b.s, 1, false)
	h.set(func() { h.left = 0 })
	tick(d, 3)
	if m := d.Status().Memory; m.HeadRoom != 0 || m.Mapped != 2*slabSize {
		t.Errorf("without headroom: %+v", m)
	}
	if err := d.Resize(8*slabSize, HeadRoom{}); err != nil || d.Status().Memory.HeadRoom != 0 {
		t.Errorf("%v, %+v", err, d.Status().Memory)
	}
}

func TestResizeRefuses(t *testing.T) {
	identity := authority(t)
	d, h := lendOn(t, func(c *Config) {
		c.Insecure, c.Identity = false, identity("donor-1")
		c.Allow = []Allowance{{Name: "a", Reserve: 8 * slabSize}}
	})
	for _, c := range []struct {
		name   string
		memory int64
		keep   HeadRoom
	}{
		{"nothing", 0, HeadRoom{}},
		{"negative", -slabSize, HeadRoom{}},
		{"less than a slab", 1, HeadRoom{}},
		{"more than the machine has", hostTotal, HeadRoom{}},
		{"more than the headroom leaves", hostTotal - testHeadRoom + 1, HeadRoom{}},
		{"headroom above memory", 0, HeadRoom{Bytes: 2 * hostTotal}},
		{"all for headroom", 0, HeadRoom{Share: 1}},
		{"two headrooms", 0, HeadRoom{Bytes: 1, Share: 0.5}},
		{"less than is reserved", 4 * slabSize, HeadRoom{}},
	} {
		if err := d.Resize(c.memory, c.keep); !errors.Is(err, ErrConfig) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	h.set(func() { h.fail = errFault })
	if err := d.Resize(8*slabSize, HeadRoom{}); !errors.Is(err, errFault) {
		t.Errorf("memory that cannot be told: %v", err)
	}
	if m := d.Status().Memory; m.Total != 16*slabSize || m.HeadRoom != testHeadRoom {
		t.Errorf("a refused resize changed %+v", m)
	}
}

func TestHeadRoom(t *testing.T) {
	for _, c := range []struct {
		keep HeadRoom
		want int64
	}{
		{HeadRoom{}, 8 << 30}, {HeadRoom{Bytes: 5}, 5}, {HeadRoom{Bytes: -1}, 0}, {HeadRoom{Share: 0.25}, 16 << 30},
	} {
		if got := c.keep.of(64 << 30); got != c.want {
			t.Errorf("%+v: %d", c.keep, got)
		}
	}
}

// fixed is a machine whose memory does not change.
type fixed memory.Sample

func (f fixed) Sample() (memory.Sample, error) { return memory.Sample(f), nil }

// TestHeadRoomAtStart: the memory to lend and the headroom must fit into the machine together.
func TestHeadRoomAtStart(t *testing.T) {
	cfg := testConfig()
	cfg.Sampler = fixed{Available: 32 * slabSize, Total: 32 * slabSize}
	for _, c := range []struct {
		memory int64
		keep   HeadRoom
		fits   bool
	}{
		{28 * slabSize, HeadRoom{}, true},
		{28*slabSize + 1, HeadRoom{}, false},
		{31 * slabSize, HeadRoom{Bytes: -1}, true},
		{16 * slabSize, HeadRoom{Share: 0.5}, true},
		{17 * slabSize, HeadRoom{Share: 0.5}, false},
		{16 * slabSize, HeadRoom{Bytes: 1 << 62}, false},
		{16 * slabSize, HeadRoom{Share: -0.1}, false},
	} {
		cfg.Memory, cfg.HeadRoom = c.memory, c.keep
		err := cfg.Validate()
		if c.fits != (err == nil) || err != nil && !errors.Is(err, ErrConfig) {
			t.Errorf("%+v: %v", c, err)
		}
	}
}
