package swapdev

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/farswap/farswap/control"
	"github.com/farswap/farswap/internal/kept"
	"github.com/farswap/farswap/offheap"
	"github.com/farswap/farswap/slabmap"
	"github.com/farswap/farswap/swapdev/seal"
)

// Keep says whether a device outlives its server.
type Keep string

// Whether the state of a device is kept where a later server finds it.
const (
	KeepOff  Keep = "off"  // the device's pages are lost with its server
	KeepOn   Keep = "on"   // another server can take the device over
	KeepAuto Keep = "auto" // the same, if there is a place that is never swapped, or one can be made
)

// life is what makes a device the same for all its servers: who it is, its map, the key of its pages.
type life struct {
	place  *kept.Place  // nil: state is nil
	state  *kept.Device // nil: it ends with this process
	memory []byte       // of the map
	device control.UUID
	server uint64    // tells this server from the others of the device; see control.Hello
	key    *seal.Key // nil: pages are not sealed
}

// newLife begins the life of a device. backingMade says that its backing file was made for it.
func newLife(cfg Config, backingMade bool) (*life, error) {
	l := &life{device: control.NewUUID(), server: newServer()}
	spec := cfg.spec()
	r := kept.Record{
		UUID: l.device, Generation: 1, Size: cfg.Size, SlabSize: cfg.SlabSize, Queues: spec.Queues, Depth: spec.Depth, MaxIO: spec.MaxIO,
		BackingMade: backingMade, Options: cfg.Options,
	}
	if cfg.Seal == SealOn {
		r.Secret, r.Life = seal.NewSecret(), uint16(time.Now().Unix())
	}
	if err := l.takeKey(r, cfg); err != nil {
		return nil, err
	}
	bytes := slabmap.MemoryNeeded(cfg.geometry())
	if cfg.Keep != KeepOff {
		err := l.keep(cfg, r, bytes)
		if err == nil || cfg.Keep == KeepOn || !errors.Is(err, kept.ErrPlace) {
			return l, err
		}
		cfg.Log.Warn().Err(err).Msg("the device ends with its server: its state cannot be kept")
	}
	var err error
	if l.memory, err = offheap.Map(bytes, offheap.Options{Huge: true, Lock: true, Purpose: mapMemory}); err != nil {
		return nil, fmt.Errorf("page states: %w", err)
	}
	return l, nil
}

// newServer is a random number that is not 0.
func newServer() uint64 { return rand.Uint64() | 1 }

// keep has the state where a later server finds it.
func (l *life) keep(cfg Config, r kept.Record, bytes int) (err error) {
	if l.place, err = kept.Open(cfg.StateRoot); err != nil {
		return err
	}
	if l.place.Private() {
		cfg.Log.Warn().Str("place", l.place.Path()).Msg("the state of the device is kept in a mount that only this server sees: nobody but its standby can take the device over")
	}
	if l.state, err = l.place.New(r, bytes, mapMemory); err != nil {
		return errors.Join(err, l.place.Close())
	}
	l.memory = l.state.Map()
	for _, address := range cfg.Donors {
		if err := l.state.AddDonor(address); err != nil {
			return errors.Join(err, l.end())
		}
	}
	return nil
}

// laterLife goes on with a device whose server has died. It takes over place and state.
func laterLife(cfg Config, place *kept.Place, state *kept.Device) (*life, error) {
	r := state.Record()
	l := &life{place: place, state: state, memory: state.Map(), device: r.UUID, server: newServer()}
	return l, l.takeKey(r, cfg)
}

func (l *life) takeKey(r kept.Record, cfg Config) (err error) {
	if len(r.Secret) == 0 {
		return nil
	}
	if l.key, err = seal.NewKey(r.Secret, r.Life); err != nil {
		return err
	}
	if !seal.InHardware() {
		cfg.Log.Warn().Msg("this processor has no instructions for AES: sealing takes much of its time, and how much depends on the key")
	}
	return nil
}

// number is called once the device has its number. From then on a later server finds the state.
func (l *life) number(id int) error {
	if l.state == nil {
		return nil
	}
	return l.state.Number(id)
}

// joined notes a donor, which gets the next number.
func (l *life) joined(address string) error {
	if l.state == nil {
		return nil
	}
	return l.state.AddDonor(address)
}

// generation counts the servers that the device has had, this one included. It is 0 if the device ends with it.
func (l *life) generation() int {
	if l.state == nil {
		return 0
	}
	return l.state.Record().Generation
}

// end ends the life of a device that the kernel does not have any more.
func (l *life) end() error {
	switch {
	case l.state == nil && l.memory == nil:
		return nil
	case l.state == nil:
		return offheap.Unmap(l.memory)
	default:
		return errors.Join(l.state.Remove(), l.place.Close())
	}
}
