package donor

import (
	"errors"
	"time"

	"github.com/farswap/farswap/control"
)

// takeoverTime is how long a device that was lost without a goodbye counts as one that comes back: a
// new server takes over within a second if it stands by, and within some seconds if a person
// starts it. The time begins again with each new session of the device, but a recovery ends after
// longestRecovery such times in any case, so that a device whose servers die again and again
// does not keep its slabs for ever.
const (
	takeoverTime    = 30 * time.Second
	longestRecovery = 4
)

// recovery is the time in which the slabs of a device that it has not claimed yet count like mapped
// ones. It begins when the device is lost without a goodbye, or when it opens a session while the
// donor holds slabs of it. It ends when none of them is without a key. Like the fields of device,
// it changes with device.op and Donor.mu held.
type recovery struct {
	since time.Time // zero: there is none
	until time.Time
}

// under reports whether the recovery is under way.
func (r recovery) under(now time.Time) bool { return now.Before(r.until) }

// mayReturn reports whether a device whose session ends for a reason is likely to come back at once:
// its server has died or its network is down, or another server has taken over.
func mayReturn(why error) bool {
	return errors.Is(why, control.ErrPeerLost) || errors.Is(why, control.ErrSuperseded) || errors.Is(why, control.ErrOtherServer)
}

// beginRecovery begins or prolongs the recovery of a device. op is held.
func (d *Donor) beginRecovery(dev *device, at time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(dev.held()) == 0 {
		return
	}
	r := &dev.recovery
	if r.since.IsZero() {
		r.since = at
	}
	r.until = at.Add(d.takeover)
	if last := r.since.Add(longestRecovery * d.takeover); r.until.After(last) {
		r.until = last
	}
}

// endRecovery ends the recovery of a device all of whose slabs have a key. op and mu are held.
func (d *Donor) endRecovery(dev *device) {
	if len(dev.held()) == 0 {
		dev.recovery = recovery{}
	}
}
