package metrics

import (
	"cmp"

	"github.com/farswap/farswap/status"
)

var donorStates = []string{status.DonorServing, status.DonorShort, status.DonorDraining}

// nobody is the label of an identity without a name: a device without a certificate.
const nobody = "(none)"

var (
	donorUp       = donorGauge("up", "Whether the donor answers (1) or not (0).")
	donorState    = donorGauge("state", "State of the donor: 1 for the one it is in. short: its machine has less available than the headroom, so it takes slabs back.", "state")
	donorInfo     = donorGauge("info", "Where the donor serves; the value is 1.", "address", "data_address", "transport")
	donorStart    = donorGauge("start_time_seconds", "When the donor was started, since the Unix epoch.")
	donorInsecure = donorGauge("insecure", "Whether control sessions run without TLS (1) or not (0).")

	donorTotal     = donorGauge("memory_limit_bytes", "Memory that the donor lends at most.")
	donorMapped    = donorGauge("memory_mapped_bytes", "Memory lent to devices, leases included.")
	donorPrepared  = donorGauge("memory_prepared_bytes", "Memory allocated ahead of need.")
	donorFree      = donorGauge("memory_free_bytes", "What is left of the limit.")
	donorReturning = donorGauge("memory_returning_bytes", "Of the memory lent, what was asked back from devices and is not back yet.")
	donorRoom      = donorGauge("memory_room_bytes", "What could be lent now without touching the headroom.")
	donorHeadroom  = donorGauge("headroom_bytes", "Memory that the donor keeps available for the machine's own programs.")
	donorAvailable = donorGauge("machine_available_bytes", "Memory available on the donor's machine, smoothed.")
	donorMachine   = donorGauge("machine_memory_bytes", "Memory of the donor's machine, or of its control group.")
	donorStall     = donorGauge("memory_stall_ratio", "Share of the last second in which some task waited for memory, 0 to 1.")

	donorSessions = donorGauge("sessions", "Devices that are connected.")
	donorLeases   = donorGauge("leases", "Lost devices that memory is kept for.")
	donorLeased   = donorGauge("leased_bytes", "Memory kept for lost devices.")
	donorIdentity = donorGauge("identity_mapped_bytes", "Memory lent to the devices of one certificate, maps under way included; (none): without certificate.", "identity")

	donorEvictions   = donorCounter("evictions_total", "Slabs taken back from devices.")
	donorEvicted     = donorCounter("evicted_bytes_total", "Memory taken back from devices.")
	donorLastEvicted = donorGauge("last_eviction_timestamp_seconds", "When slabs were last taken back, since the Unix epoch; 0 before the first time.")
	donorLastPhases  = donorGauge("last_eviction_duration_seconds", "The parts of the last eviction, one after the other: choosing, returning, freeing; asking is within returning.", "phase")

	donorUpgraded      = donorGauge("upgrade_timestamp_seconds", "When the donor was last handed over to a new process, or that failed, since the Unix epoch; 0 before the first time.")
	donorUpgradePause  = donorGauge("upgrade_pause_seconds", "How long nobody served during the last upgrade.")
	donorUpgradeFailed = donorGauge("upgrade_failed", "Whether the last upgrade failed (1), and the donor went on as it was, or not (0).")

	donorLogDropped = donorCounter("log_dropped_lines_total", "Lines of the donor's log that were dropped because nobody read them in time.")

	donorOps     = donorCounter("operations_total", "One-sided operations served.", "op")
	donorBytes   = donorCounter("operation_bytes_total", "Bytes in one-sided operations served.", "op")
	donorRefused = donorCounter("refused_operations_total", "Operations with a wrong key or out of bounds; each ended its connection.")

	donorPathConnections = donorGauge("transport_connections", "Connections of one transport.", "transport")
	donorPathSlabs       = donorGauge("transport_slabs", "Slabs lent over one transport now.", "transport")
	donorPathOps         = donorCounter("transport_operations_total", "One-sided operations served over one transport since it was first served.", "transport", "op")
	donorPathBytes       = donorCounter("transport_operation_bytes_total", "Bytes in one-sided operations over one transport since it was first served.", "transport", "op")
)

