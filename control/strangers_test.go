package control

import (
	"errors"
	"fmt"
	"net"
	"sync/atomic"
	"testing"
	"time"
)

// Idle connections of a stranger, more than there are places, keep no device out: also a device at the
// same address opens a session.
func TestIdleStrangersShutNobodyOut(t *testing.T) {
	ca := newCA(t)
	donor := &donorStub{handler: HandlerFunc(lender)}
	patient := quick
	patient.Handshake = time.Minute // no stranger leaves because of its deadline
	st := serveOn(t, donor, ListenConfig{Identity: identity(t, ca, "donor-1", "127.0.0.1"), Timing: patient})
	var idle []net.Conn
	defer func() {
		for _, c := range idle {
			_ = c.Close()
		}
	}()
	for range 1500 {
		c, err := net.DialTimeout("tcp", st.addr, time.Minute)
		if err == nil { // else a newer one had its place before it knew
			idle = append(idle, c)
		}
	}
	cfg := dialConfig()
	cfg.Insecure, cfg.Identity, cfg.Handler, cfg.Timing = false, identity(t, ca, "device-1"), HandlerFunc(activity), patientTiming
	exercise(t, mustDial(t, st.addr, cfg), donor.session())
}

// Strangers who come fast cost no more handshakes than the donor wants to pay for.
func TestHandshakesPerSecondAreBounded(t *testing.T) {
	ca := newCA(t)
	var rejected atomic.Int64
	st := serveOn(t, &donorStub{}, ListenConfig{
		Identity: identity(t, ca, "donor-1", "127.0.0.1"), Timing: patientTiming,
		Rejected: func(string, error) { rejected.Add(1) },
	})
	begun := time.Now()
	for range 600 {
		c, err := net.DialTimeout("tcp", st.addr, time.Minute)
		if err != nil {
			continue
		}
		_, _ = c.Write([]byte("no TLS at all"))
		_ = c.Close()
	}
	took := time.Since(begun)
	if got, most := rejected.Load(), int64(handshakes.AtOnce)+int64(took.Seconds()*float64(handshakes.PerSecond))+1; got > most {
		t.Errorf("%d handshakes in %v, want %d at most", got, took, most)
	}
	cfg := dialConfig()
	cfg.Insecure, cfg.Identity, cfg.Timing = false, identity(t, ca, "device-1"), patientTiming
	mustDial(t, st.addr, cfg)
}

// One identity cannot take all sessions.
func TestSessionsOfOneIdentityAreBounded(t *testing.T) {
	ca := newCA(t)
	st := serveOn(t, &donorStub{}, ListenConfig{Identity: identity(t, ca, "donor-1", "127.0.0.1"), Timing: patientTiming})
	greedy, modest := dialConfig(), dialConfig()
	greedy.Insecure, greedy.Identity, greedy.Timing = false, identity(t, ca, "greedy"), patientTiming
	modest.Insecure, modest.Identity, modest.Timing = false, identity(t, ca, "modest"), patientTiming
	for range maxSessionsOfName {
		greedy.Device = NewUUID()
		mustDial(t, st.addr, greedy)
	}
	greedy.Device = NewUUID()
	if s, err := Dial(t.Context(), st.addr, greedy); err == nil {
		_ = s.Close()
		t.Error("one session more")
	} else if !errors.Is(err, ErrBusy) {
		t.Error(fmt.Errorf("one session more: %w", err))
	}
	mustDial(t, st.addr, modest)
}

// patientTiming gives a slow machine time.
var patientTiming = Timing{Handshake: time.Minute, Ping: time.Second, Missed: 60, Call: time.Minute}
