package metrics

import (
	"cmp"
	"strconv"

	"github.com/farswap/farswap/status"
)

// stateUnknown is the state of a device if its server lives and does not answer.
const stateUnknown = "unknown"

var (
	deviceStates = []string{status.StateStarting, status.StateLive, status.StateStopping, status.StateLeaving, status.StateDead, stateUnknown}
	probeStates  = []string{status.ProbesOn, status.ProbesOff, status.ProbesFailed}
)

var (
	deviceUp    = deviceGauge("up", "Whether the device's server answers (1) or not (0).")
	deviceState = deviceGauge("state", "State of the device: 1 for the one it is in. dead: the server is gone; unknown: it lives and does not answer.", "state")
	deviceInfo  = deviceGauge("info", "What the device is made of; the value is 1.",
		"path", "target", "ack", "transport", "transport_setting", "placement", "backing")
	deviceStart    = deviceGauge("start_time_seconds", "When the server was started, since the Unix epoch.")
	deviceSize     = deviceGauge("size_bytes", "Size of the device.")
	deviceSlabSize = deviceGauge("slab_size_bytes", "Size of one slab.")
	deviceQueues   = deviceGauge("queues", "Hardware queues of the device.")
	deviceDepth    = deviceGauge("queue_depth", "Requests that can be in flight in each queue.")
	deviceMaxIO    = deviceGauge("max_request_bytes", "Largest request of the kernel.")
	deviceSwap     = deviceGauge("swap_active", "Whether the kernel swaps to the device (1) or not (0).")
	deviceDegraded = deviceGauge("degraded", "Whether the device serves with less safety than was asked for (1); the degraded_reason of its status says why.")
	deviceBacking  = deviceGauge("backing_ok", "Whether the backing file works (1) or fails (0); absent without one.")
	deviceInsecure = deviceGauge("insecure", "Whether control sessions run without TLS (1) or not (0).")
	deviceSealed   = deviceGauge("sealed", "Whether pages are encrypted and authenticated before they leave the server (1) or not (0).")
	deviceLocked   = deviceGauge("locked_bytes", "Memory that the server has locked in RAM, all of it.")
	devicePerPage  = deviceGauge("page_state_bytes", "Of the server's memory, what it knows of all pages.")

	deviceLockedFor    = deviceGauge("locked_purpose_bytes", "Of locked_bytes, by what it is for: program, libraries, heap, stacks, buffers, map, rings, probes, other.", "purpose")
	devicePages        = deviceGauge("pages", "Pages by where their valid copies are. none: never written or discarded; lost: no copy is left, reads give errors.", "place")
	deviceRequests     = deviceCounter("requests_total", "Requests of the kernel.", "op")
	deviceBytes        = deviceCounter("request_bytes_total", "Bytes in requests of the kernel.", "op")
	deviceErrors       = deviceCounter("request_errors_total", "Requests of the kernel that ended with an I/O error.")
	devicePrefetched   = deviceCounter("prefetched_pages_total", "Pages fetched from donors before they were asked for.")
	devicePrefetchHits = deviceCounter("prefetch_hits_total", "Pages read from donors that had been fetched before they were asked for.")
	deviceHedgedReads  = deviceCounter("hedged_reads_total", "Requests to read that were asked for a second time, of the backing file, because a donor was late.")
	deviceHedgedWins   = deviceCounter("hedged_wins_total", "Of hedged_reads_total, those that the backing file answered first.")
	devicePageIO       = deviceCounter("page_ios_total", "Pages read or written, by place: remote, a donor's memory; backing, the backing file; zero, never written and made up as zeros.", "place", "op")
	deviceCorrupt      = deviceCounter("corrupt_pages_total", "Pages that failed their checksum and were read again or from another copy.")
	deviceForged       = deviceCounter("forged_pages_total", "Pages that matched their checksum and had not been sealed by this device; they were read from another copy.")
	deviceFailovers    = deviceCounter("slab_failovers_total", "Slabs taken off a donor that failed.")
	deviceMoved        = deviceCounter("slabs_moved_total", "Slabs moved to another donor while in use.")
	deviceSlowMoved    = deviceCounter("slabs_moved_slow_total", "Of slabs_moved_total, those that left a donor because it was slow.")
	deviceDropped      = deviceCounter("slabs_dropped_total", "Slabs that a donor wanted back and no other had room for: the backing file serves them.")
	deviceMovePages    = deviceCounter("moved_pages_total", "Pages copied from donor to donor by moves.")
	deviceLastMove     = deviceGauge("last_move_duration_seconds", "What the last move of a slab took; 0 before the first.")
	deviceIgnored      = deviceGauge("donors_ignored", "Donors of the cluster that the device does not use, because it has as many as it can have.")
	deviceUblkRefused  = deviceCounter("ublk_refused_commands_total", "Commands of queues that the driver refused. Each is sent again, or its queue fails.")
	deviceLogDropped   = deviceCounter("log_dropped_lines_total", "Lines of the server's log that were dropped because nobody read them in time.")
	deviceGeneration   = deviceGauge("generation", "Servers that the device has had, the one of now included; 0 if it ends with its server.")
	deviceStandby      = deviceGauge("standby_ready", "Whether a process is ready to take the device over if its server dies (1) or not (0).")
	deviceScrubbed     = deviceCounter("scrubbed_pages_total", "Pages whose copies were brought back to where they should be: backed, to the backing file; warmed, to the donor of a hot slab; mended, over a bad copy; failed, tried in vain.", "how")
	deviceLacking      = deviceGauge("lacking_pages", "Written pages that the backing file lacks, lost pages included; while there are any, flushes fail. 0 without a backing file.")
	deviceEvents       = deviceCounter("events_total", "Events that an operator may want to know of; the status of the device has the last ones.")
	deviceDecisions    = deviceCounter("placement_decisions_total", "Moves that the placement policy has ordered.")
	deviceSlowest      = deviceGauge("slowest_request_seconds", "The slowest request of the last minute, by what it waited for most: server, donor, backing.", "op", "blame")

	deviceLatency = deviceHistogram("latency_seconds", "How long it takes, by source. fault, swapin, block_read, block_write: measured in the kernel; read, write: "+
		"requests in the server; remote_…: one operation at a donor; backing_…: one of the backing file.", "source")
	deviceCgroups = deviceHistogram("cgroup_fault_seconds", "Page faults that met a swapped page, by control group: those with the most faults, the rest as (other).", "cgroup")

	deviceProbes      = deviceGauge("probes_state", "State of the probes in the kernel: 1 for the one they are in.", "state")
	deviceProbeMemory = deviceGauge("probes_memory_bytes", "Memory of the probes' maps in the kernel.")
	deviceProbesLost  = deviceCounter("probes_lost_total", "Durations that the probes could not keep: they are in no histogram.")
	deviceFaults      = deviceCounter("major_faults_total", "Page faults that had to read from the device, by the probes.")
	deviceReadAhead   = deviceCounter("readahead_pages_total", "Pages that swap readahead asked for, by the probes.")
	deviceUnused      = deviceCounter("readahead_unused_pages_total", "Pages of readahead that went away unused, by the probes; 0 if it cannot be told.")
)

