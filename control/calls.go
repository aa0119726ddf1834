package control

import (
	"context"
	"fmt"
	"net"
)

// ask is Call for one type of answer. receiveReply has checked the kind of the answer.
func ask[R Message](ctx context.Context, s *Session, req Message) (R, error) {
	return answer[R](s.Call(ctx, req))
}

func answer[R Message](m Message, err error) (R, error) {
	if err != nil {
		var none R
		return none, err
	}
	return m.(R), nil
}

// QueryMem asks the donor how much memory it has.
func (s *Session) QueryMem(ctx context.Context) (*FreeMem, error) {
	return ask[*FreeMem](ctx, s, &QueryMem{})
}

// Map asks for a slab. bytes is the session's slab size. With claim it takes a slab that the donor
// holds under lease, with its content. The key is valid on data connections over transport, for
// which DataAddress must have an address; "" stands for "tcp". Errors are ErrNoMemory, ErrSlabHeld,
// ErrUnknownSlab (the donor holds no such slab to claim), ErrTooBig and ErrUnsupported (the
// transport). A donor may take long to find the memory: only the context limits the wait, not
// Timing.Call.
func (s *Session) Map(ctx context.Context, slab uint32, bytes uint64, claim bool, transport string) (*MRInfo, error) {
	info, err := answer[*MRInfo](s.call(ctx, &Map{Slab: slab, Bytes: bytes, Claim: claim, Transport: transport}))
	if err == nil && (info.Slab != slab || info.Bytes != bytes) {
		err = fmt.Errorf("map slab %d of %v: %w: the donor grants slab %d with %d bytes", slab, s.Peer(), ErrProtocol, info.Slab, info.Bytes)
		s.Abort(err)
		return nil, err
	}
	return info, err
}

// Unmap gives a mapped or held slab back. If there is none, the error is ErrUnknownSlab.
func (s *Session) Unmap(ctx context.Context, slab uint32) error { return s.UnmapKey(ctx, slab, 0) }

// UnmapKey is Unmap of a slab that has this key. If the slab has another key since, the error is
// ErrUnknownSlab. After a timeout only UnmapKey is safe to repeat.
func (s *Session) UnmapKey(ctx context.Context, slab uint32, key uint64) error {
	_, err := ask[*Done](ctx, s, &Unmap{Slab: slab, Key: key})
	return err
}

// CheckActivity asks the device for the activity of at most MaxList slabs. The answer is in page
// I/Os per second, in the same order.
func (s *Session) CheckActivity(ctx context.Context, slabs []uint32) ([]float64, error) {
	a, err := ask[*Activity](ctx, s, &CheckActivity{Slabs: slabs})
	if err != nil {
		return nil, err
	}
	if len(a.PerSecond) != len(slabs) {
		err := fmt.Errorf("activity of %v: %w: %d answers to %d slabs", s.Peer(), ErrProtocol, len(a.PerSecond), len(slabs))
		s.Abort(err)
		return nil, err
	}
	return a.PerSecond, nil
}

// Evict asks the device to give at most MaxList slabs back. It returns when the device has begun.
// The device then sends an Unmap for each slab.
func (s *Session) Evict(ctx context.Context, slabs []uint32, urgent bool) error {
	_, err := ask[*Evicting](ctx, s, &Evict{Slabs: slabs, Urgent: urgent})
	return err
}

// Welcome returns the donor's Welcome of when the session was opened, with the complete list of slabs
// that were held then. On the donor's side it is nil. Do not change it.
func (s *Session) Welcome() *Welcome { return s.welcome }

// DataAddress is the host:port at which the donor serves its memory over a transport, or "" if it
// does not.
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
			if host, _, err = net.SplitHostPort(s.Peer().Address); err != nil {
				return ""
			}
		}
		return net.JoinHostPort(host, port)
	}
	return ""
}
