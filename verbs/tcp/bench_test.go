package tcp

import (
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/farswap/farswap/verbs"
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

// echoEnv, when set, makes the test binary a ping-pong server: see TestMain.
const echoEnv = "FARSWAP_TEST_ECHO"

// echo answers requests of 48 bytes with a header and a page.
func echo(l net.Listener) {
	c, err := l.Accept()
	if err != nil {
		return
	}
	defer c.Close()
	request, reply := make([]byte, 48), make([]byte, replySize+page)
	for {
		if _, err := io.ReadFull(c, request); err != nil {
			return
		}
		if _, err := c.Write(reply); err != nil {
			return
		}
	}
}

func listen(tb testing.TB) net.Listener {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	return l
}

// BenchmarkGoNet4K is the yardstick: reads of a page, one at a time, with plain
// goroutines and Go's own networking. Within one process the runtime serves both
// ends on one thread, which no two machines can; so the server is another
// process, too.
func BenchmarkGoNet4K(b *testing.B) {
	b.Run("one-process", func(b *testing.B) {
		l := listen(b)
		defer l.Close()
		go echo(l)
		pingPong(b, l.Addr().String())
	})
	b.Run("two-processes", func(b *testing.B) {
		l := listen(b)
		file, err := l.(*net.TCPListener).File()
		if err != nil {
			b.Fatal(err)
		}
		defer file.Close()
		child := exec.Command("/proc/self/exe")
		child.Env = append(os.Environ(), echoEnv+"=1")
		child.ExtraFiles = []*os.File{file}
		if err := child.Start(); err != nil {
			b.Fatal(err)
		}
		defer child.Wait()
		address := l.Addr().String()
		_ = l.Close()
		pingPong(b, address)
	})
}

func pingPong(b *testing.B, address string) {
	c, err := net.Dial("tcp", address)
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	request, reply := make([]byte, 48), make([]byte, replySize+page)
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
}
