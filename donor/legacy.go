package donor

import (
	"errors"
	"fmt"
	"net"
	"os"

	"github.com/farswap/farswap/offheap"
	"github.com/farswap/farswap/verbs"
)

// legacy is what one donor has left to the next, in this process or another. A nil legacy is nothing.
type legacy struct {
	store         *offheap.Store
	control, data *os.File         // listening sockets; data may be nil
	slabs         map[int64][]byte // mapped here, by their offset in the store
	estate        *estate
}

// heritable is a server that goes on with the keys and the socket of another one. RDMA's does not: the adapter
// makes the keys, and the connection manager has the port.
type heritable interface {
	Socket() (*os.File, error)
	Begin()
	Restore(id verbs.SessionID, k verbs.Key, mem []byte) error
}

func keepsKeys(s *server) bool {
	_, ok := s.Server.(heritable)
	return ok
}

// memory is where slabs lie.
func (l *legacy) memory() (*offheap.Store, error) {
	if l == nil {
		return offheap.NewStore("farswap-slabs")
	}
	return l.store, nil
}

// unused ends the store of a donor that did not open, if it is its own.
func (l *legacy) unused(store *offheap.Store) error {
	if l == nil {
		return store.Close()
	}
	return nil
}

// locked is how many bytes this process has locked already.
func (l *legacy) locked() (bytes int64) {
	if l == nil {
		return 0
	}
	for _, mem := range l.slabs {
		bytes += int64(len(mem))
	}
	return bytes
}

// controlSocket is a descriptor of its own of the control socket, nil if there is none.
func (l *legacy) controlSocket() (*net.TCPListener, error) {
	if l == nil {
		return nil, nil
	}
	return listenerOf(l.control)
}

// dataSocket is the same for data over TCP.
func (l *legacy) dataSocket() (*net.TCPListener, error) {
	if l == nil || l.data == nil {
		return nil, nil
	}
	return listenerOf(l.data)
}

func listenerOf(file *os.File) (*net.TCPListener, error) {
	l, err := net.FileListener(file)
	if err != nil {
		return nil, fmt.Errorf("take over a listening socket: %w", err)
	}
	tcp, ok := l.(*net.TCPListener)
	if !ok {
		return nil, errors.Join(fmt.Errorf("take over a listening socket: it is a %T", l), l.Close())
	}
	return tcp, nil
}

// settleMemory maps what the estate has and is not mapped yet, and leaves what the estate does not have any
// more.
func (l *legacy) settleMemory(opt offheap.Options) error {
	wanted := make(map[int64]bool)
	for _, dev := range l.estate.Devices {
		for _, s := range dev.Slabs {
			wanted[s.Area.Offset] = true
			if err := l.mapArea(s.Area, opt); err != nil {
				return err
			}
		}
	}
	for offset, mem := range l.slabs {
		if wanted[offset] {
			continue
		}
		if err := l.store.Leave(mem); err != nil {
			return err
		}
		delete(l.slabs, offset)
	}
	return nil
}

// mapArea maps and locks a slab, unless that is done already.
func (l *legacy) mapArea(a area, opt offheap.Options) error {
	if mem, ok := l.slabs[a.Offset]; ok {
		if int64(len(mem)) != a.Size {
			return fmt.Errorf("%w: a slab at %d has %d bytes and had %d", ErrSuccession, a.Offset, a.Size, len(mem))
		}
		return nil
	}
	mem, err := l.store.MapAt(a.Offset, int(a.Size), opt)
	if err != nil {
		return err
	}
	l.slabs[a.Offset] = mem
	return nil
}

// close gives up all of it here. What other processes have of it stays.
func (l *legacy) close() error {
	var errs []error
	for _, mem := range l.slabs {
		errs = append(errs, l.store.Leave(mem))
	}
	l.slabs = nil
	return errors.Join(append(errs, l.store.Close(), l.closeSockets())...)
}

func (l *legacy) closeSockets() error {
	var err error
	for _, f := range []*os.File{l.control, l.data} {
		if f != nil {
			err = errors.Join(err, f.Close())
		}
	}
	l.control, l.data = nil, nil
	return err
}
