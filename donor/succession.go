package donor

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"github.com/farswap/farswap/control"
)

// errHandedOver ends the connections of devices without a goodbye: they make them anew.
var errHandedOver = fmt.Errorf("%w: another process takes the donor over", control.ErrPeerLost)

// Succession is a donor on its way to another process, its successor. The order of steps:
//
//  1. Offer: the successor gets descriptors of the memory and of the listening sockets, maps the slabs and
//     locks them. The donor goes on serving. The memory is locked by one of the two at any time, so
//     that the kernel never swaps it.
//  2. Pass: the donor stops. Its devices' sessions are suspended; what connects waits in the kernel. The
//     successor gets what the donor has, and says that it could serve.
//  3. Pass: the donor tells it to. From here on the successor has all.
//
// A failure, or the successor's end, before step 3 is over, changes nothing: Reopen goes on in this process. The
// caller makes sure before that the successor does not run any more, and does not close its end of
// the connection before: a successor that is ready and sees that end believes that this process is
// dead, and serves.
type Succession struct {
	donor *Donor
	conn  *net.UnixConn
	left  *legacy
}

// Offer does step 1. Without a deadline of the context it waits as long as the successor lives: to lock much
// memory takes long. After an error the donor is as it was; it wraps ErrSuccession.
func (d *Donor) Offer(ctx context.Context, conn *net.UnixConn) (*Succession, error) {
	s := &Succession{donor: d, conn: conn, left: &legacy{store: d.pool.store}}
	if err := s.offer(ctx); err != nil {
		return nil, errors.Join(err, s.left.closeSockets())
	}
	return s, nil
}

func (s *Succession) offer(ctx context.Context) (err error) {
	d := s.donor
	defer s.within(ctx)()
	if s.left.control, err = d.listener.Socket(); err != nil {
		return fmt.Errorf("%w: %w", ErrSuccession, err)
	}
	o := offer{
		Schema: estateSchema, Name: d.cfg.Name, Listen: d.cfg.Listen, DataListen: d.cfg.DataListen,
		Insecure: d.cfg.Insecure, Unlocked: d.cfg.Unlocked, Slabs: d.areas(),
	}
	files := []*os.File{s.left.store.File(), s.left.control}
	if tcp := d.transports.named(transportTCP); tcp != nil {
		if h, ok := tcp.Server.(heritable); ok {
			if s.left.data, err = h.Socket(); err != nil {
				return fmt.Errorf("%w: %w", ErrSuccession, err)
			}
			o.HasData = true
			files = append(files, s.left.data)
		}
	}
	if err := sendFiles(s.conn, files); err != nil {
		return err
	}
	if err := sendLetter(s.conn, o); err != nil {
		return err
	}
	return readVerdict(s.conn)
}

// areas lists the slabs that devices hold.
func (d *Donor) areas() []area {
	d.mu.Lock()
	defer d.mu.Unlock()
	var list []area
	for _, dev := range d.devices {
		for _, s := range dev.slabs {
			if offset, ok := d.pool.store.Offset(s.mem); ok {
				list = append(list, area{offset, int64(len(s.mem))})
			}
		}
	}
	return list
}

// Pass does steps 2 and 3. Serve returns soon after it begins. between is called between the two steps, when
// the donor has stopped: the caller gives up what only one process can have. After an error, which
// wraps ErrSuccession, the donor is stopped, and Reopen goes on.
func (s *Succession) Pass(ctx context.Context, between func() error) error {
	defer s.within(ctx)()
	s.stop()
	if err := between(); err != nil {
		return fmt.Errorf("%w: %w", ErrSuccession, err)
	}
	if err := sendLetter(s.conn, s.left.estate); err != nil {
		return err
	}
	if err := readVerdict(s.conn); err != nil {
		return err
	}
	if err := sendLetter(s.conn, verdict{}); err != nil {
		return err
	}
	return readVerdict(s.conn) // it has read that it is to serve
}

// stop stops the donor, and takes out of it what it has.
func (s *Succession) stop() {
	d, begun := s.donor, time.Now()
	d.stop(errHandedOver)
	d.serving.Wait()
	if err := errors.Join(d.listener.Close(), d.transports.close()); err != nil {
		d.log.Warn().Err(err).Msg("the donor does not stop as it should")
	}
	d.pool.close() // frees prepared slabs
	s.left.estate, s.left.slabs = d.settle()
	s.left.estate.Stopped = begun
	d.sessionRefusals.Close()
	d.dataRefusals.Close()
}

// Reopen makes a donor of what was to be passed on, in this process. Preconditions: Pass has failed, and
// the successor does not run. A second call is possible only after an error.
func (s *Succession) Reopen() (*Donor, error) {
	if s.left.estate == nil {
		return nil, fmt.Errorf("%w: the donor has not stopped", ErrSuccession)
	}
	d, err := open(s.donor.cfg, s.donor.network, s.left)
	if err != nil {
		return nil, err
	}
	d.takeover, d.patience = s.donor.takeover, s.donor.patience
	return d, s.left.closeSockets()
}

// Release gives up what a donor has passed on: the successor has it. It is also for an offer that was not
// passed on; the donor goes on with all then.
func (s *Succession) Release() error {
	if s.left.estate == nil {
		return s.left.closeSockets()
	}
	return s.left.close()
}

// within ends all waits for the successor when the context ends, until the returned function is called.
func (s *Succession) within(ctx context.Context) (done func()) { return bounded(ctx, s.conn) }

func bounded(ctx context.Context, conn *net.UnixConn) (done func()) {
	_ = conn.SetDeadline(time.Time{})
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	return func() { stop() }
}
