package control

import (
	"context"
	"fmt"
	"net"
)

// ask is Call with the answer's type. The answer's kind was checked on receipt.
func ask[R Message](ctx context.Context, s *Session, req Message) (R, error) {
	m, err := s.Call(ctx, req)
	if err != nil {
		var none R
		return none, err
	}
	return m.(R), nil
}

// QueryMem asks the donor for its memory.
func (s *Session) QueryMem(ctx context.Context) (*FreeMem, error) {
	return ask[*FreeMem](ctx, s, &QueryMem{})
}

// Map asks for a slab of the session's slab size, in bytes; claim takes a held
// one with its content. The key is for data connections over transport, one of
// those that DataAddress knows; "" is "tcp". ErrNoMemory, ErrSlabHeld,
// ErrUnknownSlab (claim of what is not held), ErrTooBig, ErrUnsupported (the
// transport).
func (s *Session) Map(ctx context.Context, slab uint32, bytes uint64, claim bool, transport string) (*MRInfo, error) {
	info, err := ask[*MRInfo](ctx, s, &Map{Slab: slab, Bytes: bytes, Claim: claim, Transport: transport})
	if err == nil && (info.Slab != slab || info.Bytes != bytes) {
		err = fmt.Errorf("map slab %d of %v: %w: granted slab %d, %d bytes", slab, s.peer, ErrProtocol, info.Slab, info.Bytes)
		s.Abort(err)
		return nil, err
	}
	return info, err
}

// Unmap gives a mapped or held slab back. ErrUnknownSlab when there is none.
func (s *Session) Unmap(ctx context.Context, slab uint32) error { return s.UnmapKey(ctx, slab, 0) }

// UnmapKey is Unmap of what a Map has granted under a key: ErrUnknownSlab also when
// the slab was mapped anew since. A call that timed out may be repeated only so.
func (s *Session) UnmapKey(ctx context.Context, slab uint32, key uint64) error {
	_, err := ask[*Done](ctx, s, &Unmap{Slab: slab, Key: key})
	return err
}

// CheckActivity asks the device for the activity of at most MaxList slabs, in
// page I/Os per second, answered in the same order.
func (s *Session) CheckActivity(ctx context.Context, slabs []uint32) ([]float64, error) {
	a, err := ask[*Activity](ctx, s, &CheckActivity{Slabs: slabs})
	if err != nil {
		return nil, err
	}
	if len(a.PerSecond) != len(slabs) {
		err := fmt.Errorf("activity of %v: %w: %d answers to %d slabs", s.peer, ErrProtocol, len(a.PerSecond), len(slabs))
		s.Abort(err)
		return nil, err
	}
	return a.PerSecond, nil
}

// Evict asks the device to give at most MaxList slabs back. It returns when the
// device has begun; an Unmap of each follows.
func (s *Session) Evict(ctx context.Context, slabs []uint32, urgent bool) error {
	_, err := ask[*Evicting](ctx, s, &Evict{Slabs: slabs, Urgent: urgent})
	return err
}

// Welcome is what the donor granted when the session opened, Held complete. It
// is nil on the donor's side. Do not change it.
func (s *Session) Welcome() *Welcome { return s.welcome }

// DataAddress is the host:port where the donor serves its memory over a
// transport, "" when it does not.
func (s *Session) DataAddress(transport string) string {
	for _, e := range s.welcome.Data {
		if e.Transport != transport {
			continue
		}
		host, port, err := net.SplitHostPort(e.Address)
		if err != nil {
			return ""
		}
		if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
			if host, _, err = net.SplitHostPort(s.peer.Address); err != nil {
				return ""
			}
		}
		return net.JoinHostPort(host, port)
	}
	return ""
}
