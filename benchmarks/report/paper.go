package report

import "fmt"

// paperMachine is the machine of the paper's measurements.
const paperMachine = "Gu et al., Efficient Memory Disaggregation with Infiniswap, NSDI 2017: 32 machines, 56 Gb/s InfiniBand, " +
	"hard disks; performance at 50% of the peak to that all in memory."

// paperResult is the paper's result for one application with half of its memory: the ratio
// to the application with all data in memory.
type paperResult struct {
	Workload string
	Here     string // the workload here that corresponds to it
	InMemory string
	Disk     float64
	Remote   float64
	Gain     float64 // of remote over disk, as in the paper
}

// paper has the results of section 6, computed from the throughputs and completion times
// there.
var paper = []paperResult{
	{"Memcached, Facebook ETC", "memcached-etc", "95.8 kops", 23.8 / 95.8, 1 / 1.03, 4.1},
	{"Memcached, Facebook SYS", "memcached-sys", "93.9 kops", 5.4 / 93.9, 1 / 1.3, 15.1},
	{"VoltDB, TPC-C", "postgres", "36.2 kTPS", 1.54 / 36.2, 1 / 1.5, 15.4},
	{"PowerGraph", "pagerank", missing, 1.0 / 8, 1 / 1.24, 6.5},
}

func paperOf(workload string) (paperResult, bool) {
	for _, p := range paper {
		if workload == p.Here {
			return p, true
		}
	}
	return paperResult{}, false
}

func (p paperResult) text() string {
	return fmt.Sprintf("%s on disk, %s on Infiniswap, to in memory", times(p.Disk), times(p.Remote))
}

func paperTable() table {
	t := table{head: []string{"application", "as here", "in memory", "disk", "Infiniswap", "Infiniswap to disk"}, left: 2}
	for _, p := range paper {
		t.rows = append(t.rows, []string{p.Workload, p.Here, p.InMemory, times(p.Disk), times(p.Remote), times(p.Gain)})
	}
	return t
}
