//go:build cgo

package rdma

// #include "qp.h"
import "C"

import (
	"fmt"
	"time"

	"github.com/farswap/farswap/verbs"
)

// isNew checks that a request was not made before, and remembers it. A request of a place
// has a higher generation than all before it. It returns the verdict on one that does not.
func (ses *session) isNew(c claim) (uint16, error) {
	if c.place == 0 {
		if _, again := ses.nonces[c.nonce]; again {
			return verdictRefused, fmt.Errorf("its nonce is known: %w", verbs.ErrRefused)
		}
		if len(ses.nonces) >= maxNonces {
			return verdictRefused, fmt.Errorf("%d connections without a place: %w", maxNonces, verbs.ErrRefused)
		}
		ses.nonces[c.nonce] = struct{}{}
		return verdictOK, nil
	}
	last, known := ses.places[c.place]
	switch {
	case c.generation <= last:
		return verdictFenced, fmt.Errorf("generation %d at place %d, want one above %d: %w", c.generation, c.place, last, verbs.ErrFenced)
	case !known && len(ses.places) >= maxPlaces:
		return verdictRefused, fmt.Errorf("the session has %d places already: %w", maxPlaces, verbs.ErrRefused)
	}
	ses.places[c.place] = c.generation
	return verdictOK, nil
}

// fence ends the earlier connections of the place that a request claims: when it returns
// nil, none of their operations can touch memory any more. Server.mu is held.
func (s *Server) fence(ses *session, c claim) error {
	if c.place == 0 {
		return nil
	}
	deadline := time.Now().Add(fenceTime)
	for id, p := range s.peers {
		if p.session != ses || p.place != c.place {
			continue
		}
		p.leaveSlot()
		for C.fs_qp_destroy(p.qp) != 0 {
			if time.Now().After(deadline) {
				return fmt.Errorf("session %d: an earlier connection of place %d has not ended within %v: %w", ses.id, c.place, fenceTime, verbs.ErrBusy)
			}
			time.Sleep(destroyPause)
		}
		s.endPeer(id, fmt.Errorf("a later connection has claimed place %d: %w", c.place, verbs.ErrFenced))
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
