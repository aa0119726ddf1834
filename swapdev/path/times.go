package path

import "github.com/farswap/farswap/status"

// times is what a request has waited for, in nanoseconds.
type times struct {
	queued, remote, backing int64
	donor                   uint16 // of remote
}

// remoteTook records a part at a donor.
func (t *times) remoteTook(ns int64, donor uint16) {
	if ns > t.remote {
		t.remote, t.donor = ns, donor
	}
}

// waited records that the request was parked. onItsWay says that it waited for a page that
// was on its way from donor, or to it.
func (t *times) waited(ns int64, onItsWay bool, donor uint16) {
	if !onItsWay {
		t.queued += ns
		return
	}
	t.remote += ns
	t.donor = donor
}

// blame names who took the most of total: see status.SlowPage.
func (t *times) blame(total int64) string {
	server := max(t.queued, total-t.remote-t.backing)
	switch {
	case t.remote >= t.backing && t.remote >= server && t.remote > 0:
		return status.BlameDonor
	case t.backing >= server && t.backing > 0:
		return status.BlameBacking
	}
	return status.BlameServer
}
