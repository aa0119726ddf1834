package tcp

import (
	"fmt"
	"io"
	"net"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"farswap/verbs"
)

const page = 4096

// keepBusy does n operations of one page with depth of them under way.
func keepBusy(tb testing.TB, r *rig, op verbs.Opcode, depth, n int) {
	posted, completed := 0, 0
	for completed < n {
		for posted < n && r.qp.Outstanding() < depth {
			slot := uint64(posted%depth) * page
			r.wr = verbs.WR{ID: slot, Op: op, Local: r.local[slot : slot+page : slot+page], Remote: slot, Key: r.grant.Key}
			if err := r.qp.Post(&r.wr); err != nil {
				tb.Fatal(err)
			}
			posted++
		}
		r.qp.Doorbell()
		if err := r.loop.Pass(time.Second); err != nil {
			tb.Fatal(err)
		}
		r.qp.Tick(r.loop.Now())
		k := r.qp.Poll(r.done[:])
		for _, c := range r.done[:k] {
			if c.Status != verbs.StatusOK {
				tb.Fatalf("%+v: %v", c, r.qp.Err())
			}
		}
		completed += k
	}
}

// cpuTime is what both sides have used of the processors, in nanoseconds: it
// tells more than the elapsed time when the machine is shared.
func cpuTime(tb testing.TB) int64 {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		tb.Fatal(err)
	}
	return u.Utime.Nano() + u.Stime.Nano()
}

func benchmark(b *testing.B, op verbs.Opcode) {
	for _, depth := range []int{1, 16, 64} {
		b.Run(fmt.Sprintf("depth=%d", depth), func(b *testing.B) {
			r := newRig(b, Config{Threads: 1}, verbs.QPConfig{Depth: depth})
			keepBusy(b, r, op, depth, 10*depth)
			b.SetBytes(page)
			b.ReportAllocs()
			b.ResetTimer()
			cpu := cpuTime(b)
			keepBusy(b, r, op, depth, b.N)
			b.StopTimer()
			b.ReportMetric(float64(cpuTime(b)-cpu)/float64(b.N), "cpu-ns/op")
		})
	}
}

func BenchmarkRead4K(b *testing.B)  { benchmark(b, verbs.OpRead) }
func BenchmarkWrite4K(b *testing.B) { benchmark(b, verbs.OpWrite) }

// BenchmarkGoNet4K is the yardstick: a request of 48 bytes answered with a
// header and a page, one at a time, by plain goroutines on Go's own networking.
func BenchmarkGoNet4K(b *testing.B) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	go func() {
		c, err := l.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		request, reply := make([]byte, 48), make([]byte, 16+page)
		for {
			if _, err := io.ReadFull(c, request); err != nil {
				return
			}
			if _, err := c.Write(reply); err != nil {
				return
			}
		}
	}()
	cpu := cpuTime(b)
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	request, reply := make([]byte, 48), make([]byte, 16+page)
	b.SetBytes(page)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.Write(request); err != nil {
			b.Fatal(err)
		}
		if _, err := io.ReadFull(c, reply); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(cpuTime(b)-cpu)/float64(b.N), "cpu-ns/op")
}
