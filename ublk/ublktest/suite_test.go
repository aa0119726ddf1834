package ublktest

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"github.com/farswap/farswap/ublk"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fault is what a disk does wrong.
type fault string

const (
	none       fault = ""
	twice      fault = "answers twice"
	tooMuch    fault = "answers too much"
	short      fault = "answers too little"
	leaks      fault = "keeps a spare buffer"
	late       fault = "takes a write's data after the answer"
	forgets    fault = "loses a write in a hundred"
	shifts     fault = "is off by a byte at the end"
	apart      fault = "keeps a disk for each queue"
	allocates  fault = "allocates"
	zeroesPart fault = "leaves the last byte of zeros"
)

// faults and what the suite says of each.
var faults = map[fault]string{
	twice: "the target holds no request of it", tooMuch: "want 512 at most", short: "result", leaks: "buffers are spare at the end",
	late: "want 0x", forgets: "want 0x", shifts: "are not what was written", apart: "want 0x", allocates: "allocations in", zeroesPart: "want 0x0",
}

// faultyDisk is a RAM disk with a fault.
type faultyDisk struct {
	fault fault
	mem   []byte
}

func (d *faultyDisk) OpenQueue(q *ublk.Queue) (ublk.Server, error) {
	s := &faultyServer{faultyDisk: d, queue: q, data: d.mem}
	if d.fault == apart {
		s.data = make([]byte, len(d.mem))
	}
	return s, nil
}

type faultyServer struct {
	*faultyDisk
	queue  *ublk.Queue
	data   []byte
	writes int
	kept   *[]byte
}

func (s *faultyServer) Serve(tag int, d ublk.Desc) {
	buffer := s.queue.Buffer(tag)
	part := s.data[d.Offset:]
	res := int32(0)
	switch d.Op {
	case ublk.OpRead:
		res = int32(copy(buffer[:d.Length], part))
	case ublk.OpWrite:
		res = int32(d.Length)
		s.writes++
		if s.fault == late {
			s.queue.Complete(tag, res)
			copy(part, buffer[:d.Length])
			return
		}
		if s.fault != forgets || s.writes%100 != 0 {
			copy(part, buffer[:d.Length])
		}
		if s.fault == shifts && int(d.Offset)+d.Length == len(s.data) {
			part[d.Length-1]++
		}
	case ublk.OpDiscard, ublk.OpWriteZeroes:
		n := d.Length
		if s.fault == zeroesPart && n > 1 {
			n--
			part[n] = 1
		}
		clear(part[:n])
	}
	switch s.fault {
	case tooMuch:
		res++
	case short:
		res = max(0, res-1)
	case leaks:
		s.queue.TakeSpare()
	case allocates:
		b := make([]byte, 100)
		s.kept = &b
	case twice:
		s.queue.Complete(tag, res)
	}
	s.queue.Complete(tag, res)
}

func (*faultyServer) Idle() bool   { return true }
func (*faultyServer) Close() error { return nil }

func suiteFor(f fault) Config {
	return Config{DiscardZeros: true, Open: func(*testing.T) (ublk.Target, ublk.Spec) {
		spec := ublk.Spec{ID: -1, Size: 1 << 20, Queues: 2, Depth: 4, BlockSize: 512, MaxIO: 64 << 10, Spare: 4, MaxDiscard: 1 << 20, WriteCache: true}
		return &faultyDisk{fault: f, mem: make([]byte, spec.Size)}, spec
	}}
}

func TestSuitePassesWhatIsGood(t *testing.T) { TestTarget(t, suiteFor(none)) }

const faultEnv = "UBLKTEST_FAULT"

// TestSuiteFindsFaults runs the suite on each faulty disk in a process of its own,
// which must fail and say why.
func TestSuiteFindsFaults(t *testing.T) {
	if f := os.Getenv(faultEnv); f != "" {
		TestTarget(t, suiteFor(fault(f)))
		return
	}
	for f, want := range faults {
		t.Run(string(f), func(t *testing.T) {
			cmd := exec.Command(os.Args[0], "-test.run", "^TestSuiteFindsFaults$", "-test.timeout", "60s")
			cmd.Env = append(os.Environ(), faultEnv+"="+string(f))
			out, err := cmd.CombinedOutput()
			if err == nil || !strings.Contains(string(out), want) {
				t.Errorf("the suite ended with %v and did not say %q:\n%s", err, want, out)
			}
		})
	}
}

// A request that the kernel would not send is answered with an error, and the target
// does not see it.
func TestQueueRefusesImpossibleRequests(t *testing.T) {
	target, spec := suiteFor(none).Open(t)
	d := Open(t, target, spec)
	for _, r := range []ublk.Desc{
		{Op: ublk.OpRead, Offset: spec.Size, Length: 512},
		{Op: ublk.OpRead, Length: 2 * spec.MaxIO},
		{Op: 77, Length: 512},
	} {
		if res := d.Queues()[0].Do(r, nil); res != -int32(unix.EIO) {
			t.Errorf("%+v: result %d, want -EIO", r, res)
		}
	}
}
