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

// transports are the servers over which a donor lends, one for each transport.
// One may come late, or end before the others. Its methods may be called from any
// goroutine.
type transports struct {
	log    zerolog.Logger
	wanted []string // names, fastest first
	start  func(name string) (verbs.Server, error)
	retry  time.Duration
	late   func() // called when a server has come later than the first

	mu      sync.Mutex // guards what follows; never held across a server's methods
	servers []*server
	past    status.DonorIO    // of servers that have ended
	why     map[string]string // why a transport is not served, as last logged
}

// open starts the servers. One that does not start and must is an error, and none
// is left; run goes on with the others.
func (ts *transports) open(must func(name string, err error) bool) error {
	for _, name := range ts.wanted {
		s, err := ts.start(name)
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

// run tries until the context ends to serve what is wanted and is not served.
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

// add starts a server late.
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
	ts.log.Info().Str("transport", name).Str("address", s.Address()).Msg("transport is served")
	ts.late()
}

// missing says why a transport is not served, unless it was the last thing said.
func (ts *transports) missing(name string, err error) {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	if text := err.Error(); ts.why[name] != text {
		ts.why[name] = text
		ts.log.Info().Str("transport", name).Err(err).Msg("transport cannot be served; the others are")
	}
}

// all are the servers now, fastest first.
func (ts *transports) all() []*server {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	return slices.Clone(ts.servers)
}

// named is the server of a transport, nil if there is none.
func (ts *transports) named(name string) *server {
	for _, s := range ts.all() {
		if s.Name() == name {
			return s
		}
	}
	return nil
}

// names are those of the servers now, joined: rdma+tcp.
func (ts *transports) names() string {
	var names []string
	for _, s := range ts.all() {
		names = append(names, s.Name())
	}
	return strings.Join(names, "+")
}

// admit makes a session at every server, and returns those that took it.
func (ts *transports) admit(c verbs.Credential) ([]*server, error) {
	var in []*server
	var errs []error
	for _, s := range ts.all() {
		if err := s.Admit(c); err != nil {
			errs = append(errs, fmt.Errorf("admit over %s: %w", s.Name(), err))
			ts.log.Warn().Str("transport", s.Name()).Err(err).Msg("session not admitted over this transport")
			ts.failed(s, err)
			continue
		}
		in = append(in, s)
	}
	if len(in) == 0 {
		return nil, errors.Join(append(errs, errors.New("no transport serves it"))...)
	}
	return in, nil
}

// prepare has every server prepare memory. It may fail: then a Map takes longer.
func (ts *transports) prepare(mem []byte) {
	for _, s := range ts.all() {
		err := s.prepare(mem)
		if s.warn(err != nil) {
			ts.log.Warn().Str("transport", s.Name()).Err(err).Msg("memory cannot be prepared: mapping a slab takes longer")
		}
		if err != nil {
			ts.failed(s, err)
		}
	}
}

// forget takes prepare back, before mem is unmapped.
func (ts *transports) forget(mem []byte) error {
	var errs []error
	for _, s := range ts.all() {
		if err := s.forget(mem); err != nil {
			errs = append(errs, fmt.Errorf("forget memory over %s: %w", s.Name(), err))
		}
	}
	return errors.Join(errs...)
}

// failed takes a server out if the error says that it has ended. The donor goes
// on with the others.
func (ts *transports) failed(s *server, cause error) {
	if !ended(cause) {
		return
	}
	// It stays in the list until none of its operations touches memory.
	err := s.close()
	ts.mu.Lock()
	defer ts.mu.Unlock()
	i := slices.Index(ts.servers, s)
	if i < 0 {
		return
	}
	ts.servers = slices.Delete(ts.servers, i, i+1)
	addIO(&ts.past, donorIO(s.Stats()))
	ts.log.Warn().Str("transport", s.Name()).Err(errors.Join(cause, err)).Msg("transport has ended")
}

// close ends all servers. When it returns no memory is touched any more, and none
// is prepared.
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
