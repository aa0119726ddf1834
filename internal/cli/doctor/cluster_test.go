package doctor

import (
	"fmt"
	"strings"
	"testing"

	"github.com/farswap/farswap/internal/machine"
	"github.com/farswap/farswap/status"
)

// TestPageCluster: advice follows from what was measured.
func TestPageCluster(t *testing.T) {
	io := func(pages float64, fetched, used, remote uint64) status.IO {
		return status.IO{
			Reads: 100_000, BytesRead: uint64(pages * 4096 * 100_000),
			Prefetched: fetched, PrefetchHits: used, RemoteReads: remote,
		}
	}
	vmstat := func(ahead, used int) string {
		return fmt.Sprintf("nr_free_pages 1\nswap_ra %d\nswap_ra_hit %d\nswpin_zero 3", ahead, used)
	}
	for name, tc := range map[string]struct {
		cluster, vmstat string
		io              status.IO
		state           machine.State // "": no check
		says            string        // parts, separated by |
	}{
		"nothing measured":                     {"3", vmstat(100_000, 10), status.IO{Reads: measuredReads - 1}, "", ""},
		"kernel is mute":                       {"", "", io(1, 0, 0, 1000), "", ""},
		"well used":                            {"3", vmstat(100_000, 83_000), io(5.2, 0, 0, 1000), machine.OK, "is 3|5.2 pages|83% are used"},
		"half in vain":                         {"3", vmstat(100_000, 40_000), io(3, 0, 0, 1000), machine.Warn, "40% are used|vm.page-cluster=2|in vain"},
		"all in vain":                          {"3", vmstat(100_000, 10_000), io(1.5, 0, 0, 1000), machine.Warn, "10% are used|vm.page-cluster=0"},
		"not counted":                          {"3", "nr_free_pages 1", io(3, 0, 0, 1000), machine.OK, "3.0 pages"},
		"few counted":                          {"3", vmstat(measuredAhead-1, 0), io(3, 0, 0, 1000), machine.OK, "3.0 pages"},
		"in order":                             {"0", vmstat(0, 0), io(1, 1000, 950, 1000), machine.Warn, "1.0 pages|fetched 95% ahead|used 95% of|vm.page-cluster=3: up to 8 pages"},
		"short reads":                          {"2", vmstat(0, 0), io(1.2, 1000, 950, 1000), machine.OK, "1.2 pages"},
		"no order":                             {"0", vmstat(0, 0), io(1, 100, 10, 1000), machine.OK, "fetched 1% ahead|used 10% of"},
		"in order, but in vain for the kernel": {"1", vmstat(100_000, 30_000), io(2, 1000, 950, 1000), machine.Warn, "vm.page-cluster=0"},
		"none, and was in vain":                {"0", vmstat(100_000, 30_000), io(1, 1000, 950, 1000), machine.OK, "30% are used"},
		"as large as is advised":               {"5", vmstat(100_000, 90_000), io(30, 1000, 950, 1000), machine.OK, "30.0 pages"},
	} {
		t.Run(name, func(t *testing.T) {
			s := healthy(t)
			s.file("proc/sys/vm/page-cluster", tc.cluster)
			s.file("proc/vmstat", tc.vmstat)
			checks := clusterChecks(s.Machine, tc.io)
			if tc.state == "" {
				if len(checks) != 0 {
					t.Errorf("%+v", checks)
				}
				return
			}
			if len(checks) != 1 || checks[0].State != tc.state || (checks[0].Advice == "") != (tc.state == machine.OK) {
				t.Fatalf("%+v", checks)
			}
			for part := range strings.SplitSeq(tc.says, "|") {
				if text := checks[0].text(" → "); !strings.Contains(text, part) {
					t.Errorf("%q lacks %q", text, part)
				}
			}
		})
	}
}
