package netlimit

import (
	"net/netip"
	"testing"
	"time"
)

// lobbyRig is a lobby whose connections are numbers.
type lobbyRig struct {
	*lobby
	t     *testing.T
	now   time.Time
	known map[Origin]bool
}

func newLobbyRig(t *testing.T, l Limits) *lobbyRig {
	r := &lobbyRig{t: t, now: time.Unix(1, 0), known: map[Origin]bool{}}
	r.lobby = newLobby(l, func(o Origin) bool { return r.known[o] })
	return r
}

func from(address string) Origin { return originOf(netip.MustParseAddr(address)) }

// come lets a connection wait, and checks which one has to go; 0: none.
func (r *lobbyRig) come(address string, number, victim int) {
	r.t.Helper()
	got, full := r.add(socket{fd: number}, from(address), uint64(number))
	if full != (victim != 0) || got.fd != victim {
		r.t.Errorf("when %d comes, %d has to go (%v), want %d", number, got.fd, full, victim)
	}
}

// want checks who is let in now, and that nobody else is.
func (r *lobbyRig) want(numbers ...int) {
	r.t.Helper()
	for _, want := range numbers {
		if a, ok := r.next(r.now); !ok || a.fd != want {
			r.t.Errorf("%d is let in (%v), want %d", a.fd, ok, want)
		}
	}
	if a, ok := r.next(r.now); ok {
		r.t.Errorf("%d is let in, want nobody", a.fd)
	}
}

// Origins take turns, and of one origin the newest goes first. So a peer does not wait behind a stranger's many.
func TestOriginsTakeTurns(t *testing.T) {
	r := newLobbyRig(t, Limits{Unproven: 100, PerOrigin: 100, PerSecond: 10, AtOnce: 3})
	for i := range 20 {
		r.come("10.0.0.1", 1+i, 0)
	}
	r.come("10.0.0.2", 50, 0)
	r.want(20, 50, 19)
	r.now = r.now.Add(250 * time.Millisecond)
	r.want(18, 17)
	r.now = r.now.Add(time.Hour)
	r.want(16, 15, 14) // no more at once, however long it was quiet
}

// Known origins go before others, and do not use up what others have.
func TestKnownOriginsGoFirst(t *testing.T) {
	r := newLobbyRig(t, Limits{Unproven: 100, PerOrigin: 100, PerSecond: 10, AtOnce: 2})
	r.known[from("10.0.0.2")] = true
	for i := range 5 {
		r.come("10.0.0.1", 1+i, 0)
	}
	r.want(5, 4)
	for i := range 3 {
		r.come("10.0.0.2", 50+i, 0)
	}
	r.want(52, 51)
	r.now = r.now.Add(100 * time.Millisecond)
	r.want(50, 3)
}

// Who waits is bounded, and those with most make room.
func TestTheLobbyIsBounded(t *testing.T) {
	r := newLobbyRig(t, Limits{Unproven: 5, PerOrigin: 3, PerSecond: 1, AtOnce: 1})
	r.come("10.0.0.1", 1, 0)
	r.come("10.0.0.1", 2, 0)
	r.come("10.0.0.1", 3, 0)
	r.come("10.0.0.1", 4, 1)
	r.come("10.0.0.2", 5, 0)
	r.come("10.0.0.3", 6, 0)
	r.come("10.0.0.4", 7, 2) // the lobby is full
	r.come("10.0.0.5", 8, 3)
	r.come("10.0.0.6", 9, 4) // now each has one
	if got := len(r.takeAll()); got != 5 || r.waiting != 0 {
		t.Errorf("%d were taken out, and %d are left, want 5 and none", got, r.waiting)
	}
	r.come("10.0.0.7", 10, 0)
	r.want(10)
}

// Without a pace nobody waits.
func TestWithoutPace(t *testing.T) {
	r := newLobbyRig(t, Limits{Unproven: 5, PerOrigin: 5})
	r.come("10.0.0.1", 1, 0)
	r.come("10.0.0.1", 2, 0)
	r.want(2, 1)
}
