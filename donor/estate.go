package donor

import (
	"time"

	"github.com/farswap/farswap/control"
	"github.com/farswap/farswap/status"
)

// estateSchema is the version of what one donor process tells the next. A change that an older program
// would misunderstand raises it. A program reads its own version and the one before: so it takes over
// from the release before it. A field that is only added raises nothing, because programs skip what
// they do not know.
const estateSchema = 1

// offer is what a donor tells its successor first, while it goes on serving. The descriptors of the memory
// and of the sockets come with it.
type offer struct {
	Schema     int
	Name       string
	Listen     string // addresses as they were configured; the sockets stay what they are
	DataListen string
	Insecure   bool
	Unlocked   bool
	HasData    bool   // a socket of data over TCP comes along
	Slabs      []area // lent now; more may come, and some may go, until the estate
}

// area is a slab in the file of the memory, in bytes.
type area struct{ Offset, Size int64 }

// estate is what a donor has when it has stopped.
type estate struct {
	Schema   int
	Stopped  time.Time // when the donor began to stop
	Sessions uint64    // so far; numbers the next one
	Draining bool
	Resized  *status.DonorResize `json:",omitempty"` // by somebody while it ran
	Devices  []keptDevice
}

// keptDevice is a device that has a session, slabs, or both.
type keptDevice struct {
	UUID     control.UUID
	Identity string
	Name     string
	SlabSize int64
	Shown    [][]byte `json:",omitempty"` // its certificates, in DER
	Session  *keptSession
	Slabs    []keptSlab
	Since    time.Time // of a recovery; zero: there is none
	Until    time.Time

	Server     uint64 `json:",omitempty"` // see control.Hello
	Generation uint64 `json:",omitempty"`
}

// keptSession is a session that waits for its device.
type keptSession struct {
	ID      uint64
	Secret  [32]byte
	Began   time.Time
	Grace   time.Duration
	Address string // of the device, for people
}

// keptSlab is a slab. Key is 0 if its device has to claim it: it is under lease, or was lent over a transport
// whose keys end with the process.
type keptSlab struct {
	Index   uint32
	Area    area
	Key     uint64
	Expires time.Time // of the lease, without a session
}

// settle takes what the donor has out of it, and lists its slabs by their offset in the store. Nothing that is
// left of the donor changes anything any more. Preconditions: Serve has returned, and the transports
// are closed.
func (d *Donor) settle() (*estate, map[int64][]byte) {
	slabs := make(map[int64][]byte)
	e := &estate{Schema: estateSchema, Sessions: d.sessions.Load(), Draining: d.ledger.isDraining()}
	d.mu.Lock()
	e.Resized = d.resized
	d.closed = true
	d.mu.Unlock()
	for _, dev := range d.known() {
		e.Devices = append(e.Devices, d.settleDevice(dev, slabs))
	}
	d.mu.Lock()
	d.devices = make(map[deviceKey]*device)
	d.mu.Unlock()
	return e, slabs
}

func (d *Donor) settleDevice(dev *device, slabs map[int64][]byte) keptDevice {
	dev.op.Lock()
	defer dev.op.Unlock()
	d.mu.Lock()
	defer d.mu.Unlock()
	dev.gone = true
	if dev.lease != nil {
		dev.lease.Stop()
	}
	kept := keptDevice{
		UUID: dev.uuid, Identity: dev.identity, Name: dev.name, SlabSize: int64(dev.slabSize), Shown: dev.shown.Chain(),
		Since: dev.recovery.since, Until: dev.recovery.until, Server: dev.served.server, Generation: dev.served.generation,
	}
	if ses := dev.session; ses != nil {
		if ses.timer != nil {
			ses.timer.Stop()
		}
		kept.Session = &keptSession{
			ID: uint64(ses.id()), Secret: ses.credential.Secret, Began: ses.since, Grace: ses.grace, Address: ses.control.Peer().Address,
		}
	}
	for i, s := range dev.slabs {
		offset, _ := d.pool.store.Offset(s.mem)
		slabs[offset] = s.mem
		slab := keptSlab{Index: i, Area: area{offset, int64(len(s.mem))}, Expires: s.expires}
		if s.key != 0 && keepsKeys(s.server) {
			slab.Key = uint64(s.key)
		}
		kept.Slabs = append(kept.Slabs, slab)
	}
	return kept
}
