package slabmap

import (
	"testing"
)

func TestPageLife(t *testing.T) {
	const page, crc = 7, 0xdeadbeef
	type want struct {
		place                         Place
		crc                           uint32
		writing, pending, lost, zeros bool
	}
	type step struct {
		name string
		do   func(t *testing.T, m *Map, epoch *uint64)
		want want
	}
	begin := step{"begin", func(t *testing.T, m *Map, _ *uint64) {
		if !m.BeginWrite(page) || m.BeginWrite(page) || m.Discard(page) {
			t.Fatal("claimed by other than exactly one")
		}
	}, want{writing: true, zeros: true}}
	end := func(w Written, is want) step {
		return step{"end", func(_ *testing.T, m *Map, epoch *uint64) {
			w.Epoch, w.CRC = *epoch, crc
			m.EndWrite(page, w)
		}, is}
	}
	fail := func(is want) step {
		return step{"fail", func(t *testing.T, m *Map, epoch *uint64) {
			_, err := m.Fail(0, *epoch)
			must(t, err)
		}, is}
	}
	drain := func(is want) step {
		return step{"drain", func(t *testing.T, m *Map, epoch *uint64) { must(t, m.BeginDrain(0, *epoch)) }, is}
	}
	endPending := func(ok bool, is want) step {
		return step{"end pending", func(t *testing.T, m *Map, _ *uint64) {
			if m.BeginWrite(page) || m.Discard(page) {
				t.Fatal("a pending page was claimed")
			}
			m.EndPending(page, ok)
		}, is}
	}
	endLate := func(ok bool, is want) step {
		return step{"end late", func(t *testing.T, m *Map, epoch *uint64) {
			if m.BeginWrite(page) || m.Discard(page) {
				t.Fatal("a pending page was claimed")
			}
			m.EndRestore(page, Restored{Remote: ok, Epoch: *epoch})
		}, is}
	}
	discard := step{"discard", func(t *testing.T, m *Map, _ *uint64) {
		if !m.Discard(page) {
			t.Fatal("refused")
		}
	}, want{zeros: true}}
	for name, steps := range map[string][]step{
		"never written": {discard},
		"to the backing file": {
			begin,
			end(Written{Backing: true}, want{place: Backing, crc: crc}),
			fail(want{place: Backing, crc: crc}),
			discard,
		},
		"to both": {
			begin,
			end(Written{Backing: true, Remote: true}, want{place: Remote | Backing, crc: crc}),
			drain(want{place: Remote | Backing, crc: crc}),
			fail(want{place: Backing, crc: crc}),
		},
		"remote first": {
			begin,
			end(Written{Remote: true, Pending: true}, want{place: Remote, crc: crc, pending: true}),
			endPending(true, want{place: Remote | Backing, crc: crc}),
			discard,
		},
		"remote first, donor lost, then saved": {
			begin,
			end(Written{Remote: true, Pending: true}, want{place: Remote, crc: crc, pending: true}),
			fail(want{crc: crc, pending: true}),
			endPending(true, want{place: Backing, crc: crc}),
		},
		"remote first, both lost": {
			begin,
			end(Written{Remote: true, Pending: true}, want{place: Remote, crc: crc, pending: true}),
			endPending(false, want{place: Remote, crc: crc}),
			fail(want{crc: crc, lost: true}),
			discard,
		},
		"backing file first": {
			begin,
			end(Written{Backing: true, Pending: true}, want{place: Backing, crc: crc, pending: true}),
			endLate(true, want{place: Remote | Backing, crc: crc}),
			discard,
		},
		"backing file first, and only": {
			begin,
			end(Written{Backing: true, Pending: true}, want{place: Backing, crc: crc, pending: true}),
			endLate(false, want{place: Backing, crc: crc}),
		},
		"backing file first, then donor lost": {
			begin,
			end(Written{Backing: true, Pending: true}, want{place: Backing, crc: crc, pending: true}),
			fail(want{place: Backing, crc: crc, pending: true}),
			endLate(true, want{place: Backing, crc: crc}),
		},
		"donor lost before the end of the write": {
			begin,
			fail(want{writing: true, zeros: true}),
			end(Written{Remote: true, Pending: true}, want{crc: crc, pending: true}),
			endPending(true, want{place: Backing, crc: crc}),
		},
		"remote only, donor lost": {
			begin,
			end(Written{Remote: true}, want{place: Remote, crc: crc}),
			fail(want{crc: crc, lost: true}),
		},
		"nowhere": {begin, end(Written{}, want{crc: crc, lost: true})},
		"aborted": {
			begin,
			{"abort", func(_ *testing.T, m *Map, _ *uint64) { m.AbortWrite(page) }, want{zeros: true}},
		},
		"aborted over a copy": {
			begin,
			end(Written{Backing: true}, want{place: Backing, crc: crc}),
			{"begin", func(_ *testing.T, m *Map, _ *uint64) { m.BeginWrite(page) }, want{place: Backing, crc: crc, writing: true}},
			{"abort", func(_ *testing.T, m *Map, _ *uint64) { m.AbortWrite(page) }, want{place: Backing, crc: crc}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			m, _ := newMap(t, small)
			epoch := mapped(t, m, 0, 3)
			for i, s := range steps {
				s.do(t, m, &epoch)
				v := m.Look(page)
				if got := (want{v.Place, v.CRC, v.Writing, v.Pending, v.Lost, v.Zeros()}); got != s.want {
					t.Fatalf("step %d, %s: %+v, want %+v", i, s.name, got, s.want)
				}
				if w := pageWord(m.pages[page].Load()); !w.legal() {
					t.Fatalf("step %d, %s: word %#x would be refused by New", i, s.name, uint64(w))
				}
			}
		})
	}
}

