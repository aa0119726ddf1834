package donor

import (
	"errors"
	"fmt"
	"time"

	"github.com/farswap/farswap/verbs"
	"github.com/farswap/farswap/verbs/rdma"
	"github.com/farswap/farswap/verbs/tcp"
)

// retryServe is the time between two attempts to start a transport.
const retryServe = 5 * time.Second

// network starts servers. Tests replace it.
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
				return nil, err // a nil *Server in an interface would not be nil
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

// openTransports starts the servers that the configuration wants. With transport "auto" RDMA may
// start later: an administrator can add an RDMA link while the donor runs.
func (d *Donor) openTransports(net network, left *legacy) error {
	ts := &transports{
		log: d.log, retry: net.retry, late: d.pool.renew, why: make(map[string]string),
		start: func(name string) (verbs.Server, error) { return d.startServer(net, name, nil) },
	}
	for _, name := range []string{transportRDMA, transportTCP} {
		if d.cfg.wants(name) {
			ts.wanted = append(ts.wanted, name)
		}
	}
	d.transports = ts
	d.pool.prepared, d.pool.unmapped = ts.prepare, ts.forget
	first := func(name string) (verbs.Server, error) { return d.startServer(net, name, left) }
	return ts.open(first, func(name string, err error) bool {
		return name == transportTCP || d.cfg.Transport == transportRDMA || errors.Is(err, ErrConfig)
	})
}

// startServer starts the server of a transport. Over TCP it may go on with a socket that another donor has
// left. An error is one line that says what to do.
func (d *Donor) startServer(net network, name string, left *legacy) (verbs.Server, error) {
	address := d.cfg.dataAddress(name, d.listener.Addr())
	if name == transportTCP {
		socket, err := left.dataSocket()
		if err != nil {
			return nil, err
		}
		s, err := net.tcp(address, tcp.Config{Socket: socket, KeepProcs: true, Events: tcp.Events{Rejected: d.dataRefused, Ended: d.dataEnded}})
		if err != nil {
			return nil, fmt.Errorf("serve data: %w: choose another data address if another program listens there", err)
		}
		return s, nil
	}
	cfg := *d.cfg.RDMA
	cfg.Events = rdma.Events{Rejected: d.dataRefused, Ended: d.dataEnded}
	s, err := net.rdma(address, cfg)
	switch {
	case errors.Is(err, verbs.ErrConfig):
		return nil, fmt.Errorf("%w: %w", ErrConfig, err)
	case errors.Is(err, verbs.ErrUnavailable): // its text says what to do
		return nil, fmt.Errorf("serve data over RDMA: %w", err)
	case err != nil:
		return nil, fmt.Errorf("serve data over RDMA: %w: choose another RDMA address if another program listens there", err)
	}
	return s, nil
}

// dataEnded logs the end of a connection. A server's thread calls it; it must not wait.
func (d *Donor) dataEnded(remote string, id verbs.SessionID, err error) {
	if errors.Is(err, verbs.ErrRemoteAccess) || errors.Is(err, verbs.ErrProtocol) {
		d.log.Error().Str("remote", remote).Uint64("session", uint64(id)).Err(err).Msg("data connection ended")
		return
	}
	d.log.Debug().Str("remote", remote).Uint64("session", uint64(id)).Err(err).Msg("data connection ended")
}
