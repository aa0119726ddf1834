// Package harness runs applications on swap backends under memory limits, in turns, and
// says what the difference is and how sure that is.
//
// # Dangers
//
//   - It needs root, and changes the machine while it runs: control groups, swap areas,
//     the page cache, which it drops before each run. It undoes what it did, also after
//     an interrupt; only SIGKILL leaves something behind.
//   - It writes to the block device that it is given.
//   - Swap counters, and what other processes used, are the whole machine's. Another
//     swap area would take pages, too: [Runner.Run] refuses while one is active.
//   - Figures of a run that was disturbed are counted all the same: to leave them out
//     would be to choose. The rows say how many there are.
//
// # Method
//
// A [Plan] is workloads × limits × backends, each cell run several times. A limit is a
// share of the workload's peak, which one run without a limit measures first, as
// memory.peak of its control group: page cache that it was charged for is part of it.
// The backend "none" is the reference: the same without any limit.
//
// Rounds are outermost and backends innermost, in an order that turns with each round:
// what drifts, drifts for all of them. The first rounds are warm-ups, whose figures are
// thrown away.
//
// A run makes a control group, drops caches, brings the backend up, then the application,
// which fills its memory. What is above the limit is pushed out, the limit is set, and a
// key-value store is loaded for a while, so that what is asked for comes back in. Counters
// are read, the application is measured, and counters are read again. All of it is taken
// down. A run that fails or takes too long is recorded with its reason, and the plan goes
// on; only when something cannot be taken down does it end.
//
// # Figures
//
// Rows have the median of the runs and a 95% percentile bootstrap interval, and the
// ratio to the reference, turned so that above 1 is better. See package stats for when
// there is a verdict. Cells have what the runs cost: faults, swap, pressure, processor
// time, latencies that package bpf measured in the kernel.
//
// # Result file
//
// One JSON document, replaced as a whole after each run. The same plan on the same
// machine goes on where the file ends.
package harness
