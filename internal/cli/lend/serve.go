package lend

import (
	"context"
	"errors"
	"fmt"

	"github.com/farswap/farswap/donor"
	"github.com/farswap/farswap/internal/cli/command"
	"github.com/farswap/farswap/internal/cli/process"
	"github.com/farswap/farswap/status"
)

// serve lends until a signal or a stop through the socket.
func (o *options) serve(config donor.Config, a *command.App) (err error) {
	log := a.Log
	end := process.WatchSignals()
	defer end.Close()
	d, err := donor.Open(config)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.Close()) }()

	dir := status.DonorDir(o.root, d.Status().Name)
	lock, err := status.Acquire(dir)
	if errors.Is(err, status.ErrStateInUse) {
		return fmt.Errorf("a donor of this name runs here, choose another --name: %w", err)
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, lock.Remove()) }()
	socket, err := status.ServeDonor(status.Socket(dir), source{d, end.End, a.LogDropped})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, socket.Close()) }()

	leave, err := o.announce(end.Early, d, config.Identity, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, leave()) }()

	process.Ready(log, d.Addr())
	err = d.Serve(end.Early)
	process.Stopping(log)
	return err
}

// source is what the donor's socket shows and does.
type source struct {
	*donor.Donor
	end        func()        // begins to end the donor
	logDropped func() uint64 // lines of the log that were dropped
}

var _ status.DonorSource = source{}

// Status is the donor's, with what this process knows beside it.
func (s source) Status() status.DonorDaemon {
	d := s.Donor.Status()
	d.LogDropped = s.logDropped()
	return d
}

// Stop begins a stop and does not wait for its end.
func (s source) Stop(context.Context) error { s.end(); return nil }

// Drain begins a drain and does not wait for its end.
func (s source) Drain(context.Context) error { s.Donor.Drain(); return nil }

// Resize changes what the donor lends.
func (s source) Resize(_ context.Context, to status.DonorResize) error {
	return resizeHere(s.Donor, to)
}
