package workload

import (
	"context"
	"fmt"
	"net"
	"os"
	"strconv"
	"time"
)

// The two memcached loads are those of the Infiniswap paper's evaluation, after Atikoglu
// et al., "Workload Analysis of a Large-Scale Key-Value Store" (2012). There, half of ETC's
// keys have 1% of the requests; of SYS's keys a quarter has nine tenths, as with YCSB's Zipf.
var (
	memcachedETC = memcachedLoad{
		name: "memcached-etc", about: "memcached, 5% SET, values of 16 to 512 B, half of the keys with 1% of the requests",
		writes: 0.05, values: values{16, 512}, item: 384, draw: etcKeys,
	}.workload()
	memcachedSYS = memcachedLoad{
		name: "memcached-sys", about: "memcached, 25% SET, values of 320 to 500 B, zipf keys",
		writes: 0.25, values: values{320, 500}, item: 544, draw: zipfKeys,
	}.workload()
)

// memcachedLoad is a load on memcached.
type memcachedLoad struct {
	name, about string
	writes      float64
	values      values
	draw        distribution
	item        int64 // memory that one takes, in bytes, on average, with what belongs to it
}

// memcachedRate is the rate of the open phase, a second. It is the same for all backends. The
// rate of the small size is a tenth of what an emulated machine can do with all data in memory.
var memcachedRate = map[Size]float64{Small: 500, Medium: 20_000, Paper: 20_000}

// memcachedDepth is the operations under way on each connection in the closed phase.
const memcachedDepth = 8

func (m memcachedLoad) workload() Workload {
	return Workload{Name: m.name, About: m.about, Needs: []string{"memcached"}, Start: m.start}
}

func (m memcachedLoad) start(ctx context.Context, place Place, size Size) (Running, error) {
	n, err := size.Bytes()
	if err != nil {
		return nil, err
	}
	path, err := Find("memcached")
	if err != nil {
		return nil, err
	}
	socket, err := newSocket()
	if err != nil {
		return nil, err
	}
	// The server gets twice the memory that the items need, so it evicts nothing. The crawler
	// is off: it looks at every item for expired ones now and then, and there are none.
	args := []string{
		"-s", socket.path, "-a", "0600", "-m", strconv.FormatInt(2*n>>20+64, 10),
		"-o", "no_lru_crawler,hashpower=" + strconv.Itoa(hashPower(n/m.item)),
	}
	if os.Geteuid() == 0 {
		args = append(args, "-u", "root")
	}
	s := &store{
		keys: max(n/m.item, connections), values: m.values, draw: m.draw, writes: m.writes, seed: 1, lossy: true,
		dial: func() (net.Conn, pipe, error) {
			conn, err := net.Dial("unix", socket.path)
			return conn, newMemcachedPipe(conn, m.values), err
		},
	}
	run := &storeRun{
		name: m.name, store: s, shares: s.shares(), socket: socket, log: place.Log,
		depth: memcachedDepth, rate: memcachedRate[size], holds: m.holds(socket.path),
	}
	place.Log("%s: fill %d keys", m.name, s.keys)
	return run.start(ctx, place.Command(context.WithoutCancel(ctx), path, args...))
}

// hashPower returns the binary logarithm of the size of a hash table that n items do not make
// grow.
func hashPower(n int64) int {
	power := 12
	for ; power < 32 && int64(1)<<power < n; power++ {
	}
	return power
}

// holds returns a function that asks how many keys the server holds.
func (m memcachedLoad) holds(path string) func() (int64, error) {
	return func() (int64, error) {
		conn, err := net.DialTimeout("unix", path, time.Second)
		if err != nil {
			return 0, err
		}
		defer func() { _ = conn.Close() }()
		if err := conn.SetDeadline(time.Now().Add(openPatience)); err != nil {
			return 0, err
		}
		stats, err := newMemcachedPipe(conn, m.values).stats()
		if err != nil {
			return 0, err
		}
		n, err := strconv.ParseInt(stats["curr_items"], 10, 64)
		if err != nil {
			return 0, fmt.Errorf("memcached's curr_items: %w", err)
		}
		return n, nil
	}
}
