package bpf

import (
	"errors"
	"fmt"
	"math/bits"
	"os"
	"sync"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"

	"github.com/farswap/farswap/internal/loghist"
)

// Errors of Open.
var (
	ErrUnsupported = errors.New("this kernel cannot run the probes")
	ErrPermission  = errors.New("no permission for probes: give CAP_BPF and CAP_PERFMON")
	ErrConfig      = errors.New("probes")
)

// Config is a block device to measure.
type Config struct {
	Major, Minor uint32 // of the whole device, not of a partition
	Size         int64  // bytes
	SlabSize     int64  // bytes, a power of two from 512 on
	Queues       int    // hardware queues
	Depth        int    // requests in flight of each

	groups int // control groups with a place; 0: 128
}

const sector = 512

func (c Config) slabs() int { return int((c.Size + c.SlabSize - 1) / c.SlabSize) }

func (c Config) validate() error {
	switch {
	case c.SlabSize < sector || bits.OnesCount64(uint64(c.SlabSize)) != 1:
		return fmt.Errorf("%w: slabs of %d bytes: want a power of two from %d on", ErrConfig, c.SlabSize, sector)
	case c.Size <= 0 || c.slabs() > 1<<30:
		return fmt.Errorf("%w: a device of %d bytes in slabs of %d", ErrConfig, c.Size, c.SlabSize)
	case c.Queues < 1 || c.Depth < 1 || c.Queues*c.Depth > 1<<20:
		return fmt.Errorf("%w: %d queues with %d requests", ErrConfig, c.Queues, c.Depth)
	}
	return nil
}

// Probes measure one device until Close or the end of the process. The methods may be called from any goroutine
// and not from a queue's thread, because they make system calls and allocate.
type Probes struct {
	config   Config
	cover    coverage
	memory   int64
	programs []*ebpf.Program
	links    []link.Link
	maps     map[string]*ebpf.Map
	slabs    *ebpf.Memory
	names    *groupNames

	mu     sync.Mutex // guards the fields below, slabs, names, and the order of Read and Close
	closed bool
	folded loghist.Histogram // faults of control groups that are gone
}

// Info describes open probes. It does not change.
type Info struct {
	Hooks   []string // with programs attached
	Missing []Missing
	Memory  int64 // bytes of the maps, as the kernel counts them
}

// Open loads the programs and attaches them. A hook that the kernel lacks or refuses is not an error as long as one
// histogram is left. Errors wrap ErrPermission, ErrUnsupported or ErrConfig; after an error nothing stays loaded.
func Open(config Config) (*Probes, error) {
	if err := config.validate(); err != nil {
		return nil, err
	}
	spec, err := loadObjects()
	if err != nil {
		return nil, err
	}
	cache := btf.NewCache()
	kernel, err := kernelTypes(cache)
	if err != nil {
		return nil, err
	}
	p := &Probes{config: config, maps: map[string]*ebpf.Map{}, names: newGroupNames()}
	if err := p.open(spec, kernel, cache); err != nil {
		return nil, errors.Join(err, p.Close())
	}
	return p, nil
}

func (p *Probes) open(spec *ebpf.CollectionSpec, kernel *btf.Spec, cache *btf.Cache) error {
	if err := p.config.apply(spec); err != nil {
		return err
	}
	if err := p.makeMaps(spec, cache); err != nil {
		return err
	}
	for _, h := range hooks {
		err := p.attach(h, spec, kernel, cache)
		switch {
		case err == nil:
			p.cover.have(h)
		case errors.Is(err, unix.EPERM):
			return fmt.Errorf("%w: at %s: %w", ErrPermission, h.name, err)
		default:
			p.cover.lack(h, fmt.Errorf("%s: %w", h.name, err))
		}
	}
	if p.cover.none() {
		return fmt.Errorf("%w: %w", ErrUnsupported, p.cover.missing[0].Why)
	}
	return nil
}

