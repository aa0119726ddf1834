package tcp

import (
	"errors"
	"net"
	"slices"
	"testing"
	"time"

	"github.com/farswap/farswap/verbs"
)

// The own process stands still for longer than the timeout, and the replies come
// meanwhile. The deadline is looked at before the first pass after it.
func TestOwnPauseIsNotThePeers(t *testing.T) {
	r := newRig(t, Config{Threads: 1}, verbs.QPConfig{})
	const timeout = 40 * time.Millisecond
	qp := r.connect(t, verbs.QPConfig{Timeout: timeout}, nil)
	for range 5 {
		for i := range 4 {
			wr := r.read(r.local[:page], 0)
			wr.ID = uint64(i)
			if err := qp.Post(&wr); err != nil {
				t.Fatal(err)
			}
		}
		qp.Doorbell()
		qp.Tick(r.loop.Now())
		if err := r.loop.Ring().Submit(); err != nil { // sends, and takes nothing up
			t.Fatal(err)
		}
		time.Sleep(3 * timeout) // the pause
		r.loop.Refresh()
		qp.Tick(r.loop.Now())
		if got := r.collect(t, qp, 4); !slices.Equal(got, ok(4)) {
			t.Fatalf("%v: %v", got, qp.Err())
		}
	}
}

// A peer that is silent is found in spite of pauses.
func TestSilenceIsFoundBesidePauses(t *testing.T) {
	r := newRig(t, Config{Threads: 1}, verbs.QPConfig{})
	const timeout = 20 * time.Millisecond
	qp := r.connectTo(t, impostor(t, r, func(net.Conn) {}), verbs.QPConfig{Timeout: timeout})
	wr := r.read(r.local[:page], 0)
	if err := qp.Post(&wr); err != nil {
		t.Fatal(err)
	}
	qp.Doorbell()
	r.wait(t, "timeout", func() bool {
		time.Sleep(2 * timeout)
		r.loop.Refresh()
		qp.Tick(r.loop.Now())
		return qp.State() == verbs.StateError
	})
	if !errors.Is(qp.Err(), verbs.ErrTimeout) {
		t.Error(qp.Err())
	}
}