// donor adds the metrics of one status.
func (s *sink) donor(d *status.DonorDaemon) {
	s.oneOf(donorState, donorStates, cmp.Or(d.State, status.DonorServing))
	s.put(donorInfo, 1, d.Address, d.DataAddress, d.Transport)
	s.put(donorStart, unixTime(d.Started))
	s.truth(donorInsecure, d.Insecure)
	s.certificate(d.Certificate, donorCertLeft, donorCertStated)
	s.lent(&d.Memory)
	leased := int64(0)
	for _, l := range d.Leases {
		leased += l.Bytes
	}
	s.upgrade(d.Upgrade)
	s.put(donorLogDropped, float64(d.LogDropped))
	s.put(donorSessions, float64(len(d.Sessions)))
	s.put(donorLeases, float64(len(d.Leases)))
	s.put(donorLeased, float64(leased))
	s.identities(d.Identities)
	s.evictions(d)
	s.put(donorOps, float64(d.IO.Reads), "read")
	s.put(donorOps, float64(d.IO.Writes), "write")
	s.put(donorBytes, float64(d.IO.BytesRead), "read")
	s.put(donorBytes, float64(d.IO.BytesWritten), "write")
	s.put(donorRefused, float64(d.IO.Refused))
	s.transports(d.Transports)
}

func (s *sink) lent(m *status.DonorMemory) {
	s.put(donorTotal, float64(m.Total))
	s.put(donorMapped, float64(m.Mapped))
	s.put(donorPrepared, float64(m.Prepared))
	s.put(donorFree, float64(m.Free))
	s.put(donorReturning, float64(m.Returning))
	s.put(donorRoom, float64(m.Room))
	s.put(donorHeadroom, float64(m.HeadRoom))
	s.put(donorAvailable, float64(m.Available))
	s.put(donorMachine, float64(m.Machine))
	s.put(donorStall, m.Stall)
}

// identities sums identities by label. Those beyond MaxNamed are Other.
func (s *sink) identities(identities []status.DonorIdentity) {
	mapped := map[string]int64{}
	for i, id := range identities {
		name := cmp.Or(id.Name, nobody)
		if i >= MaxNamed {
			name = Other
		}
		mapped[name] += id.Mapped
	}
	for name, bytes := range mapped {
		s.put(donorIdentity, float64(bytes), name)
	}
}

func (s *sink) evictions(d *status.DonorDaemon) {
	s.put(donorEvictions, float64(d.Evictions))
	s.put(donorEvicted, float64(d.EvictedBytes))
	var last status.DonorEviction
	if d.LastEviction != nil {
		last = *d.LastEviction
	}
	s.put(donorLastEvicted, unixTime(last.At))
	s.put(donorLastPhases, seconds(last.Choosing), "choosing")
	s.put(donorLastPhases, seconds(last.Asking), "asking")
	s.put(donorLastPhases, seconds(last.Returning), "returning")
	s.put(donorLastPhases, seconds(last.Freeing), "freeing")
}

func (s *sink) upgrade(last *status.DonorUpgrade) {
	if last == nil {
		last = new(status.DonorUpgrade)
	}
	s.put(donorUpgraded, unixTime(last.At))
	s.put(donorUpgradePause, seconds(last.Paused))
	s.truth(donorUpgradeFailed, last.Error != "")
}

func (s *sink) transports(transports []status.DonorTransport) {
	seen := map[string]bool{}
	for i := range transports {
		t := &transports[i]
		if seen[t.Name] { // Prometheus refuses a scrape that names one twice
			continue
		}
		seen[t.Name] = true
		s.put(donorPathConnections, float64(t.Connections), t.Name)
		s.put(donorPathSlabs, float64(t.Slabs), t.Name)
		s.put(donorPathOps, float64(t.IO.Reads), t.Name, "read")
		s.put(donorPathOps, float64(t.IO.Writes), t.Name, "write")
		s.put(donorPathBytes, float64(t.IO.BytesRead), t.Name, "read")
		s.put(donorPathBytes, float64(t.IO.BytesWritten), t.Name, "write")
	}
}
