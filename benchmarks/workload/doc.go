// Package workload has the applications that `farswap bench run` measures: each brings
// one up in a control group, loads it, and checks its results.
//
// # Dangers
//
// An application takes as much memory as its Size says, whatever the machine has: bound
// its control group first. Servers listen on Unix sockets in a folder of mode 0700, without
// passwords. PostgreSQL runs with fsync off: its files do not outlive a crash, and need not. It
// refuses root; started by root, it runs in a user namespace where root has another number:
// it owns what root owns, and has none of root's capabilities.
//
// Whoever starts a workload must Stop it, also after an error of Measure. Start stops what
// it began if it fails.
//
// # Servers
//
// memcached, Redis and PostgreSQL are Debian's, found on PATH or, PostgreSQL, in
// ../lib/postgresql/VERSION/bin beside a folder of PATH. They run in the control group,
// their load generators do not.
//
// Key-value stores are loaded twice. The closed phase, a third of the time, keeps a fixed
// number of operations under way and finds the throughput. The open phase sends at a fixed
// rate, whatever comes back: arrivals are a Poisson process drawn ahead, and a latency
// counts from the moment at which the operation was due, not from when it could be sent. A
// server that stalls so delays all that was due meanwhile, which a generator that waits
// for answers would omit (coordinated omission). What is not answered long after the end
// counts with the time that it has waited by then.
//
// Each connection has its own share of the keys, so the order of the operations on a key is
// certain, and with it the version that a read has to bring. Key, version and content of
// every value read are checked: ErrWrong.
//
// # Programs
//
// pagerank, kmeans, quicksort, gups, scan, stream and faults are `farswap bench work NAME`,
// a process of its own in the control group. It fills its memory, says so, waits for a line,
// and then does its work once. Data lie in mapped memory that the garbage collector does not
// know: its cycles bring no page in. Huge pages are off. After its clock has stopped each
// program checks all of its data. A page that cannot be brought back is ErrUnreadable.
package workload
