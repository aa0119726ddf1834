package donor

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/farswap/farswap/status"
	"github.com/farswap/farswap/verbs"
)

// transports are the servers over which a donor lends, one for each transport. A server may
// start late and may end before the others. The methods may be called from any goroutine.
type transports struct {
	log    zerolog.Logger
	wanted []string // names, fastest first
	start  func(name string) (verbs.Server, error)
	retry  time.Duration
	late   func() // add calls it after a server has started late

	mu      sync.Mutex // guards the fields below; never held across a method of a server
	servers []*server
	past    status.DonorIO    // of servers that have ended
	why     map[string]string // by name: why the transport is missing, as last logged
}

// begin has servers that were started on a socket of another donor accept connections.
func (ts *transports) begin() {
	for _, s := range ts.all() {
		if h, ok := s.Server.(heritable); ok {
			h.Begin()
		}
	}
}

// open starts the servers. If a server does not start, open asks must whether that is an error,
// and then closes all. run tries the others again.
func (ts *transports) open(start func(name string) (verbs.Server, error), must func(name string, err error) bool) error {
	for _, name := range ts.wanted {
		s, err := start(name)
		if err == nil {
			ts.servers = append(ts.servers, newServer(s))
			continue
		}
		if must(name, err) {
			return errors.Join(err, ts.close())
		}
		ts.missing(name, err)
	}
	return nil
}

// run tries to start missing servers until the context ends.
func (ts *transports) run(ctx context.Context) {
	tick := time.NewTicker(ts.retry)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		for _, name := range ts.wanted {
			if ts.named(name) == nil {
				ts.add(name)
			}
		}
	}
}

// add tries to start a missing server.
func (ts *transports) add(name string) {
	s, err := ts.start(name)
	if err != nil {
		ts.missing(name, err)
		return
	}
	ts.mu.Lock()
	ts.servers = append(ts.servers, newServer(s))
	slices.SortFunc(ts.servers, func(a, b *server) int {
		return slices.Index(ts.wanted, a.Name()) - slices.Index(ts.wanted, b.Name())
	})
	delete(ts.why, name)
	ts.mu.Unlock()
	ts.log.Info().Str("transport", name).Str("address", s.Address()).Msg("the donor serves the transport")
	ts.late()
}

// missing logs why a transport is missing, unless the log already has that reason.
func (ts *transports) missing(name string, err error) {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	if text := err.Error(); ts.why[name] != text {
		ts.why[name] = text
		ts.log.Info().Str("transport", name).Err(err).Msg("the donor cannot serve the transport; it serves the others")
	}
}

// all returns the servers at this moment, fastest first.
func (ts *transports) all() []*server {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	return slices.Clone(ts.servers)
}

// named returns the server of a transport, or nil if there is none.
func (ts *transports) named(name string) *server {
	for _, s := range ts.all() {
		if s.Name() == name {
			return s
		}
	}
	return nil
}

// names returns the names of the servers at this moment, joined: rdma+tcp.
func (ts *transports) names() string {
	var names []string
	for _, s := range ts.all() {
		names = append(names, s.Name())
	}
	return strings.Join(names, "+")
}

// admit admits a session at every server, and returns the servers that accepted it.
func (ts *transports) admit(c verbs.Credential) ([]*server, error) {
	var in []*server
	var errs []error
	for _, s := range ts.all() {
		if err := s.Admit(c); err != nil {
			errs = append(errs, fmt.Errorf("admit over %s: %w", s.Name(), err))
			ts.log.Warn().Str("transport", s.Name()).Err(err).Msg("the transport does not admit the session")
			ts.failed(s, err)
			continue
		}
		in = append(in, s)
	}
	if len(in) == 0 {
		return nil, errors.Join(append(errs, errors.New("no transport admits the session"))...)
	}
	return in, nil
}

// prepare prepares memory at every server. If that fails, a Map takes longer.
func (ts *transports) prepare(mem []byte) {
	for _, s := range ts.all() {
		err := s.prepare(mem)
		if s.warn(err != nil) {
			ts.log.Warn().Str("transport", s.Name()).Err(err).Msg("cannot prepare memory: mapping a slab takes longer")
		}
		if err != nil {
			ts.failed(s, err)
		}
	}
}

// forget undoes prepare. The pool calls it before it unmaps mem.
func (ts *transports) forget(mem []byte) error {
	var errs []error
	for _, s := range ts.all() {
		if err := s.forget(mem); err != nil {
			errs = append(errs, fmt.Errorf("forget memory over %s: %w", s.Name(), err))
		}
	}
	return errors.Join(errs...)
}

// failed removes a server if the error means that it has ended. The donor goes on with the
// others.
func (ts *transports) failed(s *server, cause error) {
	if !ended(cause) {
		return
	}
	// The server stays in the list until none of its operations touches memory.
	err := s.close()
	ts.mu.Lock()
	defer ts.mu.Unlock()
	i := slices.Index(ts.servers, s)
	if i < 0 {
		return
	}
	ts.servers = slices.Delete(ts.servers, i, i+1)
	addIO(&ts.past, donorIO(s.Stats()))
	ts.log.Warn().Str("transport", s.Name()).Err(errors.Join(cause, err)).Msg("the transport has ended")
}

// close ends all servers. When it returns they touch no memory any more, and none is prepared.
func (ts *transports) close() error {
	var errs []error
	for _, s := range ts.all() {
		errs = append(errs, s.close())
	}
	ts.mu.Lock()
	defer ts.mu.Unlock()
	ts.servers = nil
	return errors.Join(errs...)
}
