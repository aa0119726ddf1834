package slabmap

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// model is the map as one would write it without a care for size, threads or
// tags: it knows of each remote copy under which life of the slab it was
// written.
type model struct {
	pages map[int64]*modelPage
	slabs map[int]*modelSlab
}

type modelPage struct {
	written          bool
	crc              uint32
	remoteLife       uint64 // 0: none
	backing          bool
	writing, pending bool
	restoring        bool   // pending because of a restore
	seal             Seal   // of the last content that was recorded
	given            uint64 // counter of the write that is under way, 0: it has not asked
}

type modelSlab struct {
	state    State
	donor    uint16
	life     uint64   // moves whenever the remote copies change their donor
	lives    uint64   // so far
	oldLife  uint64   // of what a migrating slab has at its old donor
	oldDonor uint16   // while migrating
	epoch    uint64   // as the map said
	inflight []uint64 // epochs of the operations counted in
}

// begin starts a new life: all copies so far are void.
func (s *modelSlab) begin() {
	s.lives++
	s.life, s.oldLife = s.lives, 0
}

func (s *modelSlab) holds() bool {
	return s.state == Mapped || s.state == Migrating || s.state == Draining
}

// under counts the operations whose epoch is epoch modulo 2.
func (s *modelSlab) under(epoch uint64) int {
	n := 0
	for _, e := range s.inflight {
		if e&1 == epoch&1 {
			n++
		}
	}
	return n
}

func (d *model) view(page int64, slab int) View {
	p, s := d.pages[page], d.slabs[slab]
	v := View{CRC: p.crc, Writing: p.writing, Pending: p.pending, Epoch: s.epoch, Seal: p.seal}
	if p.backing {
		v.Place = Backing
	}
	if p.remoteLife != 0 && s.holds() && (p.remoteLife == s.life || p.remoteLife == s.oldLife) {
		v.Place |= Remote
		v.Old = p.remoteLife == s.oldLife
	}
	v.Lost = p.written && v.Place == None && !p.pending
	return v
}

// history drives a map and its model side by side.
type history struct {
	g    Geometry
	mem  []byte
	m    *Map
	d    model
	some []int64 // the pages that take part: at the edges of slabs
	used map[nonce]bool
}

// nonce is what no two contents may be sealed under.
type nonce struct {
	page    int64
	counter uint64
}

func newHistory(t *rapid.T) *history {
	h := &history{g: Geometry{Size: MinSlabSize + PageSize, SlabSize: MinSlabSize}, d: model{map[int64]*modelPage{}, map[int]*modelSlab{}}, used: map[nonce]bool{}}
	h.g.Sealed = rapid.Bool().Draw(t, "sealed")
	h.m, h.mem = newMap(t, h.g)
	for i := range h.g.Slabs() {
		first, end := h.g.PageRange(i)
		h.some = append(h.some, first, end-1)
		// Near the wrap of tags, so that histories cross it.
		epoch := rapid.SampledFrom([]uint64{0, 0, maxTag - 5, maxTag - 2, maxTag}).Draw(t, "epoch")
		h.m.slabs[i].word.Store(uint64(packSlab(Unmapped, 0, epoch)))
		h.d.slabs[i] = &modelSlab{epoch: epoch, life: 1, lives: 1}
	}
	h.some = slices.Compact(h.some)
	for _, p := range h.some {
		h.d.pages[p] = &modelPage{}
	}
	return h
}

func (h *history) page(t *rapid.T) (int64, *modelPage, int, *modelSlab) {
	page := rapid.SampledFrom(h.some).Draw(t, "page")
	slab := h.m.SlabOf(page)
	return page, h.d.pages[page], slab, h.d.slabs[slab]
}

func (h *history) slab(t *rapid.T) (int, *modelSlab) {
	i := rapid.IntRange(0, h.g.Slabs()-1).Draw(t, "slab")
	return i, h.d.slabs[i]
}

func (h *history) beginWrite(t *rapid.T) {
	page, p, _, _ := h.page(t)
	if ok := h.m.BeginWrite(page); ok == (p.writing || p.pending) {
		t.Fatalf("BeginWrite = %t", ok)
	}
	p.writing = p.writing || !p.pending
}

// sealPage has a write that is under way seal its page, which it does once.
func (h *history) sealPage(t *rapid.T) {
	if page, p, _, _ := h.page(t); p.writing {
		h.give(t, page, p)
	}
}

