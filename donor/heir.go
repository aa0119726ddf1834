package donor

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"github.com/farswap/farswap/offheap"
)

// Heir is the side of a Succession that takes over.
type Heir struct {
	conn    *net.UnixConn
	donor   *Donor
	stopped time.Time
}

// Inherit takes part in a succession, as far as this process could serve: Confirm does the rest. It waits for
// the other process as long as that lives. An error, which the other process hears, wraps ErrSuccession;
// conn stays the caller's.
func Inherit(ctx context.Context, cfg Config, conn *net.UnixConn) (*Heir, error) {
	return inherit(ctx, cfg, conn, machineNetwork())
}

func inherit(ctx context.Context, cfg Config, conn *net.UnixConn, net network) (*Heir, error) {
	defer bounded(ctx, conn)()
	h := &Heir{conn: conn}
	err := h.receive(cfg, net)
	if err != nil {
		Decline(conn, err)
		if !errors.Is(err, ErrSuccession) {
			err = fmt.Errorf("%w: %w", ErrSuccession, err)
		}
		return nil, err
	}
	return h, nil
}

// Decline tells the other process that this one does not take over, and why.
func Decline(conn *net.UnixConn, why error) {
	_ = sendLetter(conn, verdict{Error: why.Error()}) // it sees the end of the connection otherwise
}

// receive does what comes before Confirm.
func (h *Heir) receive(cfg Config, net network) error {
	if err := cfg.Validate(); err != nil {
		return err
	}
	cfg = cfg.withDefaults()
	files, err := readFiles(h.conn)
	if err != nil {
		return err
	}
	left, err := acceptFiles(files)
	if err != nil {
		return err
	}
	if h.donor, err = receiveInto(left, cfg, h.conn, net); err != nil {
		return errors.Join(err, left.close())
	}
	h.stopped = left.estate.Stopped
	return left.closeSockets()
}

func acceptFiles(files []*os.File) (*legacy, error) {
	store, err := offheap.OpenStore(files[0])
	left := &legacy{store: store, control: files[1], slabs: make(map[int64][]byte)}
	for i, f := range files[2:] {
		if i == 0 {
			left.data = f
		} else {
			err = errors.Join(err, f.Close()) // of a later release
		}
	}
	if err != nil {
		return nil, errors.Join(err, files[0].Close(), left.closeSockets())
	}
	return left, nil
}

func receiveInto(left *legacy, cfg Config, conn *net.UnixConn, net network) (*Donor, error) {
	var o offer
	if err := readLetter(conn, &o); err != nil {
		return nil, err
	}
	if err := o.check(cfg); err != nil {
		return nil, err
	}
	for _, a := range o.Slabs {
		if err := left.mapArea(a, cfg.memoryOptions()); err != nil {
			return nil, err
		}
	}
	if err := sendLetter(conn, verdict{}); err != nil {
		return nil, err
	}
	left.estate = new(estate)
	if err := readLetter(conn, left.estate); err != nil {
		return nil, err
	}
	if err := checkSchema(left.estate.Schema); err != nil {
		return nil, err
	}
	if err := left.settleMemory(cfg.memoryOptions()); err != nil {
		return nil, err
	}
	return open(cfg, net, left)
}

// check refuses an offer that a donor of this configuration cannot take: devices could not tell that it is not
// the donor that they know.
func (o offer) check(cfg Config) error {
	if err := checkSchema(o.Schema); err != nil {
		return err
	}
	changed := func(what, was, is string) error {
		return fmt.Errorf("%w: %s was %q and is %q now: end the donor (drain) and start it anew to change that", ErrSuccession, what, was, is)
	}
	switch {
	case o.Name != cfg.Name:
		return changed("the donor's name", o.Name, cfg.Name)
	case o.Listen != cfg.Listen:
		return changed("the listen address", o.Listen, cfg.Listen)
	case o.DataListen != cfg.DataListen:
		return changed("the data address", o.DataListen, cfg.DataListen)
	case o.Insecure != cfg.Insecure:
		return fmt.Errorf("%w: one of the two uses TLS and the other does not: end the donor (drain) and start it anew to change that", ErrSuccession)
	}
	return nil
}

func checkSchema(schema int) error {
	if schema == estateSchema || schema == estateSchema-1 && schema > 0 {
		return nil
	}
	return fmt.Errorf("%w: what it hands over has version %d, this program reads version %d and the one before: upgrade release by release, or drain the donor",
		ErrSuccession, schema, estateSchema)
}

// Donor is the donor that takes over. Do not call Serve before Confirm.
func (h *Heir) Donor() *Donor { return h.donor }

// Stopped is when the donor before began to stop: nobody has served since.
func (h *Heir) Stopped() time.Time { return h.stopped }

// Confirm says that the donor could serve, and returns when it is to. The other process does not serve any
// more then. After an error, which wraps ErrSuccession, Abandon the donor: the other process goes on.
//
// If the other process ends before it has answered, the donor is to serve, too: nobody else has what it has.
func (h *Heir) Confirm(ctx context.Context) error {
	defer bounded(ctx, h.conn)()
	err := sendLetter(h.conn, verdict{})
	if err == nil {
		err = readVerdict(h.conn)
	}
	if err == nil {
		err = sendLetter(h.conn, verdict{}) // the other process hears that it has been heard
	}
	switch {
	case err != nil && isBroken(err):
		h.donor.log.Warn().Msg("the process before has ended in the middle: the donor serves in its place")
		return nil
	case err != nil:
		return err
	}
	return nil
}

// Abandon gives up a donor that does not take over. What the other process has stays.
func (h *Heir) Abandon() error {
	d := h.donor
	s := &Succession{donor: d, conn: h.conn, left: &legacy{store: d.pool.store}}
	s.stop()
	for _, mem := range s.left.slabs {
		_ = d.pool.store.Leave(mem)
	}
	return d.pool.store.Close()
}
