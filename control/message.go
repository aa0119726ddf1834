package control

import "fmt"

// Bounds of a message's content.
const (
	MinSlab = 4 << 20 // bytes
	MaxSlab = 1 << 30 // bytes

	// MaxList bounds the slabs in one message: 4096 × 9 bytes of CBOR are well below
	// maxFrame.
	MaxList = 4096

	maxText      = 512 // bytes of a Failure's text
	maxNameLen   = 64  // bytes of a name; also the limit of an X.509 common name
	maxAddress   = 256 // bytes of an endpoint's address
	maxEndpoints = 8
)

// Message is one of this package's message types, as a pointer.
type Message interface {
	kind() kind
	check() error // the fields' bounds; errors wrap ErrInvalid
}

type kind uint16

// Numbers of the kinds are part of the protocol. Never reuse one.
const (
	kindHello         kind = 1
	kindWelcome       kind = 2
	kindFailure       kind = 3
	kindPing          kind = 4
	kindPong          kind = 5
	kindQueryMem      kind = 6
	kindFreeMem       kind = 7
	kindMap           kind = 8
	kindMRInfo        kind = 9
	kindUnmap         kind = 10
	kindDone          kind = 11
	kindCheckActivity kind = 12
	kindActivity      kind = 13
	kindQueryHeld     kind = 14
	kindHeld          kind = 15
	kindEvict         kind = 16
	kindEvicting      kind = 17
)

// kinds has, for each kind, its name, a function that makes an empty message to decode into, and the
// kind of the answer (0: the message is not a request).
var kinds = map[kind]struct {
	name   string
	make   func() Message
	answer kind
}{
	kindHello:         {"Hello", func() Message { return new(Hello) }, 0},
	kindWelcome:       {"Welcome", func() Message { return new(Welcome) }, 0},
	kindFailure:       {"Failure", func() Message { return new(Failure) }, 0},
	kindPing:          {"Ping", func() Message { return new(Ping) }, kindPong},
	kindPong:          {"Pong", func() Message { return new(Pong) }, 0},
	kindQueryMem:      {"QueryMem", func() Message { return new(QueryMem) }, kindFreeMem},
	kindFreeMem:       {"FreeMem", func() Message { return new(FreeMem) }, 0},
	kindMap:           {"Map", func() Message { return new(Map) }, kindMRInfo},
	kindMRInfo:        {"MRInfo", func() Message { return new(MRInfo) }, 0},
	kindUnmap:         {"Unmap", func() Message { return new(Unmap) }, kindDone},
	kindDone:          {"Done", func() Message { return new(Done) }, 0},
	kindCheckActivity: {"CheckActivity", func() Message { return new(CheckActivity) }, kindActivity},
	kindActivity:      {"Activity", func() Message { return new(Activity) }, 0},
	kindQueryHeld:     {"QueryHeld", func() Message { return new(QueryHeld) }, kindHeld},
	kindHeld:          {"Held", func() Message { return new(Held) }, 0},
	kindEvict:         {"Evict", func() Message { return new(Evict) }, kindEvicting},
	kindEvicting:      {"Evicting", func() Message { return new(Evicting) }, 0},
}

func (k kind) String() string {
	if e, ok := kinds[k]; ok {
		return e.name
	}
	return fmt.Sprintf("message %d", uint16(k))
}

// Hello opens a session and identifies the device. SlabSize is in bytes, a power of two from MinSlab
// to MaxSlab.
//
// Grace is how long the donor is to keep the session after its connection has broken, in
// milliseconds; 0: not at all. With Resume the device goes on with the session of that number. The
// donor then opens no other session: it answers ErrNoSession if it does not keep that one. A donor
// of an earlier release skips both fields.
//
// Server tells the servers of a device apart that follow on each other, or that live at the same time by mistake. It
// is a random number; 0: unknown. Generation counts them: of two that are told apart, the donor ends the session of
// the one with the lower number, or does not open it, with ErrOtherServer, and of two with the same number that of
// the one that was first.
type Hello struct {
	Device   UUID   `cbor:"1,keyasint"`
	Name     string `cbor:"2,keyasint"`
	SlabSize uint64 `cbor:"3,keyasint"`
	Grace    uint64 `cbor:"4,keyasint,omitempty"`
	Resume   uint64 `cbor:"5,keyasint,omitempty"`

	Server     uint64 `cbor:"6,keyasint,omitempty"`
	Generation uint64 `cbor:"7,keyasint,omitempty"`
}

// Welcome accepts a device. Session and Secret are the device's credential on data connections. Held
// lists slabs of an earlier session that the donor holds under lease, MaxList at most. HeldTotal
// counts all of them; QueryHeld returns the others.
//
// Grace is how long the donor keeps the session after its connection has broken, in milliseconds: at
// most what the device asked for, and 0 if it is a donor of an earlier release. Resumed says that the
// session is the one in the Hello's Resume, with its keys and data connections. Held then lists slabs of
// the session itself that have no key: the device has not claimed them yet, or the donor goes on in another
// process, and the keys of their transport have ended with the one before. The device claims these anew.
type Welcome struct {
	Session   uint64     `cbor:"1,keyasint"`
	Name      string     `cbor:"2,keyasint"`
	Data      []Endpoint `cbor:"3,keyasint"`
	Secret    Secret     `cbor:"4,keyasint"`
	Held      []uint32   `cbor:"5,keyasint,omitempty"`
	HeldTotal uint32     `cbor:"6,keyasint,omitempty"`
	Grace     uint64     `cbor:"7,keyasint,omitempty"`
	Resumed   bool       `cbor:"8,keyasint,omitempty"`
}

