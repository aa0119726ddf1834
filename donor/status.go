package donor

import (
	"cmp"
	"os"
	"slices"
	"time"

	"github.com/farswap/farswap/control"
	"github.com/farswap/farswap/status"
	"github.com/farswap/farswap/verbs"
)

// Status returns the status of the donor at this moment. It does not wait for operations under
// way.
func (d *Donor) Status() status.DonorDaemon {
	f := d.pool.figures()
	_, returning := d.ledger.left()
	transports, io := d.transports.status()
	s := status.DonorDaemon{
		Name: d.cfg.Name, Address: d.Addr(), DataAddress: d.DataAddr(),
		Memory: status.DonorMemory{
			Total: f.limit, Mapped: f.mapped, Prepared: f.ready, Free: max(f.limit-f.mapped, 0),
			Returning: returning, Room: d.ledger.room(), HeadRoom: d.governor.HeadRoom(),
		},
		State: status.DonorServing, Identities: d.ledger.identities(),
		IO:  io,
		PID: os.Getpid(), Started: d.started, Transport: d.transports.names(), Insecure: d.cfg.Insecure,
		Transports: transports,
	}
	if id := d.cfg.Identity; id != nil {
		i, stated := id.Describe()
		s.Certificate = &status.Certificate{
			Name: i.Name, Serial: i.Serial, Roles: control.JoinRoles(i.Roles, "+"), RolesStated: stated,
			NotAfter: i.NotAfter, SecondsLeft: int64(time.Until(i.NotAfter).Seconds()),
		}
	}
	draining := d.ledger.isDraining()
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case draining:
		s.State = status.DonorDraining
	case d.machine.short:
		s.State = status.DonorShort
	}
	s.Memory.Available, s.Memory.Machine, s.Memory.Stall = d.machine.available, d.machine.total, d.machine.stall
	s.Evictions, s.EvictedBytes, s.LastEviction = d.evictions, d.evictedBytes, d.lastEviction
	for _, dev := range d.devices {
		held := dev.held()
		if ses := dev.session; ses != nil {
			s.Sessions = append(s.Sessions, status.DonorSession{
				Device: dev.name, UUID: dev.uuid.String(), Identity: dev.identity,
				Address: ses.control.Peer().Address, Slabs: len(dev.slabs) - len(held), Since: ses.since,
				Bytes: int64(dev.slabSize) * int64(len(dev.slabs)-len(held)),
			})
		}
		if len(held) > 0 {
			s.Leases = append(s.Leases, status.DonorLease{
				Device: dev.name, UUID: dev.uuid.String(), Slabs: len(held), Expires: dev.slabs[held[0]].expires,
				Bytes: int64(dev.slabSize) * int64(len(held)),
			})
		}
	}
	// Go's maps have no order, and readers compare one status with the next.
	slices.SortFunc(s.Sessions, func(a, b status.DonorSession) int {
		return cmp.Or(cmp.Compare(a.UUID, b.UUID), cmp.Compare(a.Identity, b.Identity))
	})
	slices.SortFunc(s.Leases, func(a, b status.DonorLease) int { return cmp.Compare(a.UUID, b.UUID) })
	return s
}

// status lists the servers, and sums up the I/O of these and of those that have ended.
func (ts *transports) status() ([]status.DonorTransport, status.DonorIO) {
	ts.mu.Lock()
	sum, servers := ts.past, slices.Clone(ts.servers)
	ts.mu.Unlock()
	var list []status.DonorTransport
	for _, s := range servers {
		stats := s.Stats()
		io := donorIO(stats)
		list = append(list, status.DonorTransport{
			Name: s.Name(), Address: s.Address(), Connections: stats.Connections, Slabs: stats.Regions, IO: io,
		})
		addIO(&sum, io)
	}
	return list, sum
}

func donorIO(s verbs.ServerStats) status.DonorIO {
	return status.DonorIO{
		Reads: s.Reads, Writes: s.Writes, BytesRead: s.ReadBytes, BytesWritten: s.WriteBytes, Refused: s.AccessErrors,
	}
}

func addIO(sum *status.DonorIO, io status.DonorIO) {
	sum.Reads += io.Reads
	sum.Writes += io.Writes
	sum.BytesRead += io.BytesRead
	sum.BytesWritten += io.BytesWritten
	sum.Refused += io.Refused
}
