package report

import (
	"fmt"
	"strings"
)

// paperMachine is what the paper measured on.
const paperMachine = "Gu et al., Efficient Memory Disaggregation with Infiniswap, NSDI 2017: 32 machines, 56 Gb/s InfiniBand, " +
	"hard disks; performance at 50% of the peak to that all in memory."

// paperResult is what the paper has of one application with half of its memory: the
// ratio to all of it in memory.
type paperResult struct {
	Workload string
	Names    []string // of workloads here that stand for it
	InMemory string
	Disk     float64
	Remote   float64
}

// paper are the results of section 6, from the throughputs and completion times there.
var paper = []paperResult{
	{"Memcached, Facebook ETC", []string{"memcached-etc", "etc"}, "95.8 kops", 23.8 / 95.8, 1 / 1.03},
	{"Memcached, Facebook SYS", []string{"memcached-sys", "sys"}, "93.9 kops", 5.4 / 93.9, 1 / 1.3},
	{"VoltDB, TPC-C", []string{"tpcc", "tpc-c", "voltdb"}, "36.2 kTPS", 1.54 / 36.2, 1 / 1.5},
	{"PowerGraph", []string{"pagerank", "graph", "powergraph"}, missing, 1.0 / 8, 1 / 1.24},
}

func paperOf(workload string) (paperResult, bool) {
	for _, p := range paper {
		for _, name := range p.Names {
			if workload == name {
				return p, true
			}
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
		t.rows = append(t.rows, []string{p.Workload, strings.Join(p.Names[:1], ", "), p.InMemory, times(p.Disk), times(p.Remote), times(p.Remote / p.Disk)})
	}
	return t
}