func TestSame(t *testing.T) {
	const page = 3
	rewrite := func(w Written) func(*testing.T, *Map, uint64) {
		return func(t *testing.T, m *Map, epoch uint64) {
			w.Epoch = epoch
			write(t, m, page, w)
		}
	}
	for _, c := range []struct {
		name string
		do   func(*testing.T, *Map, uint64)
		same bool
	}{
		{"nothing", func(*testing.T, *Map, uint64) {}, true},
		{"drained", func(t *testing.T, m *Map, e uint64) { must(t, m.BeginDrain(0, e)) }, true},
		{"failed", func(t *testing.T, m *Map, e uint64) { _, err := m.Fail(0, e); must(t, err) }, false},
		{"write begun", func(_ *testing.T, m *Map, _ uint64) { m.BeginWrite(page) }, false},
		{"rewritten alike", rewrite(Written{CRC: 1, Remote: true, Backing: true}), false},
		{"rewritten", rewrite(Written{CRC: 2, Remote: true, Backing: true}), false},
		{"aborted", func(_ *testing.T, m *Map, _ uint64) { m.BeginWrite(page); m.AbortWrite(page) }, false},
		{"discarded", func(_ *testing.T, m *Map, _ uint64) { m.Discard(page) }, false},
		{"another page", func(t *testing.T, m *Map, e uint64) { write(t, m, page+1, Written{CRC: 9}) }, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			m, _ := newMap(t, small)
			epoch := mapped(t, m, 0, 3)
			write(t, m, page, Written{CRC: 1, Remote: true, Epoch: epoch, Backing: true})
			v := m.Look(page)
			c.do(t, m, epoch)
			if m.Same(page, v) != c.same {
				t.Fatalf("Same is %t", !c.same)
			}
		})
	}
}

func TestMisuse(t *testing.T) {
	m, _ := newMap(t, small)
	mustPanic(t, func() { m.EndWrite(0, Written{}) })
	mustPanic(t, func() { m.AbortWrite(0) })
	mustPanic(t, func() { m.EndPending(0, true) })
	mustPanic(t, func() { m.Done(0, 1) })
	mustPanic(t, func() { m.Look(small.Pages()) })
}

func TestPlaceNames(t *testing.T) {
	for p, name := range map[Place]string{
		None: "none", Remote: "remote", Backing: "backing", Remote | Backing: "both", 4: "invalid",
	} {
		if p.String() != name {
			t.Errorf("%d is %q, want %q", p, p, name)
		}
	}
}

func TestCount(t *testing.T) {
	m, _ := newMap(t, small)
	epoch := mapped(t, m, 0, 3)
	write(t, m, 0, Written{Remote: true, Epoch: epoch})
	write(t, m, 1, Written{Remote: true, Epoch: epoch, Pending: true})
	write(t, m, 2, Written{Remote: true, Epoch: epoch, Backing: true})
	write(t, m, 3, Written{Backing: true})
	write(t, m, small.Pages()-1, Written{Backing: true})
	per := small.PagesPerSlab()
	if got, want := m.CountSlab(0), (Places{Remote: 2, Both: 1, Backing: 1, None: per - 4}); got != want {
		t.Errorf("slab 0: %+v, want %+v", got, want)
	}
	if got, want := m.CountSlab(2), (Places{Backing: 1}); got != want {
		t.Errorf("slab 2: %+v, want %+v", got, want)
	}
	_, err := m.Fail(0, epoch)
	must(t, err)
	if got, want := m.Count(), (Places{Backing: 4, Lost: 1, None: small.Pages() - 5}); got != want {
		t.Errorf("after the failure: %+v, want %+v", got, want)
	}
}
