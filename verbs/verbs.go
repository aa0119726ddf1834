package verbs

import (
	"context"
	"fmt"
	"time"

	"github.com/farswap/farswap/uring"
)

const (
	// MaxLength is the longest operation in bytes. Callers split what is longer.
	MaxLength = 1 << 20
	// MaxDepth is the largest QPConfig.Depth. Two scatter elements per operation
	// then stay below the kernel's UIO_MAXIOV of 1024.
	MaxDepth = 256
	// DefaultDepth is the depth taken when QPConfig.Depth is 0.
	DefaultDepth = 64
	// DefaultTimeout is the timeout taken when QPConfig.Timeout is 0.
	DefaultTimeout = 2 * time.Second
)

// QPConfig says how a connection is made.
type QPConfig struct {
	// Depth is the number of operations that may be outstanding, 1 to MaxDepth;
	// 0 stands for DefaultDepth.
	Depth int
	// Timeout is how long the peer may take from one completion to the next
	// before Tick fails the QP; 0 stands for DefaultTimeout. An operation that
	// waits in line thus takes Depth times as long at most.
	Timeout time.Duration
	// Spin is how long a pass of the loop may poll for completions before it
	// sleeps; 0 for not at all. Only implementations that can poll without a
	// system call make use of it (RDMA).
	Spin time.Duration
	// Place names what the connection is for, among those of its session: a server
	// serves one connection of a place. 0: none; such connections do not fence each
	// other. See "Places" in the package comment.
	Place uint32
	// Generation orders the connections of a place: each attempt to connect has a
	// higher one than the attempt before. It is 1 or more with a place, 0 without.
	Generation uint64
}

// WithDefaults fills in zero fields, and checks the others. Its errors wrap
// ErrConfig.
func (c QPConfig) WithDefaults() (QPConfig, error) {
	if c.Depth == 0 {
		c.Depth = DefaultDepth
	}
	if c.Timeout == 0 {
		c.Timeout = DefaultTimeout
	}
	if c.Depth < 1 || c.Depth > MaxDepth || c.Timeout < 0 || c.Spin < 0 {
		return c, fmt.Errorf("depth %d, timeout %v, spin %v, want a depth of 1 to %d and no negative time: %w", c.Depth, c.Timeout, c.Spin, MaxDepth, ErrConfig)
	}
	if (c.Place == 0) != (c.Generation == 0) {
		return c, fmt.Errorf("generation %d at place %d, want both or neither: %w", c.Generation, c.Place, ErrConfig)
	}
	return c, nil
}

// Completion tells the end of one operation. The buffer of the WR is the
// caller's again.
type Completion struct {
	ID     uint64 // WR.ID
	Op     Opcode
	Status Status
}

// QP is one end of a reliable connection, on the active side. All methods
// belong on the thread of the loop that it was attached to.
type QP interface {
	// Post queues an operation and sends nothing. It copies *wr, but escape
	// analysis cannot know that: use one WR over and over, to allocate none.
	// wr.Local stays with the QP until the completion. Errors: ErrQueueFull when Depth
	// operations are outstanding, ErrNotReady outside StateReady, ErrBounds when
	// the length is not 1 to MaxLength or Local is not in a registered region,
	// ErrOpcode. After an error nothing was queued and no completion will come.
	Post(wr *WR) error
	// Doorbell sends all that was posted since the last Doorbell, in one batch.
	// It is cheap when there is nothing. Errors come as completions.
	Doorbell()
	// Poll moves up to len(c) completions into c, in posting order, and returns
	// how many. An operation leaves Outstanding when Poll returns it.
	Poll(c []Completion) int
	// Outstanding counts the operations posted and not yet returned by Poll.
	Outstanding() int
	// Tick fails the QP if its oldest operation is older than the timeout and no
	// other has been done meanwhile: a peer that is slow is not dead. now is
	// uring.Loop.Now of the QP's loop, in nanoseconds. Operations are as old as
	// the loop's clock was at Post: a thread that has been busy outside of
	// Loop.Pass for long makes a pass before it posts.
	//
	// The time in which the loop did not run is not the peer's: between two calls a
	// quarter of the timeout counts at most. The call that finds the operation late
	// does not fail the QP yet; a later one does, after a pass has taken up what was
	// ready.
	Tick(now int64)
	// Fail moves a ready QP to StateError for the given reason (ErrFailed if
	// nil) and starts to end its operations. They complete, StatusFlushed, once
	// the kernel holds none of their buffers any more, which takes a pass of the
	// loop or a few. Without effect in any other state.
	Fail(reason error)
	// State says whether the QP takes operations.
	State() State
	// Err is why the QP left StateReady, nil before.
	Err() error
	// Close frees the QP. ErrOutstanding, and no effect, unless Outstanding is
	// 0. Closing twice is allowed.
	Close() error
}