func (h *history) give(t *rapid.T, page int64, p *modelPage) {
	if !h.g.Sealed || p.given != 0 {
		return
	}
	counter, ok := h.m.NextCounter(page)
	if n := (nonce{page, counter}); !ok || counter == 0 || h.used[n] {
		t.Fatalf("counter %d of page %d, %t: used before: %t", counter, page, ok, h.used[n])
	}
	p.given = counter
	h.used[nonce{page, counter}] = true
}

func (h *history) endWrite(t *rapid.T) {
	page, p, _, s := h.page(t)
	if !p.writing {
		return
	}
	h.give(t, page, p)
	seal := Seal{}
	if h.g.Sealed {
		var tag [SealTagSize]byte
		copy(tag[:], rapid.SliceOfN(rapid.Byte(), SealTagSize, SealTagSize).Draw(t, "tag"))
		seal = NewSeal(p.given, tag)
	}
	w := Written{
		Seal:    seal,
		CRC:     rapid.Uint32().Draw(t, "crc"),
		Remote:  rapid.Bool().Draw(t, "remote"),
		Backing: rapid.Bool().Draw(t, "backing"),
		// Of the slab now, of before its move, or of a move that was aborted.
		Epoch: s.epoch + 1 - rapid.Uint64Range(0, min(2, s.epoch+1)).Draw(t, "age"),
	}
	w.Pending = w.Remote != w.Backing && rapid.Bool().Draw(t, "pending")
	h.m.EndWrite(page, w)
	*p = modelPage{written: true, crc: w.CRC, seal: seal, backing: w.Backing, pending: w.Pending, restoring: w.Pending && w.Backing}
	switch {
	case !w.Remote || !s.holds():
	case w.Epoch == s.epoch:
		p.remoteLife = s.life
	case s.state == Migrating && w.Epoch == s.epoch-1:
		p.remoteLife = s.oldLife
	}
}

func (h *history) abortWrite(t *rapid.T) {
	if page, p, _, _ := h.page(t); p.writing {
		if rapid.Bool().Draw(t, "sealed") {
			h.give(t, page, p)
		}
		h.m.AbortWrite(page)
		p.writing, p.given = false, 0
	}
}

// endCopy ends a claim as the mover does, which has copied the page to the slab's donor.
func (h *history) endCopy(t *rapid.T) {
	page, p, _, s := h.page(t)
	if !p.writing || p.given != 0 { // a copy seals nothing
		return
	}
	v := h.d.view(page, h.m.SlabOf(page))
	if moved := h.m.EndCopy(page, s.epoch); moved != v.Old {
		t.Fatalf("EndCopy = %t of %+v", moved, v)
	} else if moved {
		p.remoteLife = s.life
	}
	p.writing = false
}

func (h *history) endPending(t *rapid.T) {
	if page, p, _, _ := h.page(t); p.pending && !p.restoring {
		ok := rapid.Bool().Draw(t, "ok")
		h.m.EndPending(page, ok)
		p.pending, p.backing = false, ok
	}
}

func (h *history) beginRestore(t *rapid.T) {
	page, p, _, _ := h.page(t)
	v := h.m.Look(page)
	if ok := h.m.BeginRestore(page, v); ok != (v.Place != None && !p.writing && !p.pending) {
		t.Fatalf("BeginRestore = %t of %+v", ok, v)
	} else if ok {
		p.pending, p.restoring = true, true
	}
}

func (h *history) endRestore(t *rapid.T) {
	page, p, _, s := h.page(t)
	if !p.restoring {
		return
	}
	c := Restored{
		Backing: rapid.Bool().Draw(t, "backing"), Remote: rapid.Bool().Draw(t, "remote"),
		Epoch: s.epoch - rapid.Uint64Range(0, min(1, s.epoch)).Draw(t, "age"),
	}
	h.m.EndRestore(page, c)
	p.pending, p.restoring, p.backing = false, false, p.backing || c.Backing
	switch {
	case !c.Remote || !s.holds():
	case c.Epoch == s.epoch:
		p.remoteLife = s.life
	case s.state == Migrating:
		p.remoteLife = s.oldLife
	}
}

