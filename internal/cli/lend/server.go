package lend

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"time"

	"github.com/farswap/farswap/cluster"
	"github.com/farswap/farswap/donor"
	"github.com/farswap/farswap/internal/cli/command"
	"github.com/farswap/farswap/internal/cli/process"
	"github.com/farswap/farswap/status"
)

// server is a donor with what its process has beside it. One goroutine uses it.
type server struct {
	o        *options
	app      *command.App
	config   donor.Config
	end      *process.Signals
	upgrades upgrades

	donor *donor.Donor

	// What only one process of a donor can have: see enter and leave.
	lock   *status.Lock
	socket *status.Server
	gossip *cluster.Gossip
	silent func() error // ends gossip
}

// serve lends until a signal, a stop through the socket or the end of a drain, or until another process has
// taken over. before is the process that this one takes over from, nil for none.
func (o *options) serve(config donor.Config, a *command.App, before *net.UnixConn) (err error) {
	end := process.WatchSignals()
	defer end.Close()
	s := &server{o: o, app: a, config: config, end: end}
	if before != nil {
		err = s.inherit(before)
	} else {
		err = s.open()
	}
	if err != nil {
		return err
	}
	for {
		err = s.run()
		passed := s.upgrades.wait()
		if passed == nil { // it ends
			return errors.Join(err, s.close())
		}
		if passed.err == nil {
			return errors.Join(err, passed.succession.Release())
		}
		if err := s.reopen(passed); err != nil {
			return err
		}
	}
}

// open begins to lend.
func (s *server) open() (err error) {
	if s.donor, err = donor.Open(s.config); err != nil {
		return err
	}
	if err := s.enter(); err != nil {
		return errors.Join(err, s.donor.Close())
	}
	return nil
}

// inherit takes over from another process.
func (s *server) inherit(before *net.UnixConn) error {
	from := os.Getppid()
	heir, err := donor.Inherit(context.Background(), s.config, before)
	if err != nil {
		return err
	}
	s.donor = heir.Donor()
	if err := s.enter(); err != nil {
		donor.Decline(before, err)
		return errors.Join(err, heir.Abandon())
	}
	if err := heir.Confirm(context.Background()); err != nil {
		return errors.Join(err, s.leave(), heir.Abandon())
	}
	paused := time.Since(heir.Stopped())
	s.upgrades.took(from, paused)
	s.app.Log.Info().Int("from", from).Dur("paused", paused).Msg("this process has taken the donor over")
	return nil
}

// reopen goes on after an upgrade that has failed when the donor had stopped already. Without its socket or
// gossip it still serves: devices have pages here.
func (s *server) reopen(passed *passing) (err error) {
	if s.donor, err = passed.succession.Reopen(); err != nil {
		return err
	}
	if err := s.enter(); err != nil {
		s.app.Log.Error().Err(err).Msg("the donor serves, and cannot be asked for its status: end it by SIGTERM when no device needs it")
	}
	s.upgrades.failed(passed.err, time.Since(passed.begun))
	return nil
}

// run serves until the donor ends or is handed over.
func (s *server) run() error {
	following, stop := context.WithCancel(s.end.Early)
	var files sync.WaitGroup
	d, gossip := s.donor, s.gossip
	files.Go(func() { s.o.files(d, s.config, gossip).Follow(following, s.end.Again) })
	process.Ready(s.app.Log, d.Addr())
	err := d.Serve(s.end.Early)
	stop()
	files.Wait()
	return err
}

// close ends the donor.
func (s *server) close() error {
	process.Stopping(s.app.Log)
	return errors.Join(s.exit((*status.Lock).Remove), s.donor.Close())
}

// enter takes the state folder, answers on its socket and gossips.
func (s *server) enter() (err error) {
	dir := status.DonorDir(s.o.root, s.donor.Status().Name)
	lock, err := status.Acquire(dir)
	if errors.Is(err, status.ErrStateInUse) {
		return fmt.Errorf("a donor of this name runs here, choose another --name: %w", err)
	}
	if err != nil {
		return err
	}
	socket, err := status.ServeDonor(status.Socket(dir), source{s.donor, s})
	if err != nil {
		return errors.Join(err, lock.Remove())
	}
	gossip, silent, err := s.o.announce(s.end.Early, s.donor, s.config.Identity, s.app.Log)
	if err != nil {
		return errors.Join(err, socket.Close(), lock.Remove())
	}
	s.lock, s.socket, s.gossip, s.silent = lock, socket, gossip, silent
	return nil
}

// leave gives up what enter has taken, for another process.
func (s *server) leave() error { return s.exit((*status.Lock).Release) }

// exit gives up what enter has taken, if it has; let gives up the state folder.
func (s *server) exit(let func(*status.Lock) error) error {
	if s.lock == nil {
		return nil
	}
	err := errors.Join(s.silent(), s.socket.Close())
	err = errors.Join(err, let(s.lock))
	s.lock, s.socket, s.gossip, s.silent = nil, nil, nil, nil
	return err
}
