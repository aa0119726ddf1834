package ublktest

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/farswap/farswap/ublk"
)

// Config says how a target is tested.
type Config struct {
	// Open makes a target and says what to serve it as. It is called once for each
	// test, and frees the target with t.Cleanup.
	Open func(t *testing.T) (ublk.Target, ublk.Spec)
	// Forgets is for targets that do not keep what is written. Their reads are not
	// looked at.
	Forgets bool
	// DiscardZeros is for targets that promise zeros where data were discarded.
	DiscardZeros bool
	// Requests is how many requests a test makes of a target, about; 0: 2000. It is
	// for targets that are slow on purpose.
	Requests int
}

const defaultRequests = 2000

func (c Config) requests() int {
	if c.Requests == 0 {
		return defaultRequests
	}
	return c.Requests
}

// TestTarget is the suite that every target passes, on simulated queues:
//
//   - each request is answered once, with a result that the driver accepts;
//   - the first and the last block, and the largest request, work;
//   - reads bring what was written, through whichever queue, under requests on all tags
//     of all queues;
//   - writes of zeros, and discards where promised, leave zeros;
//   - no buffer is used after its request was completed, and all spare ones come back;
//   - requests allocate nothing.
func TestTarget(t *testing.T, c Config) {
	t.Run("edges", func(t *testing.T) { testEdges(t, c, simulate(t, c)) })
	t.Run("history", func(t *testing.T) { testHistory(t, c, simulate(t, c)) })
	t.Run("every tag", func(t *testing.T) { testEveryTag(t, c) })
	t.Run("allocations", func(t *testing.T) { testAllocations(t, c) })
}

// disk is what the tests use: a simulated device or a real one. Its methods may be
// called from any goroutine.
type disk interface {
	spec() ublk.Spec
	// do carries out a request; data are as for Queue.Do.
	do(d ublk.Desc, data []byte) error
}

// simulated spreads requests over the queues of a Device.
type simulated struct{ device *Device }

func simulate(t *testing.T, c Config) disk {
	target, spec := c.Open(t)
	return simulated{Open(t, target, spec)}
}

func (s simulated) spec() ublk.Spec { return s.device.Spec() }

func (s simulated) do(d ublk.Desc, data []byte) error {
	queues := s.device.Queues()
	return result(d, queues[rand.IntN(len(queues))].Do(d, data))
}

// result is an error unless res is that of a request carried out wholly.
func result(d ublk.Desc, res int32) error {
	want := 0
	if d.Op == ublk.OpRead || d.Op == ublk.OpWrite {
		want = d.Length
	}
	if int(res) != want {
		return fmt.Errorf("%v of %d bytes at %d: result %d, want %d", d.Op, d.Length, d.Offset, res, want)
	}
	return nil
}

// testEdges writes and reads at the ends of the device and of what a request may be.
func testEdges(t *testing.T, c Config, d disk) {
	spec := d.spec()
	block := int64(spec.BlockSize)
	largest := min(int64(spec.MaxIO), spec.Size)
	for _, at := range []struct{ offset, length int64 }{
		{0, block}, {spec.Size - block, block}, {0, largest}, {spec.Size - largest, largest}, {(spec.Size - largest) / 2 / block * block, block},
	} {
		want := pattern(at.offset, 1, int(at.length))
		if err := d.do(ublk.Desc{Op: ublk.OpWrite, Offset: at.offset, Length: len(want)}, want); err != nil {
			t.Fatal(err)
		}
		if err := d.do(ublk.Desc{Op: ublk.OpFlush}, nil); err != nil && spec.WriteCache {
			t.Fatal(err)
		}
		got := make([]byte, len(want))
		if err := d.do(ublk.Desc{Op: ublk.OpRead, Offset: at.offset, Length: len(got)}, got); err != nil {
			t.Fatal(err)
		}
		if !c.Forgets && !bytes.Equal(got, want) {
			t.Errorf("%d bytes at %d are not what was written", at.length, at.offset)
		}
	}
	if spec.MaxDiscard == 0 {
		return
	}
	whole := int(min(int64(spec.MaxDiscard), spec.Size))
	for _, op := range []ublk.Op{ublk.OpDiscard, ublk.OpWriteZeroes} {
		for _, at := range []ublk.Desc{{Op: op, Length: whole}, {Op: op, Offset: spec.Size - block, Length: int(block)}} {
			if err := d.do(at, nil); err != nil {
				t.Error(err)
			}
		}
	}
}

// regions is how many goroutines a history has. Each has a part of the device.
const regions = 8

