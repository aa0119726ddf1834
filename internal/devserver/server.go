package devserver

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/farswap/farswap/internal/inuse"
	"github.com/farswap/farswap/status"
	"github.com/farswap/farswap/ublk"
)

// ErrInUse means that stopping the device now would lose data. Errors that wrap it wrap
// status.ErrRefused, too.
var ErrInUse = errors.New("device is in use")

// ErrLeft means that the kernel still has the device of a server that died.
var ErrLeft = errors.New("left by a server that died")

// ErrOrphaned means that the kernel still has a device whose queues have failed. Its I/O waits,
// as that of a device whose server has died.
var ErrOrphaned = errors.New("the device stays in the kernel without a server, and its I/O waits")

// Config is about the process that serves, not about the device.
type Config struct {
	StateRoot string // holds the state folders; "": status.DefaultRoot
	// StopFailed gets the error of a stop that nobody waits for. The device goes on then.
	StopFailed func(error)
	// Refused gets commands that the driver has refused, and that are sent again. It may wait.
	Refused func(ublk.Refusal)
	// Held hears which processes have the device open, when its removal waits for them: once for each such list.
	// nil: nobody listens.
	Held func(by []inuse.Opener)
	// LogDropped counts the lines of this process's log that were dropped. nil: none ever is.
	LogDropped func() uint64
	// Driver opens what makes the device. nil: the kernel's driver.
	Driver func() (Driver, error)
}

// Server is a device that this process serves. The methods of a device that is live may be
// called from any goroutine.
type Server struct {
	config  Config
	driver  Driver
	lock    *status.Lock
	device  Device // nil: none was made or taken over
	socket  *status.Server
	started time.Time

	recovery ublk.Recovery // of the device
	taken    bool          // it is another server's that has died

	mu    sync.Mutex // guards state
	state string

	stop sync.Once
	done chan struct{}
	err  error // why the device ended, valid after done
}

// Open opens the driver.
func Open(config Config) (*Server, error) {
	if config.StateRoot == "" {
		config.StateRoot = status.DefaultRoot
	}
	if config.Driver == nil {
		config.Driver = openKernel
	}
	driver, err := config.Driver()
	if err != nil {
		return nil, err
	}
	return &Server{config: config, driver: driver, started: time.Now(), state: status.StateStarting, done: make(chan struct{})}, nil
}

// Start makes the device and its state folder. It returns when the device takes I/O, which
// target serves.
func (s *Server) Start(spec ublk.Spec, target ublk.Target) error {
	s.recovery = spec.Recovery
	if spec.ID >= 0 { // before the kernel has anything of it
		if err := s.takeFolder(spec.ID); err != nil {
			return err
		}
	}
	var err error
	if s.device, err = s.driver.Add(spec); err != nil {
		return s.explain(err)
	}
	if s.lock == nil {
		if err := s.takeFolder(s.ID()); err != nil {
			return err
		}
	}
	return s.device.Start(target)
}

// TakeOver takes the device of a server that has died, and its state folder. When it returns, nothing that
// the dead server has begun goes on. Resume makes the device take I/O again. It fails with
// status.ErrStateInUse if a server holds the state folder: the one before, or one that takes the device over
// as well. Other errors are those of ublk.Recover. After an error, also of Resume, Abandon leaves the device
// as it was.
func (s *Server) TakeOver(spec ublk.Spec) (err error) {
	s.recovery = spec.Recovery
	if err := s.takeFolder(spec.ID); err != nil {
		return err
	}
	s.taken = true
	s.device, err = s.driver.Recover(spec)
	return err
}

// Gone reports whether the kernel does not have a device any more.
func (s *Server) Gone(id int) bool {
	_, err := s.driver.Info(id)
	return errors.Is(err, ublk.ErrNoDevice)
}

// Resume makes a device that was taken over take I/O, which target serves.
func (s *Server) Resume(target ublk.Target) error { return s.device.Start(target) }

func (s *Server) takeFolder(id int) (err error) {
	s.lock, err = status.Acquire(status.StateDir(s.config.StateRoot, id))
	return err
}

