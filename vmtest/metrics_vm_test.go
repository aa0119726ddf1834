//go:build vm

package vmtest

import (
	"bufio"
	"strconv"
	"strings"
	"time"

	"github.com/farswap/farswap/status"
)

// metricsTrue compares the metrics of a device under load, and of its donors, with what
// their sockets say before and after: each counter has to lie between the two.
func metricsTrue(w *World) {
	donors := w.donors(2, "80M")
	d := w.Swap("128M", donors)
	d.SwapOn()
	load := w.Page(pagingSize, pagingLimit, "--duration", w.Shorten(10*time.Second).String(), "--threads", "4")
	w.Until(time.Minute, "pages are read from donors", func() bool { return d.Status().IO.RemoteReads > 0 })
	const rounds = 3
	moved := 0
	for range rounds {
		first := w.allCounters(d, donors)
		samples := metricsOnce(w)
		last := w.allCounters(d, donors)
		for name, least := range first {
			got, found := samples[name]
			if most := last[name]; !found || got < least || got > most {
				w.Errorf("%s is %v (found: %v), want %v to %v", name, got, found, least, most)
			}
			if last[name] > least {
				moved++
			}
		}
		for _, name := range append([]string{`farswap_device_up{device="` + kernelName(d) + `"}`}, donorsUp(donors)...) {
			if samples[name] != 1 {
				w.Errorf("%s is %v, want 1", name, samples[name])
			}
		}
	}
	if moved < 5*rounds {
		w.Errorf("only %d counters moved in %d rounds: this shows nothing", moved, rounds)
	}
	w.Logf("%d counters moved while they were compared", moved)
	load.Check(4 * time.Minute)
	d.CheckIO()
	d.SwapOff()
	d.Stop()
	for name := range metricsOnce(w) {
		if strings.HasPrefix(name, "farswap_device_") {
			w.Errorf("%s is left of a device that was stopped", name)
		}
	}
}

// metricsOnce is what `farswap metrics --once` prints, by name and labels.
func metricsOnce(w *World) map[string]float64 {
	w.Helper()
	samples := map[string]float64{}
	lines := bufio.NewScanner(strings.NewReader(w.Must("farswap", "metrics", "--once")))
	for lines.Scan() {
		if strings.HasPrefix(lines.Text(), "#") {
			continue
		}
		i := strings.LastIndexByte(lines.Text(), ' ')
		value, err := strconv.ParseFloat(lines.Text()[i+1:], 64)
		if err != nil {
			w.Fatalf("%q: %v", lines.Text(), err)
		}
		samples[lines.Text()[:i]] = value
	}
	return samples
}

// allCounters are those of a device and of donors, as their sockets tell them.
func (w *World) allCounters(d *Device, donors []*Donor) map[string]float64 {
	w.Helper()
	counters := deviceCounters(d.Status())
	for _, donor := range donors {
		donorCounters(donor.Name, w.donorStatus(donor), counters)
	}
	return counters
}

func kernelName(d *Device) string { return strings.TrimPrefix(d.Path, "/dev/") }

// deviceCounters are those of a status, by the names that they have as metrics.
func deviceCounters(s status.Device) map[string]float64 {
	device := `{device="` + strings.TrimPrefix(s.Path, "/dev/") + `"`
	counters := map[string]float64{}
	for name, value := range map[string]uint64{
		`requests_total` + device + `,op="read"}`:                  s.IO.Reads,
		`requests_total` + device + `,op="write"}`:                 s.IO.Writes,
		`requests_total` + device + `,op="discard"}`:               s.IO.Discards,
		`requests_total` + device + `,op="flush"}`:                 s.IO.Flushes,
		`request_bytes_total` + device + `,op="read"}`:             s.IO.BytesRead,
		`request_bytes_total` + device + `,op="write"}`:            s.IO.BytesWritten,
		`request_errors_total` + device + `}`:                      s.IO.Errors,
		`corrupt_pages_total` + device + `}`:                       s.IO.Corrupt,
		`slab_failovers_total` + device + `}`:                      s.IO.Failovers,
		`page_ios_total` + device + `,op="read",place="remote"}`:   s.IO.RemoteReads,
		`page_ios_total` + device + `,op="write",place="remote"}`:  s.IO.RemoteWrites,
		`page_ios_total` + device + `,op="read",place="backing"}`:  s.IO.BackingReads,
		`page_ios_total` + device + `,op="write",place="backing"}`: s.IO.BackingWrites,
		`page_ios_total` + device + `,op="read",place="zero"}`:     s.IO.ZeroReads,
		`prefetched_pages_total` + device + `}`:                    s.IO.Prefetched,
		`prefetch_hits_total` + device + `}`:                       s.IO.PrefetchHits,
		`slabs_moved_total` + device + `}`:                         s.Moves.Slabs,
		`slabs_moved_slow_total` + device + `}`:                    s.Moves.Slow,
		`slabs_dropped_total` + device + `}`:                       s.Moves.Dropped,
		`moved_pages_total` + device + `}`:                         s.Moves.Pages,
		`major_faults_total` + device + `}`:                        s.Probes.MajorFaults,
		`readahead_pages_total` + device + `}`:                     s.Probes.ReadAhead,
	} {
		counters["farswap_device_"+name] = float64(value)
	}
	for _, h := range s.Histograms {
		counters[`farswap_device_latency_seconds_count`+device+`,source="`+h.Source+`"}`] = float64(h.Latency.Count())
	}
	return counters
}

// donorCounters adds those of a donor.
func donorCounters(name string, s status.DonorDaemon, counters map[string]float64) {
	for metric, value := range map[string]uint64{
		`operations_total{donor="` + name + `",op="read"}`:       s.IO.Reads,
		`operations_total{donor="` + name + `",op="write"}`:      s.IO.Writes,
		`operation_bytes_total{donor="` + name + `",op="read"}`:  s.IO.BytesRead,
		`operation_bytes_total{donor="` + name + `",op="write"}`: s.IO.BytesWritten,
		`refused_operations_total{donor="` + name + `"}`:         s.IO.Refused,
		`evictions_total{donor="` + name + `"}`:                  s.Evictions,
	} {
		counters["farswap_donor_"+metric] = float64(value)
	}
}

func donorsUp(donors []*Donor) []string {
	var names []string
	for _, d := range donors {
		names = append(names, `farswap_donor_up{donor="`+d.Name+`"}`)
	}
	return names
}
