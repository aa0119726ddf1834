package donor

import (
	"cmp"
	"os"
	"slices"

	"farswap/status"
)

// Status is the donor at this moment. It does not wait for operations that are
// under way.
func (d *Donor) Status() status.DonorDaemon {
	mapped, prepared := d.pool.usage()
	io := d.server.Stats()
	s := status.DonorDaemon{
		Name: d.cfg.Name, Address: d.Addr(), DataAddress: d.DataAddr(),
		Memory: status.DonorMemory{
			Total: d.cfg.Memory, Mapped: mapped, Prepared: prepared, Free: d.cfg.Memory - mapped,
		},
		IO: status.DonorIO{
			Reads: io.Reads, Writes: io.Writes, BytesRead: io.ReadBytes, BytesWritten: io.WriteBytes,
			Refused: io.AccessErrors,
		},
		PID: os.Getpid(), Started: d.started, Transport: "tcp", Insecure: d.cfg.Insecure,
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, dev := range d.devices {
		held := dev.held()
		if ses := dev.session; ses != nil {
			s.Sessions = append(s.Sessions, status.DonorSession{
				Device: dev.name, UUID: dev.uuid.String(), Identity: dev.identity,
				Address: ses.control.Peer().Address, Slabs: len(dev.slabs) - len(held), Since: ses.since,
			})
		}
		if len(held) > 0 {
			s.Leases = append(s.Leases, status.DonorLease{
				Device: dev.name, UUID: dev.uuid.String(), Slabs: len(held), Expires: dev.slabs[held[0]].expires,
			})
		}
	}
	// Maps have no order; readers compare one status with the next.
	slices.SortFunc(s.Sessions, func(a, b status.DonorSession) int { return cmp.Compare(a.UUID, b.UUID) })
	slices.SortFunc(s.Leases, func(a, b status.DonorLease) int { return cmp.Compare(a.UUID, b.UUID) })
	return s
}
