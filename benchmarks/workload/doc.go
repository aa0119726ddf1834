// Package workload has the applications that `farswap bench run` measures. Each workload
// brings an application up in a control group, loads it, and checks its results.
//
// # Dangers
//
//   - An application takes as much memory as its Size says, even if the machine has less.
//     Limit its control group first.
//   - Servers listen on Unix sockets in a folder of mode 0700, without passwords.
//   - PostgreSQL runs with fsync off. Its files do not survive a crash, and need not.
//   - PostgreSQL refuses root. If root starts it, it runs in a user namespace in which root
//     has another number. It then owns what root owns, and has none of root's capabilities.
//   - Stop every workload that was started, also after an error of Measure. If Start fails,
//     it stops what it began.
//
// # Servers
//
// memcached, Redis and PostgreSQL are those of Debian. They are found on PATH; PostgreSQL also
// in ../lib/postgresql/VERSION/bin beside a folder of PATH. They run in the control group.
// Their load generators do not.
//
// Key-value stores are loaded in two phases. The closed phase, a third of the time, keeps a
// fixed number of operations under way and finds the throughput. The open phase sends at a
// fixed rate and does not wait for answers. Its arrivals are a Poisson process drawn ahead. A
// latency counts from the moment at which the operation was due, not from when it could be
// sent. So a server that stalls delays all that was due meanwhile. A generator that waits for
// answers would omit those operations (coordinated omission). An operation without an answer
// long after the end counts with the time that it has waited by then.
//
// Each connection has its own share of the keys. So the order of the operations on a key is
// certain, and with it the version that a read has to return. Key, version and content of
// every value are checked; the error is ErrWrong.
//
// # Programs
//
// pagerank, kmeans, quicksort, gups, scan, stream and faults are `farswap bench work NAME`, a
// process of its own in the control group. It fills its memory, says so, waits for a line, and
// then does its work once. Data are in mapped memory that the garbage collector does not know,
// so its cycles bring no page in. Huge pages are off. Each program checks all of its data after
// its clock has stopped. If a page cannot be brought back, the error is ErrUnreadable.
package workload