func (h *history) void(t *rapid.T) {
	page, p, _, _ := h.page(t)
	v := h.m.Look(page)
	bad := rapid.SampledFrom([]Place{Remote, Backing}).Draw(t, "bad")
	if ok := h.m.Void(page, v, bad); ok != (v.Place == Remote|Backing && !p.writing && !p.pending) {
		t.Fatalf("Void(%v) = %t of %+v", bad, ok, v)
	} else if !ok {
		return
	}
	if bad == Remote {
		p.remoteLife = 0
	} else {
		p.backing = false
	}
}

func (h *history) discard(t *rapid.T) {
	page, p, _, _ := h.page(t)
	ok := h.m.Discard(page)
	if ok == (p.writing || p.pending) {
		t.Fatalf("Discard = %t", ok)
	}
	if ok {
		*p = modelPage{seal: p.seal} // the counter stays
	}
}

// epoch is the slab's, or sometimes one that is over.
func (h *history) epoch(t *rapid.T, s *modelSlab) (uint64, bool) {
	if rapid.IntRange(0, 9).Draw(t, "stale") == 0 {
		return s.epoch - 1, false
	}
	return s.epoch, true
}

func (h *history) beginMap(t *rapid.T) {
	i, s := h.slab(t)
	epoch, err := h.m.BeginMap(i)
	if (err == nil) != (s.state == Unmapped) {
		t.Fatalf("BeginMap of a slab %s: %v", s.state, err)
	}
	if err == nil {
		s.state, s.epoch = Mapping, epoch
		s.begin()
	}
	if err == nil && rapid.Bool().Draw(t, "complete") {
		s.state, s.donor = Mapped, 7
		must(t, h.m.CompleteMap(i, epoch, s.donor))
	}
}

func (h *history) change(t *rapid.T) {
	i, s := h.slab(t)
	e, now := h.epoch(t, s)
	in := func(states ...State) bool { return now && slices.Contains(states, s.state) }
	var want error
	expect := func(legal bool, err error) bool {
		switch {
		case want != nil:
			mustBe(t, err, want)
		case legal:
			must(t, err)
			return true
		default:
			mustBe(t, err, ErrTransition)
		}
		return false
	}
	switch rapid.IntRange(0, 8).Draw(t, "transition") {
	case 0:
		donor := rapid.Uint16().Draw(t, "donor")
		if expect(in(Mapping), h.m.CompleteMap(i, e, donor)) {
			s.state, s.donor = Mapped, donor
		}
	case 1:
		if expect(in(Mapping), h.m.AbortMap(i, e)) {
			s.state = Unmapped
		}
	case 2:
		if expect(in(Mapped), h.m.BeginDrain(i, e)) {
			s.state = Draining
		}
	case 3:
		failed, err := h.m.Fail(i, e)
		if expect(in(Mapped, Migrating, Draining), err) {
			s.state, s.epoch = Failed, failed
			s.begin()
		}
	case 4:
		if len(s.inflight) > 0 && in(Draining) {
			want = ErrBusy
		}
		if expect(in(Draining), h.m.EndDrain(i, e)) {
			s.state, s.donor = Unmapped, 0
			s.epoch++
			s.begin()
		}
	case 5:
		if len(s.inflight) > 0 && in(Failed) {
			want = ErrBusy
		}
		if expect(in(Failed), h.m.Release(i, e)) {
			s.state, s.donor = Unmapped, 0
			s.epoch++
			s.begin()
		}
	case 6:
		donor := rapid.Uint16().Draw(t, "donor")
		room := (s.epoch+1)&maxTag <= maxTag-lifeTags
		if s.under(e+1) > 0 && in(Mapped) && room {
			want = ErrBusy
		}
		moved, err := h.m.BeginMove(i, e, donor)
		if expect(in(Mapped) && room, err) {
			life := s.life
			s.begin()
			s.state, s.epoch, s.oldLife, s.oldDonor, s.donor = Migrating, moved, life, s.donor, donor
		}
	case 7:
		if expect(in(Migrating), h.m.EndMove(i, e)) {
			s.state, s.oldLife = Mapped, 0
		}
	case 8:
		donor := s.donor + uint16(rapid.IntRange(0, 1).Draw(t, "other"))
		before, err := h.m.AbortMove(i, e, donor)
		if expect(in(Migrating) && donor == s.donor, err) {
			s.state, s.epoch, s.donor = Mapped, before, s.oldDonor
			s.life, s.oldLife = s.oldLife, 0
		}
	}
}

