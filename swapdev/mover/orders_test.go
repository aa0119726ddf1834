package mover

import (
	"testing"
	"time"

	"github.com/farswap/farswap/verbs"
)

// newOrders has donors lend every slab under one key.
func newOrders(key verbs.Key) *orders {
	return &orders{
		wake: make(chan struct{}, 1), key: func(int, uint16) verbs.Key { return key },
		losses: func(uint16) uint64 { return 0 },
	}
}

// begin begins the next order.
func (l *orders) begin(t *testing.T) *underWay {
	t.Helper()
	u, _ := l.next(time.Now())
	if u == nil {
		t.Fatal("no order can begin")
	}
	return u
}

// end ends an order, for good or not.
func (l *orders) end(u *underWay, again bool) {
	l.finished(u, func(o order) (order, bool) { return o, again })
}

// TestOrdersAboutOtherGrants: an order about what a donor lent before is not the order
// that it gives now. The same order twice is one.
func TestOrdersAboutOtherGrants(t *testing.T) {
	l := newOrders(7)
	l.handBack(1, 2, 6)
	l.giveBack(2, []uint32{1}, false)
	if n := l.pending(); n != 2 {
		t.Fatalf("%d orders, want the old and the new one", n)
	}
	l.giveBack(2, []uint32{1, 1}, true)
	if n := l.pending(); n != 2 || l.waiting[0].urgent || !l.waiting[1].urgent {
		t.Errorf("%d orders: %+v", n, l.waiting)
	}
	u := l.begin(t)
	if u.key != 0 || !u.urgent {
		t.Fatalf("the urgent order is not the first: %+v", u.order)
	}
	if key, there := l.means(u); key != 7 || !there {
		t.Errorf("it is about key %d, there: %t", key, there)
	}
	l.end(u, false)
	if u = l.begin(t); u.key != 6 {
		t.Errorf("the old order is gone: %+v", u.order)
	}
	if key, there := l.means(u); key != 6 || there {
		t.Errorf("it is about key %d, there: %t", key, there)
	}
}

// TestUrgentOrdersDisplace: a calm order makes way for an urgent one of the same donor or
// about the same slab, an urgent one does not; a calm order that becomes urgent is hurried.
func TestUrgentOrdersDisplace(t *testing.T) {
	for _, tt := range []struct {
		donor, slab int // of the later order; the earlier is about slab 1 of donor 1
		urgent      bool
		makesWay    bool
	}{
		{donor: 1, slab: 2, makesWay: true},
		{donor: 2, slab: 1, makesWay: true},
		{donor: 2, slab: 2},
		{donor: 1, slab: 2, urgent: true},
	} {
		l := newOrders(7)
		l.giveBack(1, []uint32{1}, tt.urgent)
		u := l.begin(t)
		l.giveBack(uint16(tt.donor), []uint32{uint32(tt.slab)}, true)
		other, _ := l.next(time.Now())
		if blocked := tt.donor == 1 || tt.slab == 1; blocked != (other == nil) {
			t.Errorf("%+v: the later order begins: %t", tt, other != nil)
		}
		select {
		case <-u.displaced:
			if !tt.makesWay {
				t.Errorf("%+v: the order makes way", tt)
			}
		default:
			if tt.makesWay {
				t.Errorf("%+v: the order does not make way", tt)
			}
		}
		l.giveBack(1, []uint32{1}, true)
		select {
		case <-u.hurried:
		default:
			t.Errorf("%+v: the order under way is not hurried", tt)
		}
		if n := l.pending(); n != 2 {
			t.Errorf("%+v: %d orders, want 2", tt, n)
		}
	}
}

// TestOrdersThatPause: an order that waits for its time lets others go first, calm ones too,
// and the mover learns when its time comes.
func TestOrdersThatPause(t *testing.T) {
	l := newOrders(7)
	l.giveBack(1, []uint32{1}, true)
	l.giveBack(1, []uint32{2}, false)
	now := time.Now()
	u, _ := l.next(now)
	l.finished(u, func(o order) (order, bool) {
		o.after = now.Add(time.Minute)
		return o, true
	})
	calm, _ := l.next(now)
	if calm == nil || calm.slab != 2 {
		t.Fatalf("%+v goes first", calm)
	}
	if u, wait := l.next(now.Add(time.Second)); u != nil || wait != 59*time.Second {
		t.Errorf("%+v begins, or after %v", u, wait)
	}
	select {
	case <-calm.displaced:
		t.Error("an order makes way for one that cannot begin yet")
	default:
	}
	if u, wait := l.next(now.Add(time.Minute)); u != nil || wait != 0 {
		t.Errorf("%+v begins, or after %v", u, wait)
	}
	<-calm.displaced
	l.end(calm, true)
	if u, _ = l.next(now.Add(time.Minute)); u == nil || u.slab != 1 {
		t.Errorf("%+v goes first", u)
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
	u := l.begin(t)
	keep := func() bool { return true }
	if !l.ifSlow(u, keep) || l.leaving() != 1 {
		t.Error("the donor is not slow any more")
	}
	l.giveBack(2, []uint32{1}, false)
	if l.ifSlow(u, keep) || l.leaving() != 0 {
		t.Error("the donor does not get its memory back")
	}
}
