package dashtest

import (
	"context"
	"errors"
	"time"

	"github.com/farswap/farswap/status"
	"github.com/farswap/farswap/status/statustest"
)

// Servers show a world below a root as real servers do: the device and each donor have a
// locked folder and a socket.
type Servers struct {
	world *World
	all   map[string]*server
	root  string
}

type server struct {
	lock   *status.Lock
	socket *status.Server
}

// Serve begins to show a world. Close removes all that it made.
func Serve(root string, w *World) (*Servers, error) {
	s := &Servers{world: w, root: root, all: map[string]*server{}}
	err := s.StartDevice()
	for i := range Names {
		err = errors.Join(err, s.start(status.DonorDir(root, Names[i]), func(path string) (*status.Server, error) {
			return status.ServeDonor(path, statustest.DonorFunc(func() status.DonorDaemon { return w.Donor(i) }))
		}))
	}
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// StartDevice starts the device's server, after StopDevice.
func (s *Servers) StartDevice() error {
	return s.start(status.StateDir(s.root, DeviceID), func(path string) (*status.Server, error) {
		return status.ServeDevice(path, statustest.DeviceFunc(s.world.Device))
	})
}

// StopDevice ends the device's server as a stop does: its folder goes.
func (s *Servers) StopDevice() error {
	return s.stop(status.StateDir(s.root, DeviceID))
}

// KillDevice ends the device's server as a crash does: its folder is left.
func (s *Servers) KillDevice() error {
	dir := status.StateDir(s.root, DeviceID)
	one := s.all[dir]
	delete(s.all, dir)
	return errors.Join(one.socket.Close(), one.lock.Release())
}

func (s *Servers) start(dir string, serve func(path string) (*status.Server, error)) error {
	lock, err := status.Acquire(dir)
	if err != nil {
		return err
	}
	socket, err := serve(status.Socket(dir))
	if err != nil {
		return errors.Join(err, lock.Remove())
	}
	s.all[dir] = &server{lock, socket}
	return nil
}

func (s *Servers) stop(dir string) error {
	one := s.all[dir]
	delete(s.all, dir)
	return errors.Join(one.socket.Close(), one.lock.Remove())
}

// Close ends all servers.
func (s *Servers) Close() error {
	var err error
	for dir := range s.all {
		err = errors.Join(err, s.stop(dir))
	}
	return err
}

// Live steps a world with the clock, faster by a factor, until the context ends.
func (w *World) Live(ctx context.Context, factor float64) {
	const beat = 100 * time.Millisecond
	ticker := time.NewTicker(beat)
	defer ticker.Stop()
	for last := time.Now(); ; {
		select {
		case <-ctx.Done():
			return
		case now := <-ticker.C:
			w.Step(time.Duration(float64(now.Sub(last)) * factor))
			last = now
		}
	}
}