func (h *history) acquire(t *rapid.T) {
	i, s := h.slab(t)
	want := s.state == Mapped || s.state == Migrating
	end := Slab{s.state, s.donor, s.epoch}
	acquire := h.m.Acquire
	switch rapid.IntRange(0, 2).Draw(t, "kind") {
	case 1:
		acquire = h.m.AcquireRead
		want = s.holds()
	case 2:
		acquire = h.m.AcquireOld
		want = s.state == Migrating
		end = Slab{s.state, s.oldDonor, s.epoch - 1}
	}
	got, ok := acquire(i)
	if ok != want || ok && got != end {
		t.Fatalf("%+v, %t from %+v", got, ok, *s)
	}
	if ok {
		s.inflight = append(s.inflight, got.Epoch)
	}
}

func (h *history) done(t *rapid.T) {
	if i, s := h.slab(t); len(s.inflight) > 0 {
		n := rapid.IntRange(0, len(s.inflight)-1).Draw(t, "operation")
		h.m.Done(i, s.inflight[n])
		s.inflight = slices.Delete(s.inflight, n, n+1)
	}
}

// restart gives the memory to a new server. The old one dies when some of its writes have sealed their pages.
func (h *history) restart(t *rapid.T) {
	for _, page := range h.some {
		if p := h.d.pages[page]; p.writing && rapid.Bool().Draw(t, "sealed") {
			h.give(t, page, p)
		}
	}
	m, err := New(h.g, h.mem)
	must(t, err)
	if !m.Recovered() {
		t.Fatalf("not recovered")
	}
	h.m = m
	for _, s := range h.d.slabs {
		s.inflight = nil
		if s.state == Mapping {
			s.state = Unmapped
		}
	}
	for _, p := range h.d.pages {
		p.writing, p.pending, p.restoring, p.given = false, false, false, 0
	}
}

func (h *history) compare(t *rapid.T) {
	var want Places
	lacking := int64(0)
	for _, page := range h.some {
		if p := h.d.pages[page]; p.written && !p.backing && (!p.pending || p.restoring) {
			lacking++
		}
		slab := h.m.SlabOf(page)
		v := h.m.Look(page)
		if h.m.Same(page, v) == v.Writing {
			t.Fatalf("page %d: same %t, though %+v", page, !v.Writing, v)
		}
		if !v.Zeros() != h.d.pages[page].written {
			t.Fatalf("page %d: zeros %t", page, v.Zeros())
		}
		v.word = 0
		if w := h.d.view(page, slab); v != w {
			t.Fatalf("page %d: %+v, want %+v", page, v, w)
		}
		switch {
		case v.Place == Remote:
			want.Remote++
		case v.Place == Remote|Backing:
			want.Both++
		case v.Place == Backing || v.Pending:
			want.Backing++
		case v.Lost:
			want.Lost++
		}
	}
	want.None = h.g.Pages() - want.Remote - want.Both - want.Backing - want.Lost
	if got := h.m.Count(); got != want {
		t.Fatalf("count %+v, want %+v", got, want)
	}
	if got := h.m.Lacking(); got != lacking {
		t.Fatalf("%d pages lack their backing copy, want %d", got, lacking)
	}
	for i, s := range h.d.slabs {
		for e := range uint64(2) {
			if n := h.m.InFlightUnder(i, e); n != s.under(e) {
				t.Fatalf("slab %d: %d in flight under epoch %d, want %d", i, n, e, s.under(e))
			}
		}
		got := h.m.Slab(i)
		if got.State != s.state || got.Epoch != s.epoch || (s.holds() || s.state == Failed) && got.Donor != s.donor {
			t.Fatalf("slab %d: %+v, want %+v", i, got, *s)
		}
	}
}

func TestHistoriesAgainstModel(t *testing.T) {
	// Each round is 100 histories of about 30 steps.
	for range 10 {
		rapid.Check(t, func(t *rapid.T) {
			h := newHistory(t)
			t.Repeat(map[string]func(*rapid.T){
				"beginWrite":   h.beginWrite,
				"sealPage":     h.sealPage,
				"endWrite":     h.endWrite,
				"abortWrite":   h.abortWrite,
				"endCopy":      h.endCopy,
				"endPending":   h.endPending,
				"beginRestore": h.beginRestore,
				"endRestore":   h.endRestore,
				"void":         h.void,
				"discard":      h.discard,
				"beginMap":     h.beginMap,
				"change":       h.change,
				"acquire":      h.acquire,
				"done":         h.done,
				"restart":      h.restart,
				"":             h.compare,
			})
		})
	}
}
