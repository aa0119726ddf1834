package lenders

import "time"

// heard finds out when data of a donor was last taken up, from how often it was.
type heard struct {
	count uint64
	at    time.Time
}

// look has looked at a count, which only rises.
func (h *heard) look(count uint64) time.Time {
	if count != h.count {
		h.count, h.at = count, time.Now()
	}
	return h.at
}

// lastHeard is when this device last saw that data of a donor had been taken up, zero:
// never. The donor's session asks, whenever the donor has been silent there for a while.
func (l *Lenders) lastHeard(d *Donor) time.Time {
	var count uint64
	for _, q := range l.openQueues() {
		count += q.Heard(d.id)
	}
	return d.heard.look(count)
}

func (l *Lenders) openQueues() []Queue {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.queues
}