// testHistory runs random requests from several goroutines against a model.
func testHistory(t *testing.T, c Config, d disk) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	spec := d.spec()
	size := spec.Size / regions / int64(spec.BlockSize) * int64(spec.BlockSize)
	if size == 0 {
		t.Fatalf("a device of %d bytes is too small for %d goroutines", spec.Size, regions)
	}
	var all sync.WaitGroup
	for i := range int64(regions) {
		h := &history{config: c, disk: d, rnd: rand.New(rand.NewPCG(seed, uint64(i))), first: i * size, model: make([]byte, size)}
		all.Go(func() {
			if err := h.run(); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
}

// history is one goroutine's part of the device, and what should be there.
type history struct {
	config Config
	disk   disk
	rnd    *rand.Rand
	first  int64 // byte of the device
	model  []byte
	writes int64
}

func (h *history) run() error {
	if err := h.readAll(func(at int, got []byte) error { copy(h.model[at:], got); return nil }); err != nil {
		return err
	}
	for range h.config.requests() / regions {
		if err := h.step(); err != nil {
			return err
		}
	}
	return h.readAll(h.compare)
}

// readAll reads the whole part, in requests as large as they may be.
func (h *history) readAll(got func(at int, data []byte) error) error {
	data := make([]byte, h.disk.spec().MaxIO)
	for at := 0; at < len(h.model); at += len(data) {
		n := min(len(data), len(h.model)-at)
		if err := h.disk.do(h.at(ublk.OpRead, at, n), data[:n]); err != nil {
			return err
		}
		if err := got(at, data[:n]); err != nil {
			return err
		}
	}
	return nil
}

func (h *history) at(op ublk.Op, at, n int) ublk.Desc {
	return ublk.Desc{Op: op, Offset: h.first + int64(at), Length: n}
}

func (h *history) compare(at int, got []byte) error {
	if h.config.Forgets || bytes.Equal(got, h.model[at:at+len(got)]) {
		return nil
	}
	for i := range got {
		if got[i] != h.model[at+i] {
			return fmt.Errorf("byte %d, in a read of %d at %d: %#x, want %#x", h.first+int64(at+i), len(got), h.first+int64(at), got[i], h.model[at+i])
		}
	}
	return nil
}

// step makes one random request.
func (h *history) step() error {
	spec := h.disk.spec()
	blocks := len(h.model) / spec.BlockSize
	first := h.rnd.IntN(blocks)
	n := 1 + h.rnd.IntN(min(blocks-first, spec.MaxIO/spec.BlockSize))
	if h.rnd.IntN(2) == 0 {
		n = 1 + h.rnd.IntN(min(n, 4))
	}
	at, n := first*spec.BlockSize, n*spec.BlockSize
	part := h.model[at : at+n]
	switch roll := h.rnd.IntN(20); {
	case roll < 8:
		h.writes++
		copy(part, pattern(h.first+int64(at), h.writes, n))
		return h.disk.do(h.at(ublk.OpWrite, at, n), part)
	case roll < 9:
		if !spec.WriteCache {
			return nil
		}
		return h.disk.do(ublk.Desc{Op: ublk.OpFlush}, nil)
	case roll < 12 && spec.MaxDiscard >= n:
		return h.empty(ublk.OpWriteZeroes, at, part)
	case roll < 14 && spec.MaxDiscard >= n:
		return h.empty(ublk.OpDiscard, at, part)
	}
	got := make([]byte, n)
	if err := h.disk.do(h.at(ublk.OpRead, at, n), got); err != nil {
		return err
	}
	return h.compare(at, got)
}

// empty discards a part or writes zeros to it. What a discard leaves is known only
// where the target promises it, and is read otherwise.
func (h *history) empty(op ublk.Op, at int, part []byte) error {
	if err := h.disk.do(h.at(op, at, len(part)), nil); err != nil {
		return err
	}
	clear(part)
	if op == ublk.OpDiscard && !h.config.DiscardZeros {
		return h.disk.do(h.at(ublk.OpRead, at, len(part)), part)
	}
	return nil
}

// pattern is n bytes that differ from place to place and from write to write.
func pattern(offset, version int64, n int) []byte {
	b := make([]byte, n)
	rnd := rand.New(rand.NewPCG(uint64(offset), uint64(version)))
	for i := 0; i < n; i += 8 {
		v := rnd.Uint64()
		for j := range min(8, n-i) {
			b[i+j] = byte(v >> (8 * j))
		}
	}
	return b
}
