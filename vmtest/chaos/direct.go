package main

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/farswap/farswap/vmtest"
)

// directSize is the size of the second device, in bytes.
const directSize = 32 << 20

// direct is a second device, which does not swap: direct I/O of one page and of many, discards among it. Its backing
// file is on a disk without faults, and allocated. So no fault and no pair may lose a page of it.
type direct struct {
	server *server
	done   atomic.Int64 // requests
	stop   context.CancelFunc
	ended  chan struct{} // closed at the end of the history
	err    error         // of the history, from then on
}

// startDirect makes the device, and starts the history.
func startDirect(out, certs, backing string, seed uint64) (*direct, error) {
	s, err := startServer("direct", out, certs, backing, directSize)
	if err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(context.Background())
	d := &direct{server: s, stop: stop, ended: make(chan struct{})}
	h := vmtest.History{
		Path: s.path, Seed: seed, Workers: 2, Pages: 1024, Run: 16, Done: &d.done, Discard: vmtest.DiscardDevice,
		Pause: 30 * time.Millisecond, // an emulated machine has enough to do
	}
	go func() {
		defer close(d.ended)
		_, d.err = h.Play(ctx)
	}()
	return d, nil
}

// failure is what is wrong with the history so far.
func (d *direct) failure() error {
	select {
	case <-d.ended:
		return fmt.Errorf("direct I/O on %s: %w", d.server.path, d.err)
	default:
		return nil
	}
}

// end has the history end, which reads all pages once more.
func (d *direct) end() error {
	d.stop()
	select {
	case <-d.ended:
		if d.err != nil {
			return d.failure()
		}
		return nil
	case <-time.After(sweepTime):
		return fmt.Errorf("direct I/O on %s does not end after %v", d.server.path, sweepTime)
	}
}