// Conn is an established connection that no loop drives yet.
type Conn interface {
	// Attach gives the connection to a loop, on that loop's thread, and returns
	// its QP; the QP owns the connection from then on. notify is called on the
	// loop's thread whenever new completions can be polled: it does what is to be
	// done, because the pass may go on to wait. Without notify, a pass that has
	// brought completions does not wait. Attach allocates nothing. Errors: ErrNotReady
	// when it was attached or closed before.
	Attach(loop *uring.Loop, notify func()) (QP, error)
	// Close ends a connection that was never attached; after Attach it does
	// nothing. Any goroutine.
	Close() error
}

// Region is registered local memory.
type Region interface {
	// Bytes is the registered memory.
	Bytes() []byte
	// Close ends the registration. No operation may be outstanding in it.
	Close() error
}

// Device is the active side: it registers local buffers and connects to
// servers. Methods may be called from any goroutine.
type Device interface {
	// Name is the name of the transport, "tcp" or "rdma".
	Name() string
	// Register makes mem usable as WR.Local. mem must be off the Go heap and
	// stay mapped until Region.Close.
	Register(mem []byte) (Region, error)
	// Connect establishes a connection to the server at address, authenticated
	// by cred. It blocks until it is done or ctx is. With a place in cfg, all earlier
	// connections of the place have ended at the server when it returns, and none of
	// their operations can touch memory any more. Errors: ErrRefused when the
	// server did not take the credential, ErrFenced when the server knows a
	// generation of the place that is as high, ErrBusy when it has no room or an
	// earlier connection of the place does not end, ErrVersion, ErrProtocol, or what
	// the network said. After any error a higher generation may be tried.
	Connect(ctx context.Context, address string, cred Credential, cfg QPConfig) (Conn, error)
	// Close ends the device. ErrBusy, and no effect, while a Conn, QP or Region
	// of it is open. Closing twice is allowed.
	Close() error
}

// Grant is what a device needs to reach a server's region.
type Grant struct {
	Key    Key
	Length uint64 // bytes
}

// ServerStats are a server's running totals since it began to listen, and two
// gauges.
type ServerStats struct {
	Connections int64 // open now
	Regions     int64 // registered now

	Accepted  uint64 // connections that passed the handshake
	Rejected  uint64 // connections refused by the handshake
	Reads     uint64 // operations answered with StatusOK
	Writes    uint64
	ReadBytes uint64 // bytes of those operations

	WriteBytes   uint64
	AccessErrors uint64 // operations refused: key, session or bounds
	Protocol     uint64 // connections ended for malformed bytes
}

// Server is the passive side: it lends memory. Methods may be called from any
// goroutine, and block until every thread of the server has taken note.
type Server interface {
	// Name is the name of the transport, as Device.Name.
	Name() string
	// Address is where devices connect, host:port.
	Address() string
	// Admit makes a session, whose connections prove to know the credential. The
	// servers of several transports may admit one credential. ErrSessionExists if
	// the session is admitted already.
	Admit(c Credential) error
	// Revoke ends the session: its connections and its keys. When it returns, no
	// operation of the session can touch memory any more. Revoking an unknown
	// session does nothing.
	Revoke(s SessionID)
	// Prepare does what can be done ahead of a Register of the same memory, and
	// takes long: RDMA pins the pages and makes them known to the adapter. It gives
	// nobody access. It may be left out.
	Prepare(mem []byte) error
	// Forget takes Prepare back, before mem is unmapped. It is not needed, and has
	// no effect, for memory that was registered since.
	Forget(mem []byte) error
	// Register lends mem to the session: whoever connects as it and knows the
	// key may read and write. mem must be off the Go heap, and stay mapped until
	// Deregister, Revoke or Close has returned. ErrNoSession, ErrBounds if mem is
	// empty.
	Register(s SessionID, mem []byte) (Grant, error)
	// Deregister takes the memory back. When it returns, no remote operation can
	// touch it, now or later. A connection that still has an operation under way
	// in the region is given a moment to finish it, and ended if it does not;
	// later operations with the key are remote access errors, and fatal to their
	// QP. ErrNoSession, ErrNoKey.
	Deregister(s SessionID, k Key) error
	// Stats returns the totals; its fields are read one by one, not at one
	// instant.
	Stats() ServerStats
	// Close ends all connections and stops listening. When it returns, no memory
	// is touched any more. Closing twice is allowed.
	Close() error
}
