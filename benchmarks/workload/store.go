package workload

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"sync/atomic"
	"time"
)

// pipe is a connection to a key-value store on which operations can be under way while others
// are sent. One goroutine may send and flush while another receives. When its net.Conn is
// closed, every wait of the pipe ends with an error.
type pipe interface {
	// send queues an operation; it is sent at the next flush at the latest.
	send(op operation) error
	flush() error
	// receive reads and checks the answer to op, the oldest operation without an answer. For
	// a key that the store does not have the error is errMiss, and the pipe goes on.
	receive(op operation) error
	// fill queues writes without an answer of their own.
	fill(op operation) error
	// filled waits until all writes of fill are done, or says what went wrong with them.
	filled() error
}

// errMiss means that a store does not have a key.
var errMiss = errors.New("the store has lost a key")

// operation is one read or write.
type operation struct {
	key     int64
	version uint32 // that a write writes, or that a read must return
	write   bool
}

// store is a key-value store that is loaded.
type store struct {
	dial   func() (net.Conn, pipe, error)
	keys   int64
	values values
	draw   distribution
	writes float64 // share of operations that write, 0 to 1
	seed   uint64
	// lossy stores may lose keys, which are counted. For others a lost key is ErrWrong.
	lossy bool
}

// connections is how many connections load a store. Each has every connections-th key.
const connections = 8

// share is what one connection knows of its keys. A read must return the version here, because
// the store does the operations of one connection in order.
type share struct {
	store    *store
	number   int64
	versions []uint32
	choose   func() int64
	rng      *rand.Rand
}

func (s *store) shares() []*share {
	all := make([]*share, connections)
	for i := range all {
		number := int64(i)
		rng := rand.New(rand.NewPCG(s.seed, uint64(i)))
		n := (s.keys - number + connections - 1) / connections
		all[i] = &share{store: s, number: number, versions: make([]uint32, n), rng: rng, choose: s.draw.chooser(rng, n)}
	}
	return all
}

// next draws an operation.
func (s *share) next() operation {
	i := s.choose()
	op := operation{key: s.number + i*connections, write: s.rng.Float64() < s.store.writes}
	if op.write {
		s.versions[i]++
	}
	op.version = s.versions[i]
	return op
}

// reportEvery is how often the fill reports its progress.
const reportEvery = 5 * time.Second

// fill writes the first version of every key, on all connections at once, many writes
// under way on each.
func (s *store) fill(ctx context.Context, shares []*share, log func(string, ...any)) error {
	var done atomic.Int64
	stop := make(chan struct{})
	defer close(stop)
	go func() {
		tick := time.NewTicker(reportEvery)
		defer tick.Stop()
		for {
			select {
			case <-stop:
				return
			case <-tick.C:
				log("filled %d%%", done.Load()*100/s.keys)
			}
		}
	}()
	return s.each(ctx, shares, func(_ context.Context, c session) error {
		for i := range c.versions {
			if err := c.fill(operation{key: c.number + int64(i)*connections, write: true}); err != nil {
				return fmt.Errorf("fill: %w", err)
			}
			done.Add(1)
		}
		return c.filled()
	})
}

// session is a share's connection.
type session struct {
	*share
	pipe
	hangUp func() // closes the connection, so that every wait on it fails
}

// each connects for every share and calls f for all of them at once. When ctx ends or one fails,
// it closes the connections of all.
func (s *store) each(ctx context.Context, shares []*share, f func(context.Context, session) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	results := make(chan struct{})
	for _, sh := range shares {
		go func() {
			if err := s.connect(ctx, sh, f); err != nil {
				cancel(err)
			}
			results <- struct{}{}
		}()
	}
	for range shares {
		<-results
	}
	// Report the first failure only, because the others follow from it.
	return context.Cause(ctx)
}

func (s *store) connect(ctx context.Context, sh *share, f func(context.Context, session) error) error {
	conn, p, err := s.dial()
	if err != nil {
		return fmt.Errorf("connect to the store: %w", err)
	}
	hangUp := func() { _ = conn.Close() }
	defer hangUp()
	defer context.AfterFunc(ctx, hangUp)()
	return f(ctx, session{share: sh, pipe: p, hangUp: hangUp})
}