// Endpoint is the address at which one transport ("tcp", "rdma") serves the donor's memory. An empty
// or unspecified host stands for the host of the control connection.
type Endpoint struct {
	Transport string `cbor:"1,keyasint"`
	Address   string `cbor:"2,keyasint"`
}

// Failure answers a request that the peer has not carried out. It is an error and unwraps to the
// sentinel error of its code.
type Failure struct {
	Code Code   `cbor:"1,keyasint"`
	Text string `cbor:"2,keyasint"`
}

// Ping asks for a sign of life.
type Ping struct{}

// Pong answers a Ping.
type Pong struct{}

// QueryMem asks a donor how much memory it has.
type QueryMem struct{}

// FreeMem is a donor's memory in bytes. The donor lends Total at most. Devices hold Mapped. The donor
// has taken Used from its machine: mapped and prepared slabs. The device that asks can map Free more.
//
// Machine is the memory of the donor's machine, and Spare how much of it the machine could lend
// without the limit of the donor. Devices compare donors with different limits by these two. A donor
// of an earlier release sends 0 for both.
type FreeMem struct {
	Free   uint64 `cbor:"1,keyasint"`
	Total  uint64 `cbor:"2,keyasint"`
	Used   uint64 `cbor:"3,keyasint"`
	Mapped uint64 `cbor:"4,keyasint"`

	Spare   uint64 `cbor:"5,keyasint,omitempty"`
	Machine uint64 `cbor:"6,keyasint,omitempty"`
}

// Map asks for the zeroed memory of one slab or, with Claim, for a held slab with its content. Bytes is
// the slab size from Hello. The key will be valid on data connections over Transport, one of those in
// Welcome; empty stands for "tcp".
type Map struct {
	Slab      uint32 `cbor:"1,keyasint"`
	Bytes     uint64 `cbor:"2,keyasint"`
	Claim     bool   `cbor:"3,keyasint,omitempty"`
	Transport string `cbor:"4,keyasint,omitempty"`
}

// MRInfo grants a Map. Key is the secret that gives access to the region of Bytes, on data connections
// of this session over the transport of the Map. It ends with the session.
type MRInfo struct {
	Slab  uint32 `cbor:"1,keyasint"`
	Key   uint64 `cbor:"2,keyasint"`
	Bytes uint64 `cbor:"3,keyasint"`
}

// Unmap gives a mapped or held slab back, without its content. With a Key it applies only if the slab
// still has this key, and not if the device has mapped the slab anew since. A donor of an earlier
// release skips the field.
type Unmap struct {
	Slab uint32 `cbor:"1,keyasint"`
	Key  uint64 `cbor:"2,keyasint,omitempty"`
}

// Done says that no remote operation reaches the slab any more.
type Done struct {
	Slab uint32 `cbor:"1,keyasint"`
}

// CheckActivity asks a device how busy some of its slabs are.
type CheckActivity struct {
	Slabs []uint32 `cbor:"1,keyasint"`
}

// Activity answers with smoothed page I/Os per second, in the order of CheckActivity.
type Activity struct {
	PerSecond []float64 `cbor:"1,keyasint"`
}

// QueryHeld asks for the list of held slabs from position From on.
type QueryHeld struct {
	From uint32 `cbor:"1,keyasint"`
}

// Held is a part of that list, MaxList slabs at most. At the end of the list it is empty.
type Held struct {
	Slabs []uint32 `cbor:"1,keyasint"`
}

// Evict asks a device to give some of its slabs back, at most MaxList: to move each
// to another donor, or to let go of its content, and then to Unmap it. Slabs that
// are not mapped to the donor any more are passed over. Urgent says that the donor
// is short of memory now: the device must not wait for a donor to have room.
type Evict struct {
	Slabs  []uint32 `cbor:"1,keyasint"`
	Urgent bool     `cbor:"2,keyasint,omitempty"`
}

// Evicting says that the device has begun. An Unmap of each slab follows.
type Evicting struct{}

func (*Hello) kind() kind         { return kindHello }
func (*Welcome) kind() kind       { return kindWelcome }
func (*Failure) kind() kind       { return kindFailure }
func (*Ping) kind() kind          { return kindPing }
func (*Pong) kind() kind          { return kindPong }
func (*QueryMem) kind() kind      { return kindQueryMem }
func (*FreeMem) kind() kind       { return kindFreeMem }
func (*Map) kind() kind           { return kindMap }
func (*MRInfo) kind() kind        { return kindMRInfo }
func (*Unmap) kind() kind         { return kindUnmap }
func (*Done) kind() kind          { return kindDone }
func (*CheckActivity) kind() kind { return kindCheckActivity }
func (*Activity) kind() kind      { return kindActivity }
func (*QueryHeld) kind() kind     { return kindQueryHeld }
func (*Held) kind() kind          { return kindHeld }
func (*Evict) kind() kind         { return kindEvict }
func (*Evicting) kind() kind      { return kindEvicting }
