package store

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// ErrTaken means that another process of this program uses the store, or a part of it.
var ErrTaken = errors.New("another device uses it")

// Claim holds a store for one device.
type Claim struct{ locks []*os.File }

// Take locks every layer of a store (flock): one that the store has for itself exclusively, and
// one of which it has a part together with others. So neither name of a store can be given to a
// second device. A layer that this process may not open, or that is not there, is passed over.
// The error is ErrTaken if another process holds a layer.
func Take(layers []Layer) (*Claim, error) {
	c := &Claim{}
	for _, l := range layers {
		if l.Memory && l.Part { // a file system in memory has no device
			continue
		}
		f, err := os.OpenFile(l.Path, os.O_RDONLY|unix.O_NONBLOCK, 0)
		if err != nil {
			continue
		}
		c.locks = append(c.locks, f)
		how := unix.LOCK_EX
		if l.Part {
			how = unix.LOCK_SH
		}
		if err := unix.Flock(int(f.Fd()), how|unix.LOCK_NB); errors.Is(err, unix.EWOULDBLOCK) {
			return nil, errors.Join(fmt.Errorf("%s: %w", l.Path, ErrTaken), c.Close())
		} else if err != nil {
			return nil, errors.Join(fmt.Errorf("lock %s: %w", l.Path, err), c.Close())
		}
	}
	return c, nil
}

// Close gives the store up. A nil Claim can be closed.
func (c *Claim) Close() (err error) {
	if c == nil {
		return nil
	}
	for _, f := range c.locks {
		err = errors.Join(err, f.Close())
	}
	c.locks = nil
	return err
}
