package add

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/rs/zerolog"

	"github.com/farswap/farswap/internal/devserver"
	"github.com/farswap/farswap/internal/inuse"
	"github.com/farswap/farswap/status"
	"github.com/farswap/farswap/ublk"
)

// plain is a device whose target package ublk/targets has. Such a target knows no donors.
type plain struct {
	name    string // of the target
	spec    ublk.Spec
	backing string // what the status says of the local copy
	open    func(*plain) (ublk.Target, io.Closer, error)
}

// plainServer is a plain device that takes I/O.
type plainServer struct {
	*devserver.Server
	plain plain
}

// serveTarget opens the target and serves it. After an error nothing of the device is left.
func serveTarget(p plain, config devserver.Config, log zerolog.Logger) (*plainServer, error) {
	target, holds, err := p.open(&p)
	if err != nil {
		return nil, err
	}
	config.StopFailed = func(err error) { log.Error().Err(err).Msg("the device cannot be stopped") }
	config.Refused = func(r ublk.Refusal) {
		log.Warn().Err(r.Errno).Int("queue", r.Queue).Int("tag", r.Tag).Msg("the driver refused a command of a queue; it is sent again")
	}
	config.Held = func(by []inuse.Opener) {
		log.Warn().Str("open_in", inuse.Name(by)).Msg("the device is stopped, and its removal waits until it is closed")
	}
	server, err := devserver.Open(config)
	if err != nil {
		return nil, errors.Join(err, holds.Close())
	}
	d := &plainServer{server, p}
	release := func(bool) error { return holds.Close() }
	err = d.Start(p.spec, target)
	if err == nil {
		err = d.Answer(func(socket string) (*status.Server, error) {
			return status.ServeDevice(socket, plainSource{d})
		})
	}
	if err != nil {
		return nil, errors.Join(err, d.Abandon(release))
	}
	d.Live(release)
	return d, nil
}

// plainSource is what the socket of a plain device shows and does.
type plainSource struct{ *plainServer }

var _ status.DeviceSource = plainSource{}

// Stop begins a stop and does not wait for its end.
func (d plainSource) Stop(ctx context.Context) error { return d.RequestStop(ctx) }

// Upgrade refuses: a plain target ends with its server.
func (d plainSource) Upgrade(context.Context) error {
	return fmt.Errorf("%w: a device with the target %s ends with its server", status.ErrRefused, d.plain.name)
}

// Decisions has none to return: a plain target has no slabs.
func (d plainSource) Decisions(slab int) ([]status.Decision, error) {
	return nil, fmt.Errorf("slab %d: %w: a device with the target %s has no slabs", slab, status.ErrInvalid, d.plain.name)
}

// Status is the part of the contract that a plain target has.
func (d plainSource) Status() status.Device {
	s := status.Device{
		Size: d.plain.spec.Size, Transport: "none", Ack: "none", Target: d.plain.name,
		Backing: d.plain.backing, BackingOK: d.plain.name == targetLoop,
	}
	d.Report(&s)
	return s
}
