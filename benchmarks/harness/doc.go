// Package harness runs applications on swap backends under memory limits, in turns. It says
// what the difference is and how certain it is.
//
// # Dangers
//
//   - It needs root and changes the machine while it runs: it makes control groups and
//     swap areas, and drops the page cache before each run. It undoes what it did, also
//     after an interrupt. Only SIGKILL leaves something behind.
//   - It overwrites the block device that its caller gives it.
//   - Swap counters, and the use by other processes, are those of the whole machine.
//     Another swap area would take pages, too: [Runner.Run] refuses while one is active.
//   - Figures of a disturbed run count like all others, because to leave them out would be
//     to choose. The rows say how many runs were disturbed.
//
// # Method
//
// A [Plan] is workloads × limits × backends; each cell is run several times. A limit is a
// share of the workload's peak. One run without a limit measures the peak first, as
// memory.peak of its control group, which includes page cache charged to the group. The
// backend "none" is the reference: the same application without any limit.
//
// Rounds are outermost and backends innermost, and each round begins with another backend.
// So drift concerns all backends alike. The first rounds are warm-ups, whose figures are
// thrown away.
//
// A run has these steps:
//
//  1. It makes a control group, drops caches, and brings up the backend and the application,
//     which fills its memory.
//  2. It pushes out what is above the limit, and sets the limit.
//  3. It loads a key-value store for a while, so that the keys in demand come back in.
//  4. It reads counters, measures the application, and reads counters again.
//  5. It takes all of it down.
//
// A run that fails or takes too long is recorded with its reason, and the plan goes on. The
// plan ends only if something cannot be taken down.
//
// # Figures
//
// Rows have the median of the runs, a 95% percentile bootstrap interval, and the ratio to
// the reference, in which above 1 is better. Package stats says when there is a verdict.
// Cells have the cost of the runs: faults, swap, pressure, processor time, and the latencies
// that package bpf measured in the kernel.
//
// # Result file
//
// The result file is one JSON document, replaced as a whole after each run. The same plan on
// the same machine goes on where the file ends.
package harness
