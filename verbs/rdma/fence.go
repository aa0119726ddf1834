//go:build cgo

package rdma

// #include "qp.h"
import "C"

import (
	"fmt"
	"time"

	"github.com/farswap/farswap/verbs"
	"github.com/farswap/farswap/verbs/internal/handshake"
)

// isNew checks that a request was not made before, and remembers it. A request of a place
// has a higher generation than all before it. It returns the verdict on one that does not.
func (ses *session) isNew(c handshake.Claim) (handshake.Verdict, error) {
	if c.Place == 0 {
		if _, again := ses.nonces[c.Nonce]; again {
			return handshake.Refused, fmt.Errorf("its nonce is known: %w", verbs.ErrRefused)
		}
		if len(ses.nonces) >= maxNonces {
			return handshake.Refused, fmt.Errorf("%d connections without a place: %w", maxNonces, verbs.ErrRefused)
		}
		ses.nonces[c.Nonce] = struct{}{}
		return handshake.OK, nil
	}
	last, known := ses.places[c.Place]
	switch {
	case c.Generation <= last:
		return handshake.Fenced, fmt.Errorf("generation %d at place %d, want one above %d: %w", c.Generation, c.Place, last, verbs.ErrFenced)
	case !known && len(ses.places) >= maxPlaces:
		return handshake.Refused, fmt.Errorf("the session has %d places already: %w", maxPlaces, verbs.ErrRefused)
	}
	ses.places[c.Place] = c.Generation
	return handshake.OK, nil
}

// fence ends the earlier connections of the place that a request claims: when it returns
// nil, none of their operations can touch memory any more. Server.mu is held.
func (s *Server) fence(ses *session, c handshake.Claim) error {
	if c.Place == 0 {
		return nil
	}
	deadline := time.Now().Add(fenceTime)
	for id, p := range s.peers {
		if p.session != ses || p.place != c.Place {
			continue
		}
		p.leaveSlot()
		for C.fs_qp_destroy(p.qp) != 0 {
			if time.Now().After(deadline) {
				return fmt.Errorf("session %d: an earlier connection of place %d has not ended within %v: %w", ses.id, c.Place, fenceTime, verbs.ErrBusy)
			}
			time.Sleep(destroyPause)
		}
		s.endPeer(id, fmt.Errorf("a later connection has claimed place %d: %w", c.Place, verbs.ErrFenced))
	}
	return nil
}

// leaveSlot gives the connection's slot back, before the connection is ended here. A
// connection that an error has ended keeps it: the adapter ends one with a refused access
// that way, which may have been a guess, and does not say why. Server.mu is held.
func (p *peer) leaveSlot() {
	if p.left {
		return
	}
	p.left = true
	if C.fs_qp_failed(p.qp) == 0 {
		p.session.slots--
	}
}
