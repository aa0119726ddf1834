package control

import "time"

// Timing bounds every wait of a session. Zero fields take the defaults.
type Timing struct {
	Handshake time.Duration // to connect and open a session; default 5 s
	Ping      time.Duration // between two signs of life; default 1 s
	Missed    int           // signs of life missed before the peer counts as lost; default 3
	Call      time.Duration // a call's limit when its context has no earlier one; default 10 s
}

func (t Timing) withDefaults() Timing {
	if t.Handshake <= 0 {
		t.Handshake = 5 * time.Second
	}
	if t.Ping <= 0 {
		t.Ping = time.Second
	}
	if t.Missed <= 0 {
		t.Missed = 3
	}
	if t.Call <= 0 {
		t.Call = 10 * time.Second
	}
	return t
}

// silence is how long a peer may send nothing, and how long one write may take.
func (t Timing) silence() time.Duration { return t.Ping * time.Duration(t.Missed) }
