//go:build cgo

package rdma

/*
#include "cm.h"
#include "qp.h"
*/
import "C"

import (
	"errors"
	"fmt"
	"time"

	"github.com/farswap/farswap/verbs"
	"github.com/farswap/farswap/verbs/internal/handshake"
)

// serve takes the connection manager's events until the server ends.
func (s *Server) serve() {
	for {
		e, err := s.channel.next(s.ctx)
		if err != nil {
			return // ended: the channel itself does not fail
		}
		s.mu.Lock()
		s.handle(e)
		s.mu.Unlock()
	}
}

// handle takes one event. mu is held.
func (s *Server) handle(e event) {
	switch e.kind {
	case C.RDMA_CM_EVENT_CONNECT_REQUEST:
		remote := remoteOf(e.id)
		if err := s.welcome(e, remote); err != nil {
			C.fs_id_free(e.id)
			s.stats.Rejected++
			if f := s.cfg.Events.Rejected; f != nil {
				f(remote, err)
			}
		}
	case C.RDMA_CM_EVENT_ESTABLISHED, C.RDMA_CM_EVENT_TIMEWAIT_EXIT, C.RDMA_CM_EVENT_ADDR_CHANGE:
	case C.RDMA_CM_EVENT_DEVICE_REMOVAL:
		s.giveUp()
	default:
		s.endPeer(e.id, fmt.Errorf("%s: %w", eventName(e.kind), verbs.ErrTransport))
	}
}

// welcome decides on a request and accepts it. After an error the request was
// refused, and its id is the caller's to free. mu is held.
func (s *Server) welcome(e event, remote string) error {
	ses, c, verdict, err := s.judge(e)
	if err != nil {
		answer := format.Verdict(verdict, c.Nonce, noServer, new([32]byte))
		C.fs_reject(e.id, dataPointer(answer), C.uint8_t(len(answer)))
		return err
	}
	p := &peer{session: ses, place: c.Place, qp: newCQP(), remote: remote}
	verdict = handshake.Held
	if err = s.fence(ses, c); err == nil {
		verdict = handshake.Full
		err = p.accept(e, c, s.adapter, s.cfg.MTU)
	}
	if err != nil {
		answer := format.Verdict(verdict, c.Nonce, noServer, new([32]byte))
		C.fs_reject(e.id, dataPointer(answer), C.uint8_t(len(answer)))
		freeCQP(p.qp)
		return err
	}
	ses.slots++
	s.peers[e.id] = p
	s.stats.Accepted++
	s.stats.Connections++
	if f := s.cfg.Events.Accepted; f != nil {
		f(remote, ses.id)
	}
	return nil
}

// judge checks a request: who it is from, and whether there is room.
func (s *Server) judge(e event) (*session, handshake.Claim, handshake.Verdict, error) {
	c, err := format.ParseClaim(e.private)
	if errors.Is(err, verbs.ErrVersion) {
		return nil, c, handshake.Version, err
	}
	if err != nil {
		return nil, c, handshake.Refused, err
	}
	ses := s.sessions[c.Session]
	refuse := func(verdict handshake.Verdict, why string, err error) (*session, handshake.Claim, handshake.Verdict, error) {
		return nil, c, verdict, fmt.Errorf("session %d: %s: %w", c.Session, why, err)
	}
	if ses == nil {
		return refuse(handshake.Refused, "unknown", verbs.ErrRefused)
	}
	if !format.VerifyClaim(e.private, noServer, &ses.secret) {
		return refuse(handshake.Refused, "wrong secret", verbs.ErrRefused)
	}
	if verdict, err := ses.isNew(c); err != nil {
		return refuse(verdict, "a request that is not new", err)
	}
	if ses.slots >= maxSlots {
		return refuse(handshake.Refused, fmt.Sprintf("it has %d connections, or had as many that were refused an access", maxSlots), verbs.ErrRefused)
	}
	if len(s.peers) >= s.cfg.MaxConnections {
		return refuse(handshake.Full, fmt.Sprintf("%d connections already", len(s.peers)), verbs.ErrBusy)
	}
	if n := s.peersOf(ses.owner); ses.owner != "" && n >= max(s.cfg.MaxConnections/shareOfOwner, 1) {
		return refuse(handshake.Full, fmt.Sprintf("its owner has %d connections already", n), verbs.ErrBusy)
	}
	name := C.fs_id_device(e.id)
	if s.adapter == nil || name == nil || C.GoString(name) != s.adapter.name() {
		return refuse(handshake.OtherDevice, "the request came by another RDMA device", verbs.ErrRefused)
	}
	return ses, c, handshake.OK, nil
}

