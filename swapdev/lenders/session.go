package lenders

import (
	"context"
	"errors"
	"time"

	"github.com/farswap/farswap/control"
)

// dial opens a session, and learns what the donor has.
func (l *Lenders) dial(ctx context.Context, d *Donor) (*control.Session, error) {
	s, err := control.Dial(ctx, d.address, control.DialConfig{
		Device: l.cfg.Device, Server: l.cfg.Server, Generation: l.cfg.Generation, Name: l.cfg.Name, SlabSize: uint64(l.cfg.SlabSize),
		Identity: l.cfg.Identity, Insecure: l.cfg.Insecure,
		Grace: l.cfg.Grace, Alive: func() time.Time { return l.lastHeard(d) }, Accept: l.cfg.Accept,
		Handler: control.HandlerFunc(func(_ context.Context, req control.Message) (control.Message, error) {
			return l.cfg.Answer(d.id, req)
		}),
	})
	if err != nil {
		return nil, err
	}
	d.setName(s.Welcome().Name)
	mem, err := s.QueryMem(ctx)
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	d.Has(int64(mem.Free), int64(mem.Total))
	return s, nil
}
