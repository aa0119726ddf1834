package benchmarks

import (
	"fmt"
	"sync/atomic"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/farswap/farswap/uring"
	"github.com/farswap/farswap/verbs"
)

const (
	// loopEntries is more than the entries that one connection prepares in a pass.
	loopEntries = 64
	// waitStep bounds a pass, so that the driver notices deadlines and a stop.
	waitStep = 100 * time.Millisecond
	// drainPasses times waitStep is how long a failed connection may take to
	// give its operations back.
	drainPasses = 50

	maxVerbsLatency    = time.Minute
	verbsLatencyDigits = 3
)

func newVerbsLatency() *hdrhistogram.Histogram {
	return hdrhistogram.New(1, int64(maxVerbsLatency), verbsLatencyDigits)
}

// verbsDriver keeps a queue pair busy. Each outstanding operation has a slot. Place p is
// the same bytes of the arena and of the region; slots share places if there is too
// little room. The driver belongs to the loop's thread, except for stop.
type verbsDriver struct {
	loop    *uring.Loop
	qp      verbs.QP
	arena   []byte
	key     verbs.Key
	began   time.Time
	latency *hdrhistogram.Histogram
	stop    atomic.Bool // a row ends early

	wr    verbs.WR // all operations use it, because Post does not keep it
	done  [verbs.MaxDepth]verbs.Completion
	begun [verbs.MaxDepth]int64 // by slot, ns
	took  [verbs.MaxDepth]int64 // by completion, ns

	burst       burst // the one under way
	begin, end  int64 // of it, ns; end is the last completion so far
	posted, ops int64
	err         error // ends the burst
}

// burst is a run of like operations.
type burst struct {
	op     verbs.Opcode
	size   int
	depth  int
	places int
	count  int64         // operations at most; 0 for no limit
	limit  time.Duration // 0 for none
}

// now is read once for each batch of completions. The end of one operation is the
// beginning of the next, as in perftest.
func (d *verbsDriver) now() int64 { return int64(time.Since(d.began)) }

// row measures one row. salt makes its data differ from that of other rows.
func (d *verbsDriver) row(op verbs.Opcode, size, depth int, cfg VerbsConfig, salt uint64) (VerbsRow, error) {
	places := min(depth, len(d.arena)/size)
	used := d.arena[:places*size]
	fillBytes(used, salt)
	if op == verbs.OpRead {
		if _, _, err := d.run(d.once(verbs.OpWrite, size, places)); err != nil {
			return VerbsRow{}, err
		}
		clear(used)
	}
	d.latency.Reset()
	ops, ns, err := d.run(burst{op: op, size: size, depth: depth, places: places, count: cfg.Count, limit: cfg.Duration})
	if err != nil {
		return VerbsRow{}, err
	}
	row := VerbsRow{
		Op: op.String(), Size: size, Depth: depth, Ops: ops, Seconds: float64(ns) / 1e9,
		MeanNS: int64(d.latency.Mean()), P50NS: d.latency.ValueAtQuantile(50),
		P99NS: d.latency.ValueAtQuantile(99), MaxNS: d.latency.Max(),
	}
	row.OpsPerSecond = quotient(float64(ops), row.Seconds)
	row.BytesPerSecond = row.OpsPerSecond * float64(size)

	touched := int(min(int64(places), ops))
	if op == verbs.OpWrite {
		clear(used)
		if _, _, err := d.run(d.once(verbs.OpRead, size, touched)); err != nil {
			return VerbsRow{}, err
		}
	}
	if bad := verifyBytes(used[:touched*size], salt); bad >= 0 {
		return VerbsRow{}, fmt.Errorf("byte %d of place %d: %w", bad%size, bad/size, ErrMismatch)
	}
	return row, nil
}

// once does one operation at every place.
func (d *verbsDriver) once(op verbs.Opcode, size, places int) burst {
	return burst{op: op, size: size, depth: places, places: places, count: int64(places)}
}

// run does a burst and returns the operations done and the nanoseconds from the
// first post to the last completion.
func (d *verbsDriver) run(b burst) (ops, ns int64, err error) {
	// A queue pair counts the age of operations from the loop's clock.
	if err := d.loop.Pass(0); err != nil {
		return 0, 0, err
	}
	begin := d.now()
	d.burst, d.begin, d.end, d.posted, d.ops = b, begin, begin, 0, 0
	for slot := 0; slot < b.depth && d.more(); slot++ {
		if err := d.post(slot, begin); err != nil {
			return 0, 0, err
		}
	}
	d.qp.Doorbell()
	for d.ops < d.posted && d.err == nil {
		if err := d.loop.Pass(waitStep); err != nil {
			return 0, 0, err
		}
		d.qp.Tick(d.loop.Now())
	}
	return d.ops, d.end - begin, d.err
}

// more returns whether the burst has operations left to post.
func (d *verbsDriver) more() bool { return d.burst.count == 0 || d.posted < d.burst.count }

// completed is called by the queue pair when there are completions. It replaces each
// operation at once, inside the pass.
func (d *verbsDriver) completed() {
	if d.err != nil {
		return
	}
	n := d.qp.Poll(d.done[:])
	if n == 0 {
		return
	}
	now := d.now()
	again := !d.stop.Load() && (d.burst.limit == 0 || now-d.begin < int64(d.burst.limit))
	for i := range d.done[:n] {
		c := &d.done[i]
		if c.Status != verbs.StatusOK {
			d.err = d.failed(c)
			return
		}
		d.took[i] = now - d.begun[c.ID]
		if again && d.more() {
			if d.err = d.post(int(c.ID), now); d.err != nil {
				return
			}
		}
	}
	d.qp.Doorbell()
	// Recording comes last, so that no latency includes it.
	for _, ns := range d.took[:n] {
		// It fails above the largest value only.
		_ = d.latency.RecordValue(min(max(ns, 1), int64(maxVerbsLatency)))
	}
	d.ops += int64(n)
	d.end = now
	if d.ops == d.posted {
		d.loop.Awake() // nothing is left to wait for
	}
}

func (d *verbsDriver) post(slot int, now int64) error {
	b := &d.burst
	at := slot % b.places * b.size
	d.wr = verbs.WR{
		ID: uint64(slot), Op: b.op, Local: d.arena[at : at+b.size : at+b.size], Remote: uint64(at), Key: d.key,
	}
	d.begun[slot] = now
	d.posted++
	return d.qp.Post(&d.wr)
}

// failed returns why an operation was not carried out: the connection's reason, if it
// has one.
func (d *verbsDriver) failed(c *verbs.Completion) error {
	if err := d.qp.Err(); err != nil {
		return err
	}
	return c.Status.Err()
}

// close ends the connection; what is outstanding after an error is flushed.
func (d *verbsDriver) close() error {
	d.qp.Fail(nil)
	for i := 0; d.qp.Outstanding() > 0 && i < drainPasses; i++ {
		if d.qp.Poll(d.done[:]) > 0 {
			continue
		}
		if err := d.loop.Pass(waitStep); err != nil {
			return err
		}
	}
	return d.qp.Close()
}
