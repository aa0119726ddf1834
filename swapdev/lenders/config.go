package lenders

import (
	"time"

	"github.com/farswap/farswap/control"
	"github.com/farswap/farswap/swapdev/journal"
	"github.com/farswap/farswap/verbs"
)

// MaxDonors is the largest number of donors of a device.
const MaxDonors = 256

// Config is what the donors of a device are given. Its functions are called from the
// donors' goroutines and may wait.
type Config struct {
	Device     control.UUID
	Server     uint64            // of the device, and which of its servers that is; see control.Hello
	Generation uint64            // of the servers of the device
	Name       string            // as donors show this device
	SlabSize   int64             // bytes
	Identity   *control.Identity // of this machine; nil only with Insecure
	Insecure   bool              // sessions without TLS, to loopback addresses only

	// Accept says whether a donor may be used whose certificate has this name, when it is
	// dialled and once a second while it is used. nil accepts all.
	Accept func(name string) error

	Transports []*Transport   // fastest first, at least one
	QP         verbs.QPConfig // of each connection of a queue, but for its place
	Grace      time.Duration  // in which a broken connection may come back before the donor is lost; 0: none
	Journal    *journal.Journal

	// Left are the slabs that this device, or an earlier server of it, has at a donor. nil: there is none.
	// Claimed hears the key of one that the donor still has, before the donor is used; Forsaken hears
	// of one that it has not. Renewed hears another key of one that is in use, and reports whether the
	// device still has the slab as it was.
	Left     func(donor uint16) []Left
	Claimed  func(slab Left, key verbs.Key)
	Renewed  func(slab Left, key verbs.Key) bool
	Forsaken func(donor uint16, slab Left)

	// Joined is called with the address of a donor of the cluster before the donor gets a number,
	// which is refused by an error. nil: nobody wants to know.
	Joined func(address string) error

	// Answer answers a donor's request.
	Answer func(donor uint16, req control.Message) (control.Message, error)
	// Lost voids what a donor holds, when it can be used no more. It returns how many
	// slabs that were, and a function that frees them, which is called once no queue
	// uses the donor's memory any more.
	Lost func(donor uint16) (slabs int, release func())
	// Returned hears that a donor can be used, and whether over another transport than
	// before.
	Returned func(donor uint16, otherTransport bool)
	// HasRoom hears that a donor announces more room than before, for a slab at least.
	HasRoom func()
}

// askDeadline bounds each question to a donor, and each connection that is made to it.
const askDeadline = 3 * time.Second