// device adds the metrics of one status.
func (s *sink) device(d *status.Device, cgroups []cgroupSeries, slabs bool) {
	s.put(deviceInfo, 1, d.Path, d.Target, d.Ack, d.Transport, d.TransportSetting, d.Placement, d.Backing)
	s.put(deviceStart, unixTime(d.Started))
	s.put(deviceSize, float64(d.Size))
	s.put(deviceSlabSize, float64(d.SlabSize))
	s.put(deviceQueues, float64(d.Queues))
	s.put(deviceDepth, float64(d.Depth))
	s.put(deviceMaxIO, float64(d.MaxIO))
	s.truth(deviceSwap, d.Swap)
	s.truth(deviceDegraded, d.Degraded)
	s.truth(deviceInsecure, d.Insecure)
	s.certificate(d.Certificate, deviceCertLeft, deviceCertStated)
	s.truth(deviceSealed, d.Sealed)
	if d.Backing != "" && d.Backing != noBacking {
		s.truth(deviceBacking, d.BackingOK)
	}
	s.put(deviceLocked, float64(d.Memory.Locked))
	for _, part := range d.Memory.LockedFor.Parts() {
		s.put(deviceLockedFor, float64(part.Bytes), part.Purpose)
	}
	s.put(devicePerPage, float64(d.Memory.PerPageTotal))
	s.put(deviceIgnored, float64(d.DonorsIgnored))
	s.put(deviceUblkRefused, float64(d.UblkRefused))
	s.put(deviceLogDropped, float64(d.LogDropped))
	s.put(deviceGeneration, float64(d.Generation))
	s.truth(deviceStandby, d.StandbyPID != 0)
	s.pages(&d.Pages)
	s.io(&d.IO)
	s.moves(d)
	s.latencies(d, cgroups)
	s.probes(&d.Probes)
	s.donors(d)
	if slabs {
		s.eachSlab(d)
	}
}