// explain says where a number that is taken comes from, if a server of farswap left it.
func (s *Server) explain(err error) error {
	if s.lock == nil || !s.lock.Used() {
		return err
	}
	return fmt.Errorf("%s is %w: %w", s.lock.Dir(), ErrLeft, err)
}

// Answer opens the device's socket. serve listens on the path that it gets.
func (s *Server) Answer(serve func(path string) (*status.Server, error)) (err error) {
	s.socket, err = serve(status.Socket(s.lock.Dir()))
	return err
}

// Live watches over the device until it ends: after a stop, or because its queues failed.
// release then gives back what the target holds. It is called once, after the device's end
// and before the state folder goes, and hears whether the device stays in the kernel. That is
// so if its queues have failed, unless it was made to end with its server: Err wraps
// ErrOrphaned then, and its folder stays, too.
func (s *Server) Live(release func(stays bool) error) {
	s.setState(status.StateLive)
	go func() {
		s.watch()
		leave := s.orphaned()
		s.setState(status.StateStopping)
		s.err = errors.Join(s.device.Err(), s.close(release, leave))
		close(s.done)
	}()
}

// watch waits for the end of the queues, and tells what the driver refuses until then.
func (s *Server) watch() {
	for {
		select {
		case r := <-s.device.Refusals():
			s.config.Refused(r)
		case <-s.device.Done():
			return
		}
	}
}

// orphaned reports whether the device is left in the kernel: another server is to have it, or its queues have
// failed, nobody has asked for a stop, and the driver keeps its I/O for another server. Deleting it would fail the
// I/O of whoever uses it.
func (s *Server) orphaned() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state == status.StateLeaving || s.device.Failed() && s.recovery != ublk.RecoverNone && s.state == status.StateLive
}

// Abandon takes back a device that did not become live, or leaves one that was taken over. release is that
// of Live.
func (s *Server) Abandon(release func(stays bool) error) error { return s.close(release, s.taken) }

// close takes everything down, in the order in which others stop to see it. With leave the
// device stays in the kernel.
func (s *Server) close(release func(stays bool) error, leave bool) error {
	var err error
	if s.socket != nil {
		err = s.socket.Close()
	}
	deleted := true
	switch {
	case leave && s.device == nil:
		deleted = false
	case leave:
		err, deleted = errors.Join(err, s.device.Leave(), fmt.Errorf("%s: %w", s.Path(), ErrOrphaned)), false
	case s.device != nil:
		if deleteErr := s.remove(); deleteErr != nil {
			err, deleted = errors.Join(err, deleteErr), false
		}
	}
	return errors.Join(err, release(!deleted), s.leaveFolder(deleted), s.driver.Close())
}

// leaveFolder gives the state folder up. It goes with the device, and stays where the kernel
// still has the device: this one, or that of the dead server whose folder it was.
func (s *Server) leaveFolder(deleted bool) error {
	if s.lock == nil {
		return nil
	}
	if others := s.device == nil && s.lock.Used(); others || !deleted {
		return s.lock.Release()
	}
	return s.lock.Remove()
}

// ID is the number of a device that was started.
func (s *Server) ID() int { return s.device.ID() }

// Path is the block device.
func (s *Server) Path() string { return s.device.Path() }

// Batches is that of the device; see [ublk.Device.Batches].
func (s *Server) Batches() (requests, passes uint64) { return s.device.Batches() }

// Done is closed when the device is gone.
func (s *Server) Done() <-chan struct{} { return s.done }

// Err says why the device ended, once Done is closed: nil after Stop.
func (s *Server) Err() error {
	select {
	case <-s.done:
		return s.err
	default:
		return nil
	}
}

// Stop takes the device away and waits until it is gone, or ctx ends. It fails with ErrInUse,
// and changes nothing, while the device is in use.
func (s *Server) Stop(ctx context.Context) error {
	if err := s.RequestStop(ctx); err != nil {
		return err
	}
	select {
	case <-s.done:
		return s.err
	case <-ctx.Done():
		return fmt.Errorf("stop %s: %w", s.Path(), ctx.Err())
	}
}
