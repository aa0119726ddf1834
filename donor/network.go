package donor

import (
	"errors"
	"fmt"
	"time"

	"github.com/farswap/farswap/verbs"
	"github.com/farswap/farswap/verbs/rdma"
	"github.com/farswap/farswap/verbs/tcp"
)

// retryServe is how often a transport is tried again that cannot be served.
const retryServe = 5 * time.Second

// network starts servers. Tests put others in the place of the machine's.
type network struct {
	rdma  func(addr string, cfg rdma.Config) (verbs.Server, error)
	tcp   func(addr string, cfg tcp.Config) (verbs.Server, error)
	retry time.Duration
}

func machineNetwork() network {
	return network{
		rdma: func(addr string, cfg rdma.Config) (verbs.Server, error) {
			s, err := rdma.Listen(addr, cfg)
			if err != nil {
				return nil, err // not a nil *Server in an interface
			}
			return s, nil
		},
		tcp: func(addr string, cfg tcp.Config) (verbs.Server, error) {
			s, err := tcp.Listen(addr, cfg)
			if err != nil {
				return nil, err
			}
			return s, nil
		},
		retry: retryServe,
	}
}

// openTransports starts the servers that the configuration wants. RDMA that was
// not insisted on may come later: a link for it can be made while the donor runs.
func (d *Donor) openTransports(net network) error {
	ts := &transports{
		log: d.log, retry: net.retry, late: d.pool.renew, why: make(map[string]string),
		start: func(name string) (verbs.Server, error) { return d.startServer(net, name) },
	}
	for _, name := range []string{transportRDMA, transportTCP} {
		if d.cfg.wants(name) {
			ts.wanted = append(ts.wanted, name)
		}
	}
	d.transports = ts
	d.pool.prepared, d.pool.unmapped = ts.prepare, ts.forget
	return ts.open(func(name string, err error) bool {
		return name == transportTCP || d.cfg.Transport == transportRDMA || errors.Is(err, ErrConfig)
	})
}

// startServer starts the server of a transport. Errors are one line that says what
// to do.
func (d *Donor) startServer(net network, name string) (verbs.Server, error) {
	address := d.cfg.dataAddress(name, d.listener.Addr())
	if name == transportTCP {
		s, err := net.tcp(address, tcp.Config{KeepProcs: true, Events: tcp.Events{Rejected: d.dataRefused, Ended: d.dataEnded}})
		if err != nil {
			return nil, fmt.Errorf("serve data: %w: choose another data address if that one is taken", err)
		}
		return s, nil
	}
	cfg := *d.cfg.RDMA
	cfg.Events = rdma.Events{Rejected: d.dataRefused, Ended: d.dataEnded}
	s, err := net.rdma(address, cfg)
	switch {
	case errors.Is(err, verbs.ErrConfig):
		return nil, fmt.Errorf("%w: %w", ErrConfig, err)
	case errors.Is(err, verbs.ErrUnavailable): // says what to do
		return nil, fmt.Errorf("serve data over RDMA: %w", err)
	case err != nil:
		return nil, fmt.Errorf("serve data over RDMA: %w: choose another RDMA address if that one is taken", err)
	}
	return s, nil
}

// dataRefused is called on a thread of a server; it must not wait.
func (d *Donor) dataRefused(remote string, err error) {
	d.log.Warn().Str("remote", remote).Err(err).Msg("data connection refused")
}

// dataEnded is called on a thread of a server; it must not wait.
func (d *Donor) dataEnded(remote string, id verbs.SessionID, err error) {
	if errors.Is(err, verbs.ErrRemoteAccess) || errors.Is(err, verbs.ErrProtocol) {
		d.log.Error().Str("remote", remote).Uint64("session", uint64(id)).Err(err).Msg("data connection ended")
		return
	}
	d.log.Debug().Str("remote", remote).Uint64("session", uint64(id)).Err(err).Msg("data connection ended")
}
