package status

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if os.Getenv(helperEnv) != "" {
		os.Exit(lockHelper())
	}
	if os.Getenv(readerEnv) != "" {
		os.Exit(readerHelper())
	}
	goleak.VerifyTestMain(m)
}

// TestContract pins the names that tools build on: this list only grows.
func TestContract(t *testing.T) {
	d := Device{
		Donors: []Donor{{}}, Slabs: []Slab{{}}, Histograms: []Histogram{{}}, Cgroups: []CgroupLatency{{}},
		Slowest: []SlowPage{{}}, Events: []Event{{}}, Decisions: []Decision{{Figures: []DonorFigures{{}}}},
	}
	for _, path := range []string{
		"id", "path", "state", "size", "slab_size", "ack", "transport",
		"pages.remote", "pages.backing", "pages.both", "pages.none",
		"io.reads", "io.writes", "io.discards", "io.errors", "io.corrupt", "io.failovers",
		"latency_ns.read.p50", "latency_ns.read.p99", "latency_ns.read.p999",
		"latency_ns.write.p50", "latency_ns.write.p99", "latency_ns.write.p999",
		"memory.per_page_bytes", "memory.locked_bytes",
		"donors.name", "donors.address", "donors.state", "donors.slabs",
		"donors.latency_ns.p50", "donors.latency_ns.p99", "donors.transport", "transport_setting",
		"slabs.index", "slabs.state", "slabs.donor", "slabs.activity", "slabs.remote_pages",
		"slabs.pages", "slabs.latency_ns.p99", "donors.total_bytes", "donors.p99_ns", "donors.baseline_ns", "donors.slow",
		"at", "placement", "probes.state", "probes.hooks", "probes.memory_bytes", "probes.major_faults", "probes.lost",
		"histograms.source", "histograms.latency", "cgroups.id", "cgroups.name", "cgroups.latency",
		"slowest.at", "slowest.op", "slowest.page", "slowest.pages", "slowest.slab", "slowest.total_ns", "slowest.queued_ns",
		"slowest.remote_ns", "slowest.backing_ns", "slowest.blame",
		"events.seq", "events.at", "events.level", "events.kind", "events.slab", "events.text",
		"decisions.seq", "decisions.at", "decisions.slab", "decisions.rule", "decisions.why", "decisions.took_ns",
		"decisions.figures.donor", "decisions.figures.free", "decisions.figures.p99_ns", "decisions.figures.baseline_ns", "decisions.figures.slow",
		"moves.slabs", "moves.dropped", "moves.pages", "moves.last_ns", "moves.drained_ns",
	} {
		requireField(t, d, path)
	}
	donor := DonorDaemon{Sessions: []DonorSession{{}}, Leases: []DonorLease{{}}, Transports: []DonorTransport{{}}, Identities: []DonorIdentity{{}}, LastEviction: &DonorEviction{}, Upgrade: &DonorUpgrade{}}
	for _, path := range []string{
		"name", "address", "data_address",
		"memory.total", "memory.mapped", "memory.prepared", "memory.free",
		"sessions.device", "sessions.uuid", "sessions.identity", "sessions.address", "sessions.slabs", "sessions.since",
		"leases.device", "leases.uuid", "leases.slabs", "leases.expires",
		"io.reads", "io.writes", "io.bytes_read", "io.bytes_written", "io.refused",
		"transport", "transports.name", "transports.address", "transports.connections", "transports.slabs",
		"transports.io.reads", "transports.io.writes", "transports.io.bytes_read", "transports.io.bytes_written",
		"state", "memory.headroom", "memory.available", "memory.stall", "memory.room", "memory.returning", "memory.machine",
		"identities.name", "identities.mapped", "sessions.bytes", "leases.bytes", "evictions", "evicted_bytes",
		"last_eviction.device", "last_eviction.identity", "last_eviction.slabs", "last_eviction.bytes", "last_eviction.why",
		"last_eviction.choosing_ns", "last_eviction.checking_ns", "last_eviction.asking_ns", "last_eviction.returning_ns", "last_eviction.freeing_ns",
		"upgrade.at", "upgrade.paused_ns",
	} {
		requireField(t, donor, path)
	}
}

// requireField follows a dotted path through the JSON of v, into the first
// element of lists.
func requireField(t *testing.T, v any, path string) {
	t.Helper()
	raw, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	var at any
	if err := json.Unmarshal(raw, &at); err != nil {
		t.Fatal(err)
	}
	for name := range strings.SplitSeq(path, ".") {
		if list, ok := at.([]any); ok {
			at = list[0]
		}
		object, ok := at.(map[string]any)
		if !ok {
			t.Fatalf("%s: %q is not in an object", path, name)
		}
		if at, ok = object[name]; !ok {
			t.Fatalf("%s: field %q is missing", path, name)
		}
	}
}

func TestAbsentListsAreEmpty(t *testing.T) {
	for _, v := range []any{
		Device{},
		&Device{},
		DonorDaemon{},
		[]Device{{}},
		Decision{},
		Device{Histograms: []Histogram{{}}, Cgroups: []CgroupLatency{{}}, Decisions: []Decision{{}}},
	} {
		raw, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(raw), "null") {
			t.Errorf("%T has null in %s", v, raw)
		}
	}
}

func TestSetPerPage(t *testing.T) {
	var m Memory
	m.SetPerPage(8<<20, 4<<30, 4096)
	if m.PerPage != 8 || m.PerPageTotal != 8<<20 || m.PerPageShare != 0.1953125 {
		t.Errorf("got %+v", m)
	}
	m = Memory{}
	m.SetPerPage(0, 0, 4096)
	if m != (Memory{}) {
		t.Errorf("size 0: got %+v", m)
	}
}
