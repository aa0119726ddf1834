package mover

import (
	"testing"

	"github.com/farswap/farswap/verbs"
)

// newOrders has donors lend every slab under one key.
func newOrders(key verbs.Key) *orders {
	return &orders{wake: make(chan struct{}, 1), key: func(int, uint16) verbs.Key { return key }}
}

// TestOrdersAboutOtherGrants: an order about what a donor lent before is not the order
// that it gives now. The same order twice is one.
func TestOrdersAboutOtherGrants(t *testing.T) {
	l := newOrders(7)
	l.add(order{slab: 1, donor: 2, key: 6})
	l.giveBack(2, []uint32{1}, false)
	if n := l.pending(); n != 2 {
		t.Fatalf("%d orders, want the old and the new one", n)
	}
	l.giveBack(2, []uint32{1, 1}, true)
	if n := l.pending(); n != 2 || l.waiting[0].urgent || !l.waiting[1].urgent {
		t.Errorf("%d orders: %+v", n, l.waiting)
	}
	o, ok := l.next()
	if !ok || o.key != 0 || !o.urgent {
		t.Fatalf("the urgent order is not the first: %+v", o)
	}
	if key, there := l.means(o); key != 7 || !there {
		t.Errorf("it is about key %d, there: %t", key, there)
	}
	l.finished()
	if o, _ = l.next(); o.key != 6 {
		t.Errorf("the old order is gone: %+v", o)
	}
	if key, there := l.means(o); key != 6 || there {
		t.Errorf("it is about key %d, there: %t", key, there)
	}
}

// TestUrgentOrdersDisplace: a calm order makes way for an urgent one, an urgent one does
// not; a calm order that becomes urgent is hurried.
func TestUrgentOrdersDisplace(t *testing.T) {
	for _, urgent := range []bool{false, true} {
		l := newOrders(7)
		l.giveBack(1, []uint32{1}, urgent)
		if _, ok := l.next(); !ok {
			t.Fatal("no order")
		}
		now := l.current()
		l.giveBack(2, []uint32{2}, true)
		select {
		case <-now.displaced:
			if urgent {
				t.Error("an urgent order makes way")
			}
		default:
			if !urgent {
				t.Error("a calm order does not make way")
			}
		}
		l.giveBack(1, []uint32{1}, true)
		select {
		case <-now.hurried:
		default:
			t.Error("the order under way is not hurried")
		}
		if n := l.pending(); n != 2 {
			t.Errorf("%d orders, want 2", n)
		}
	}
}

// TestSlowDonorAsksForItsMemory: memory is kept for test reads only until the donor wants
// it back.
func TestSlowDonorAsksForItsMemory(t *testing.T) {
	l := newOrders(7)
	l.leave(1, 2)
	l.leave(1, 2)
	if n := l.leaving(); n != 1 {
		t.Fatalf("%d slabs leave, want 1", n)
	}
	l.next()
	keep := func() bool { return true }
	if !l.ifSlow(keep) || l.leaving() != 1 {
		t.Error("the donor is not slow any more")
	}
	l.giveBack(2, []uint32{1}, false)
	if l.ifSlow(keep) || l.leaving() != 0 {
		t.Error("the donor does not get its memory back")
	}
}
