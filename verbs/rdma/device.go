//go:build cgo

package rdma

/*
#include "adapter.h"
#include "cm.h"
*/
import "C"

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/farswap/farswap/verbs"
)

// Device is the active side. See package verbs for the rules of its methods.
// It opens an RDMA device when a first connection goes through it, and registers
// all memory with it then.
type Device struct {
	cfg    Config
	ending sync.WaitGroup // queue pairs that are being taken down, and adapters

	looping sync.Mutex // guards pollers; never held for long, because loops wait for it
	pollers *poller    // the first of them

	mu      sync.Mutex // guards what follows, and the adapters' fields
	open    int        // connections and queue pairs
	closed  bool
	regions map[*region]struct{}
	nics    map[string]*nic // by name; one that was lost is not here any more
}

// nic is an adapter as the active side uses it.
type nic struct {
	*adapter
	guard   *guard
	conns   int
	regions map[*region]*C.struct_ibv_mr
	spans   atomic.Pointer[[]span] // of the same, for the data path; replaced as a whole
}

// span is registered memory as the data path sees it.
type span struct {
	first, end uint64 // addresses
	lkey       uint32
}

type region struct {
	dev *Device
	mem []byte
}

var (
	_ verbs.Device = (*Device)(nil)
	_ verbs.Conn   = (*conn)(nil)
	_ verbs.Region = (*region)(nil)
	_ verbs.QP     = (*queuePair)(nil)
	_ verbs.Server = (*Server)(nil)
)

// Open returns a device. verbs.ErrUnavailable, with what to do, when this
// machine has no RDMA libraries or no RDMA device.
func Open(cfg Config) (*Device, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, fmt.Errorf("open the rdma transport: %w", err)
	}
	if err := Available(); err != nil {
		return nil, err
	}
	return &Device{cfg: cfg, regions: make(map[*region]struct{}), nics: make(map[string]*nic)}, nil
}

// Name is "rdma".
func (d *Device) Name() string { return "rdma" }

// Register makes mem usable as WR.Local, with every RDMA device that is open.
func (d *Device) Register(mem []byte) (verbs.Region, error) {
	if len(mem) == 0 {
		return nil, fmt.Errorf("register no memory: %w", verbs.ErrBounds)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return nil, fmt.Errorf("register memory: %w", verbs.ErrClosed)
	}
	r := &region{dev: d, mem: mem}
	for _, n := range d.nics {
		if err := n.add(r); err != nil {
			return nil, errors.Join(err, d.drop(r))
		}
	}
	d.regions[r] = struct{}{}
	return r, nil
}

func (r *region) Bytes() []byte { return r.mem }

// Close ends the registration. It may be called again.
func (r *region) Close() error {
	r.dev.mu.Lock()
	defer r.dev.mu.Unlock()
	return r.dev.drop(r)
}

// drop takes a region away from every adapter. mu is held.
func (d *Device) drop(r *region) error {
	delete(d.regions, r)
	var err error
	for _, n := range d.nics {
		err = errors.Join(err, n.remove(r))
	}
	return err
}

// add registers a region. Device.mu is held.
func (n *nic) add(r *region) error {
	mr, err := n.register(r.mem, address(r.mem), true)
	if err != nil {
		return err
	}
	n.regions[r] = mr
	n.publish()
	return nil
}

// remove is the reverse. Device.mu is held.
func (n *nic) remove(r *region) error {
	mr := n.regions[r]
	if mr == nil {
		return nil
	}
	delete(n.regions, r)
	n.publish()
	return deregister(mr)
}

func (n *nic) publish() {
	spans := make([]span, 0, len(n.regions))
	for r, mr := range n.regions {
		first := address(r.mem)
		spans = append(spans, span{first, first + uint64(len(r.mem)), uint32(mr.lkey)})
	}
	n.spans.Store(&spans)
}

// find returns the local key of memory, if it lies in one region.
func (n *nic) find(b []byte) (lkey uint32, ok bool) {
	first := address(b)
	for _, s := range *n.spans.Load() {
		if first >= s.first && first+uint64(len(b)) <= s.end {
			return s.lkey, true
		}
	}
	return 0, false
}

// use returns the adapter that id is bound to for one more connection.
func (d *Device) use(id *C.struct_rdma_cm_id) (*nic, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	name := C.GoString(C.fs_id_device(id))
	if n := d.nics[name]; n != nil && !n.lost.Load() {
		n.conns++
		return n, nil
	}
	n := &nic{conns: 1, regions: make(map[*region]*C.struct_ibv_mr)}
	gone := func() { d.ending.Go(func() { d.retire(n) }) }
	var err error
	if n.adapter, err = openAdapter(name, gone); err != nil {
		return nil, err
	}
	if n.guard, err = newGuard(id, gone); err != nil {
		n.close()
		return nil, err
	}
	n.publish()
	for r := range d.regions {
		if err := n.add(r); err != nil {
			return nil, errors.Join(err, n.end())
		}
	}
	d.nics[name] = n
	return n, nil
}

// unuse ends a connection's use.
func (d *Device) unuse(n *nic) {
	d.mu.Lock()
	defer d.mu.Unlock()
	n.conns--
	if n.conns == 0 && d.nics[n.name()] != n {
		_ = n.end() // of a device that is gone
	}
}

// retire takes an adapter that was lost out of use.
func (d *Device) retire(n *nic) {
	d.mu.Lock()
	defer d.mu.Unlock()
	name := n.name()
	if d.nics[name] != n {
		return // done before
	}
	delete(d.nics, name)
	if n.conns == 0 {
		_ = n.end() // the device is gone: it reaches nothing any more
	}
}

// end deregisters all and closes the adapter. Device.mu is held.
func (n *nic) end() error {
	var err error
	for r := range n.regions {
		err = errors.Join(err, n.remove(r))
	}
	n.guard.close()
	n.close()
	return err
}

func (d *Device) acquire() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return verbs.ErrClosed
	}
	d.open++
	return nil
}

func (d *Device) release() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.open--
}

// Close ends the device. See verbs.Device. It waits for queue pairs that were
// closed and are being taken down.
func (d *Device) Close() error {
	d.ending.Wait()
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.open > 0 || len(d.regions) > 0 {
		return fmt.Errorf("close the rdma device with %d connections and %d regions: %w", d.open, len(d.regions), verbs.ErrBusy)
	}
	d.closed = true
	var err error
	for name, n := range d.nics {
		delete(d.nics, name)
		err = errors.Join(err, n.end())
	}
	return err
}