// noBacking is the Backing of a device without a backing file.
const noBacking = "none"

func (s *sink) pages(p *status.Pages) {
	s.put(devicePages, float64(p.Remote), "remote")
	s.put(devicePages, float64(p.Backing), "backing")
	s.put(devicePages, float64(p.Both), "both")
	s.put(devicePages, float64(p.None), "none")
	s.put(devicePages, float64(p.Lost), "lost")
}

func (s *sink) io(io *status.IO) {
	s.put(deviceRequests, float64(io.Reads), "read")
	s.put(deviceRequests, float64(io.Writes), "write")
	s.put(deviceRequests, float64(io.Discards), "discard")
	s.put(deviceRequests, float64(io.Flushes), "flush")
	s.put(deviceBytes, float64(io.BytesRead), "read")
	s.put(deviceBytes, float64(io.BytesWritten), "write")
	s.put(deviceErrors, float64(io.Errors))
	s.put(devicePageIO, float64(io.RemoteReads), "remote", "read")
	s.put(devicePageIO, float64(io.RemoteWrites), "remote", "write")
	s.put(devicePageIO, float64(io.BackingReads), "backing", "read")
	s.put(devicePageIO, float64(io.BackingWrites), "backing", "write")
	s.put(devicePageIO, float64(io.ZeroReads), "zero", "read")
	s.put(devicePrefetched, float64(io.Prefetched))
	s.put(devicePrefetchHits, float64(io.PrefetchHits))
	s.put(deviceHedgedReads, float64(io.HedgedReads))
	s.put(deviceHedgedWins, float64(io.HedgedWins))
	s.put(deviceCorrupt, float64(io.Corrupt))
	s.put(deviceForged, float64(io.Forged))
	s.put(deviceFailovers, float64(io.Failovers))
}

func (s *sink) moves(d *status.Device) {
	s.put(deviceMoved, float64(d.Moves.Slabs))
	s.put(deviceSlowMoved, float64(d.Moves.Slow))
	s.put(deviceDropped, float64(d.Moves.Dropped))
	s.put(deviceMovePages, float64(d.Moves.Pages))
	s.put(deviceLastMove, seconds(d.Moves.Last))
	s.put(deviceScrubbed, float64(d.Scrub.Backed), "backed")
	s.put(deviceScrubbed, float64(d.Scrub.Warmed), "warmed")
	s.put(deviceScrubbed, float64(d.Scrub.Mended), "mended")
	s.put(deviceScrubbed, float64(d.Scrub.Failed), "failed")
	s.put(deviceLacking, float64(d.Scrub.Lacking))
	// The status has the last ones only. Their numbers have no gaps, so the highest is the count.
	var events, decisions uint64
	for _, e := range d.Events {
		events = max(events, e.Seq)
	}
	for _, e := range d.Decisions {
		decisions = max(decisions, e.Seq)
	}
	s.put(deviceEvents, float64(events))
	s.put(deviceDecisions, float64(decisions))
}

func (s *sink) latencies(d *status.Device, cgroups []cgroupSeries) {
	sources := map[string]bool{}
	for i := range d.Histograms {
		h := &d.Histograms[i]
		if !sources[h.Source] { // Prometheus refuses a scrape that names one twice
			sources[h.Source] = true
			s.latency(deviceLatency, &h.Latency, h.Source)
		}
	}
	for i := range cgroups {
		s.latency(deviceCgroups, &cgroups[i].latency, cgroups[i].name)
	}
	type kind struct{ op, blame string }
	slowest := map[kind]int64{}
	for _, p := range d.Slowest {
		k := kind{p.Op, p.Blame}
		slowest[k] = max(slowest[k], p.Total)
	}
	for k, ns := range slowest {
		s.put(deviceSlowest, seconds(ns), k.op, k.blame)
	}
}

func (s *sink) probes(p *status.Probes) {
	s.oneOf(deviceProbes, probeStates, cmp.Or(p.State, status.ProbesOff))
	s.put(deviceProbeMemory, float64(p.Memory))
	s.put(deviceProbesLost, float64(p.Lost))
	s.put(deviceFaults, float64(p.MajorFaults))
	s.put(deviceReadAhead, float64(p.ReadAhead))
	s.put(deviceUnused, float64(p.ReadUnused))
}

// deviceName is the label of a device: the kernel's name of its block device.
func deviceName(id int) string { return "ublkb" + strconv.Itoa(id) }