// apply sets the constants of the programs and the sizes of the maps.
func (c Config) apply(spec *ebpf.CollectionSpec) error {
	for name, value := range map[string]uint32{
		objectsVarDeviceMajor: c.Major,
		objectsVarDeviceMinor: c.Minor,
		objectsVarQueueDepth:  uint32(c.Depth),
		objectsVarSlabShift:   uint32(bits.TrailingZeros64(uint64(c.SlabSize / sector))),
	} {
		if err := spec.Variables[name].Set(value); err != nil {
			return fmt.Errorf("%w: constant %s: %w", ErrConfig, name, err)
		}
	}
	spec.Maps[objectsMapSlabs].MaxEntries = uint32(2 * c.slabs())
	if c.groups > 0 {
		spec.Maps[objectsMapCgroups].MaxEntries = uint32(c.groups)
	}
	spec.Maps[objectsMapIssued].MaxEntries = uint32(c.Queues * c.Depth)
	return nil
}

// makeMaps makes the maps, which the programs share.
func (p *Probes) makeMaps(spec *ebpf.CollectionSpec, cache *btf.Cache) error {
	only := spec.Copy()
	only.Programs = nil
	c, err := ebpf.NewCollectionWithOptions(only, ebpf.CollectionOptions{Cache: cache})
	if errors.Is(err, unix.EPERM) || errors.Is(err, os.ErrPermission) {
		return fmt.Errorf("%w: %w", ErrPermission, err)
	}
	if err != nil {
		return fmt.Errorf("%w: make maps: %w", ErrUnsupported, err)
	}
	p.maps, c.Maps = c.Maps, nil
	c.Close()
	for name, m := range p.maps {
		info, err := m.Info()
		if err != nil {
			return fmt.Errorf("map %s: %w", name, err)
		}
		bytes, _ := info.Memlock()
		p.memory += int64(bytes)
	}
	if p.slabs, err = p.maps[objectsMapSlabs].Memory(); err != nil {
		return fmt.Errorf("map the slabs' histograms: %w", err)
	}
	return p.maps[objectsMapCgroups].Put(otherGroups, histogram{})
}

// attach loads the programs of one hook and attaches all or none of them.
func (p *Probes) attach(h hook, spec *ebpf.CollectionSpec, kernel *btf.Spec, cache *btf.Cache) error {
	names, err := h.programs(kernel)
	if err != nil {
		return err
	}
	only := spec.Copy()
	only.Programs = map[string]*ebpf.ProgramSpec{}
	for _, name := range names {
		only.Programs[name] = spec.Programs[name]
	}
	c, err := ebpf.NewCollectionWithOptions(only, ebpf.CollectionOptions{MapReplacements: p.maps, Cache: cache})
	if err != nil {
		return err
	}
	defer c.Close()
	var links []link.Link
	for _, name := range names {
		l, err := link.AttachTracing(link.TracingOptions{Program: c.Programs[name]})
		if err != nil {
			return errors.Join(err, closeLinks(links))
		}
		links = append(links, l)
	}
	for _, name := range names {
		p.programs = append(p.programs, c.DetachProgram(name))
	}
	p.links = append(p.links, links...)
	return nil
}

func closeLinks(links []link.Link) error {
	var err error
	for _, l := range links {
		err = errors.Join(err, l.Close())
	}
	return err
}

// Info describes the probes.
func (p *Probes) Info() Info { return Info{p.cover.hooks, p.cover.missing, p.memory} }

// Close detaches the programs and frees the maps. Then Read fails with os.ErrClosed. It may be called twice.
func (p *Probes) Close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil
	}
	p.closed = true
	err := closeLinks(p.links)
	for _, program := range p.programs {
		err = errors.Join(err, program.Close())
	}
	for _, m := range p.maps {
		err = errors.Join(err, m.Close())
	}
	p.slabs = nil
	return err
}
