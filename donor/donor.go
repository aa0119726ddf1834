package donor

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"github.com/farswap/farswap/control"
	"github.com/farswap/farswap/evict"
	"github.com/farswap/farswap/internal/refusals"
	"github.com/farswap/farswap/status"
)

// Donor lends memory to devices. Its methods may be called from any goroutine.
type Donor struct {
	cfg      Config
	log      zerolog.Logger
	listener *control.Listener
	pool     *pool
	governor *evict.Governor
	ledger   *ledger
	started  time.Time

	network    network
	transports *transports
	sessions   atomic.Uint64 // sessions so far; numbers the next one

	sessionRefusals, dataRefusals *refusals.Log
	openings, changes, lines      *paces // sessions, Map and Unmap, lines about those

	stop    context.CancelCauseFunc // ends ctx
	ctx     context.Context
	serving sync.WaitGroup

	ticks    atomic.Int64  // samples of the memory so far
	poke     chan struct{} // one slot: a drain can do its next step
	patience patience
	takeover time.Duration  // takeoverTime, but in tests
	rng      *rand.Rand     // of the goroutine of govern
	recalls  sync.WaitGroup // recalls under way, within Serve
	resizing sync.Mutex     // one Resize at a time; taken before all others

	mu      sync.Mutex // guards the fields below and parts of device; taken after device.op, never held across a wait
	closed  bool
	devices map[deviceKey]*device
	machine machine

	resized      *status.DonorResize // what Resize has changed since the start; nil: nothing
	evictions    uint64              // slabs
	evictedBytes uint64
	lastEviction *status.DonorEviction // nobody changes it once it is set
}

// Open binds the donor's addresses and checks that the process may lock Config.Memory. Serve
// serves. An error is one line that says what to do: Validate's, offheap.ErrLocked,
// verbs.ErrUnavailable (with transport "rdma"), or the network's. After an error nothing stays
// open.
func Open(cfg Config) (*Donor, error) { return open(cfg, machineNetwork(), nil) }

// open opens a donor that goes on with what another has left, or with nothing.
func open(cfg Config, net network, left *legacy) (*Donor, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	cfg = cfg.withDefaults()
	if !cfg.Unlocked {
		if err := mayLock(max(cfg.Memory-left.locked(), 1)); err != nil {
			return nil, err
		}
	}
	sample, err := cfg.Sampler.Sample()
	if err != nil {
		return nil, fmt.Errorf("read how much memory this machine has: %w", err)
	}
	store, err := left.memory()
	if err != nil {
		return nil, err
	}
	d := &Donor{
		cfg:      cfg,
		log:      cfg.Log,
		started:  time.Now(),
		network:  net,
		pool:     newPool(cfg.Memory, cfg.Ahead, store, cfg.memoryOptions()),
		governor: evict.NewGovernor(evict.Config{HeadRoom: cfg.HeadRoom.of(sample.Total)}),
		poke:     make(chan struct{}, 1),
		patience: defaultPatience,
		takeover: takeoverTime,
		rng:      rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64())),
		devices:  make(map[deviceKey]*device),

		sessionRefusals: refusals.New(cfg.Log, "session refused"),
		dataRefusals:    refusals.New(cfg.Log, "data connection refused"),

		openings: newPaces(sessionsAtOnce, sessionsPerSecond),
		changes:  newPaces(changesAtOnce, changesPerSecond),
		lines:    newPaces(linesAtOnce, linesPerSecond),
	}
	d.ledger = newLedger(d.governor, d.pool, cfg.Allow)
	d.ctx, d.stop = context.WithCancelCause(context.Background())
	d.tick(d.ctx, cfg.Tick.Seconds()) // the first device already learns how much room there is
	if err := d.bind(net, left); err != nil {
		d.stop(err)
		return nil, errors.Join(err, left.unused(store))
	}
	if err := d.restore(left); err != nil {
		d.stop(err)
		return nil, errors.Join(err, d.listener.Close(), d.transports.close())
	}
	return d, nil
}

// bind opens the donor's addresses, or goes on with the sockets that another donor has left.
func (d *Donor) bind(net network, left *legacy) (err error) {
	socket, err := left.controlSocket()
	if err != nil {
		return err
	}
	if d.listener, err = control.Listen(d.cfg.Listen, control.ListenConfig{
		Identity: d.cfg.Identity, Insecure: d.cfg.Insecure, Timing: d.cfg.Timing,
		Rejected: d.sessionRefused, Socket: socket,
	}); err != nil {
		return err
	}
	if err := d.openTransports(net, left); err != nil {
		return errors.Join(err, d.listener.Close())
	}
	return nil
}

// Addr is the bound control address, host:port.
func (d *Donor) Addr() string { return d.listener.Addr().String() }

// DataAddr is the bound host:port of data over TCP, or over RDMA if the donor does not serve
// TCP. It is empty while the donor serves no transport.
func (d *Donor) DataAddr() string {
	address := ""
	for _, s := range d.transports.all() {
		address = s.Address() // TCP is the last
	}
	return address
}

// Serve lends until the context ends, Close is called or another process takes over (see Offer). Then it
// ends all sessions, waits for the last and returns nil. Slabs stay until Close. Call it once.
func (d *Donor) Serve(ctx context.Context) error {
	d.mu.Lock()
	if d.closed {
		d.mu.Unlock()
		return nil
	}
	d.serving.Add(1)
	d.mu.Unlock()
	defer d.serving.Done()

	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(d.ctx, func() { cancel(context.Cause(d.ctx)) })()
	var background sync.WaitGroup
	background.Go(func() {
		d.pool.run(ctx, func(err error) { d.log.Warn().Err(err).Msg("cannot prepare memory ahead of need") })
	})
	background.Go(func() { d.transports.run(ctx) })
	background.Go(func() { d.govern(ctx) })
	background.Go(func() { d.audits(ctx) })
	if d.cfg.Insecure {
		d.log.Warn().Str("address", d.Addr()).Msg("insecure: no TLS, no identities; loopback only")
	}
	d.log.Info().Str("name", d.cfg.Name).Str("address", d.Addr()).Str("data", d.DataAddr()).
		Str("transports", d.transports.names()).Int64("bytes", d.cfg.Memory).Int64("headroom", d.governor.HeadRoom()).Msg("donor serves")
	d.transports.begin()
	err := d.listener.Serve(ctx, d)
	cancel(nil)
	background.Wait() // no recall begins after this
	d.recalls.Wait()
	return err
}

// Close ends Serve and frees everything: sessions, data connections and slabs. A second call
// does nothing.
func (d *Donor) Close() error {
	d.stop(nil)
	d.mu.Lock()
	again := d.closed
	d.closed = true
	d.mu.Unlock()
	d.serving.Wait()
	if again {
		return nil
	}
	// After this no remote operation touches any memory.
	errs := []error{d.listener.Close(), d.transports.close()}
	d.mu.Lock()
	devices := d.devices
	d.devices = make(map[deviceKey]*device)
	d.mu.Unlock()
	for _, dev := range devices {
		errs = append(errs, d.free(dev))
	}
	d.pool.close()
	errs = append(errs, d.pool.store.Close())
	d.sessionRefusals.Close()
	d.dataRefusals.Close()
	d.log.Info().Msg("donor closed")
	return errors.Join(errs...)
}
