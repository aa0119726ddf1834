package lend

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/farswap/farswap/cluster"
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

	gossip, leave, err := o.announce(end.Early, d, config.Identity, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, leave()) }()

	following, stop := context.WithCancel(end.Early)
	var files sync.WaitGroup
	files.Go(func() { o.files(d, config, gossip).Follow(following, end.Again) })
	process.Ready(log, d.Addr())
	err = d.Serve(end.Early)
	process.Stopping(log)
	stop()
	files.Wait()
	return err
}

// files are what the donor reads again when it changes.
func (o *options) files(d *donor.Donor, config donor.Config, gossip *cluster.Gossip) *process.Files {
	files := &process.Files{Identity: config.Identity, Log: config.Log, Others: o.cluster.Files(gossip)}
	if o.listed.Path != "" {
		files.Others = append(files.Others, process.File{What: "allowed names", Paths: []string{o.listed.Path}, Read: func() (bool, error) {
			return o.allowAgain(d)
		}})
	}
	return files
}

// allowAgain takes up the names of the configuration file.
func (o *options) allowAgain(d *donor.Donor) (bool, error) {
	words, err := o.listed.Read()
	if err != nil || slices.Equal(words, o.allow) {
		return false, err
	}
	list, err := parseAllowances(words)
	if err == nil {
		err = d.SetAllow(list)
	}
	if err != nil {
		return false, err
	}
	o.allow = words
	return true, nil
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