// peersOf counts the connections of an owner's sessions. mu is held.
func (s *Server) peersOf(owner string) int {
	n := 0
	for _, p := range s.peers {
		if p.session.owner == owner {
			n++
		}
	}
	return n
}

// accept makes the queue pair and agrees. After an error nothing of it is left.
func (p *peer) accept(e event, c handshake.Claim, a *adapter, mtu int) error {
	if r := C.fs_qp_new(p.qp, e.id, a.c.pd, 1, 0, 0); r != 0 {
		return fmt.Errorf("make a queue pair on %s: %w", a.name(), errno(r))
	}
	serves := C.uint8_t(min(e.reads, int(a.c.serves)))
	answer := format.Verdict(handshake.OK, c.Nonce, noServer, &p.session.secret)
	r := C.fs_qp_ready(p.qp, 1, serves, C.int(mtuCode(mtu)))
	if r == 0 {
		r = C.fs_accept(e.id, p.qp.qp.qp_num, serves, dataPointer(answer), C.uint8_t(len(answer)))
	}
	if r != 0 {
		p.qp.id = nil // stays the caller's
		destroy(p.qp)
		C.fs_qp_free(p.qp)
		return fmt.Errorf("accept on %s: %w", a.name(), errno(r))
	}
	return nil
}

// endPeer ends a connection: when it returns, no operation of it touches memory.
// mu is held.
func (s *Server) endPeer(id *C.struct_rdma_cm_id, why error) {
	p := s.peers[id]
	if p == nil {
		return
	}
	delete(s.peers, id)
	p.leaveSlot()
	C.fs_disconnect(id)
	destroy(p.qp)
	C.fs_qp_free(p.qp)
	freeCQP(p.qp)
	s.stats.Connections--
	if f := s.cfg.Events.Ended; f != nil {
		f(p.remote, p.session.id, why)
	}
}

// lost is called when a device is gone, or has to be reset. The connection manager
// may say so too, but not to a server that listens on all addresses.
func (s *Server) lost() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.adapter != nil && s.adapter.lost.Load() && s.ctx.Err() == nil {
		s.giveUp()
	}
}

// giveUp lets go of a device that is gone, and waits for it to come back. mu is
// held.
func (s *Server) giveUp() {
	if s.adapter == nil {
		return
	}
	// Closing the adapter ends all access, even to memory that was not deregistered.
	_ = s.away(fmt.Errorf("the RDMA device is gone: %w", verbs.ErrTransport))
	s.serving.Go(s.comeBack)
}

// away closes all that is open of the device, because some kernels do not remove a
// device that is open. Prepared memory is no longer prepared, and keys that were given
// out reach nothing. mu is held.
func (s *Server) away(why error) error {
	if s.adapter == nil {
		return nil
	}
	C.fs_id_free(s.listener)
	s.listener = nil
	for id := range s.peers {
		s.endPeer(id, why)
	}
	var err error
	for _, ses := range s.sessions {
		for _, m := range ses.regions {
			err = errors.Join(err, m.release())
			m.mr = nil // at the latest when the adapter is closed
		}
	}
	for _, m := range s.prepared {
		err = errors.Join(err, m.release())
	}
	clear(s.prepared)
	s.ending.Go(s.adapter.close) // its watcher may be on its way to lost, which takes mu
	s.adapter = nil
	return err
}

// comeBack listens again as soon as there is a device.
func (s *Server) comeBack() {
	for {
		select {
		case <-s.ctx.Done():
			return
		case <-time.After(relistenPause):
		}
		s.mu.Lock()
		err := s.listen()
		s.mu.Unlock()
		if err == nil {
			return
		}
	}
}
