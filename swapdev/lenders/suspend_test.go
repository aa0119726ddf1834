package lenders

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/farswap/farswap/control"
	"github.com/farswap/farswap/swapdev/journal"
	"github.com/farswap/farswap/verbs"
)

// slowDevice makes connections to a donor that takes its time, as long as the caller has it.
type slowDevice struct {
	verbs.Device // not used
	takes        time.Duration
	attempts     int
}

func (d *slowDevice) Connect(ctx context.Context, _ string, _ verbs.Credential, _ verbs.QPConfig) (verbs.Conn, error) {
	d.attempts++
	select {
	case <-time.After(d.takes):
		return nil, nil
	case <-ctx.Done():
		return nil, fmt.Errorf("connect: %w", ctx.Err())
	}
}

// anyQueue takes every connection.
type anyQueue struct{ Queue }

func (anyQueue) Index() int                                    { return 0 }
func (anyQueue) Attach(uint16, verbs.Conn, chan<- error) error { return nil }

// TestRegainSlow has donors that take long to accept a connection. One that needs less than
// the longest attempt is regained within the grace time; one that needs more is lost at its
// end, and not before.
func TestRegainSlow(t *testing.T) {
	const grace = 30 * time.Second
	broken := errors.New("broken")
	for takes, lost := range map[time.Duration]bool{time.Second: false, 4 * time.Second: false, 9 * time.Second: false, 11 * time.Second: true} {
		t.Run(takes.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				device := &slowDevice{takes: takes}
				d, k := &Donor{state: StateUp}, &link{queue: anyQueue{}}
				l := &Lenders{cfg: Config{Grace: grace, Journal: &journal.Journal{}}}
				begun := time.Now()
				err := l.regain(t.Context(), d, grace, broken, func(ctx context.Context) error {
					return l.connectQueue(ctx, d, k, way{device: device})
				})
				took := time.Since(begun)
				if lost {
					if !errors.Is(err, broken) || took != grace {
						t.Errorf("%v after %v, want the loss after %v", err, took, grace)
					}
					return
				}
				if err != nil || took >= grace {
					t.Errorf("%v after %v and %d attempts", err, took, device.attempts)
				}
			})
		})
	}
}

// TestRotatedDonorMayAnswerLate: a donor whose authority was replaced, or whose certificate has ended, may
// have another one, until it has answered. One that is revoked or not accepted any more is left at once.
func TestRotatedDonorMayAnswerLate(t *testing.T) {
	late := fmt.Errorf("donor: %w", control.ErrTimeout)
	for _, c := range []struct {
		untrusted, attempt error
		want               bool
	}{
		{control.ErrUntrusted, late, true},
		{control.ErrExpired, late, true},
		{control.ErrUntrusted, control.ErrUntrusted, false},
		{control.ErrExpired, control.ErrExpired, false},
		{control.ErrRevoked, late, false},
		{control.ErrRefused, late, false},
	} {
		if got := mayRenew(fmt.Errorf("donor a: %w", c.untrusted), c.attempt); got != c.want {
			t.Errorf("%v, then %v: may have a better certificate: %v", c.untrusted, c.attempt, got)
		}
	}
}
