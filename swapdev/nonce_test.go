package swapdev

import (
	"context"
	"encoding/binary"
	"hash/maphash"
	"math/rand/v2"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/farswap/farswap/slabmap"
	"github.com/farswap/farswap/ublk"
	"github.com/farswap/farswap/uring"
	"github.com/farswap/farswap/verbs"
	"github.com/farswap/farswap/verbs/faulty"
)

// sealings is a device that looks at all pages that are sent to donors, by queues, mover and scrubber, and finds a
// nonce that was used twice. The first eight bytes of a page of fill are the same in all its versions. So what was
// sealed under one nonce begins alike, and what begins alike has to be the same page, sent again. Two different pages
// begin alike by chance once in 2^64 pairs.
type sealings struct {
	verbs.Device
	seed maphash.Seed

	mu       sync.Mutex        // guards what follows
	contents map[uint64]uint64 // hash of the page, by its first eight bytes
	again    int               // pages that were sent as they had been before
	twice    int               // contents under a nonce that another one had
	open     int               // pages that anybody can read
}

func newSealings() *sealings {
	return &sealings{seed: maphash.MakeSeed(), contents: make(map[uint64]uint64)}
}

// around has the sealings look at what a device sends.
func (s *sealings) around(device verbs.Device) verbs.Device {
	s.Device = device
	return s
}

// take takes note of pages as they are stored.
func (s *sealings) take(stored []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for page := range slices.Chunk(stored, testPage) {
		begin, hash := binary.LittleEndian.Uint64(page), maphash.Bytes(s.seed, page)
		if begin == 0 && binary.LittleEndian.Uint64(page[testPage/2:]) == 0 {
			continue // a part of the backing file that was never written
		}
		if binary.LittleEndian.Uint64(page[16:])-begin == 16 && binary.LittleEndian.Uint64(page[32:])-begin == 32 {
			s.open++ // as fill makes it
			continue
		}
		switch was, ok := s.contents[begin]; {
		case !ok:
		case was == hash:
			s.again++
		default:
			s.twice++
		}
		s.contents[begin] = hash
	}
}

// mustBeUnique wants every nonce to have been used for one content.
func (s *sealings) mustBeUnique(t *testing.T, least int) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.twice != 0 || s.open != 0 || len(s.contents) < least {
		t.Errorf("of %d sealed contents, at least %d wanted, %d had the nonce of another one; %d pages were sent open",
			len(s.contents), least, s.twice, s.open)
	}
}

// told counts the pages that were sent again as they had been, and those that were not as they should be.
func (s *sealings) told() (again, bad int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.again, s.twice + s.open
}

func (s *sealings) Connect(ctx context.Context, address string, cred verbs.Credential, cfg verbs.QPConfig) (verbs.Conn, error) {
	c, err := s.Device.Connect(ctx, address, cred, cfg)
	return sealingConn{c, s}, err
}

type sealingConn struct {
	verbs.Conn
	s *sealings
}

func (c sealingConn) Attach(loop *uring.Loop, notify func()) (verbs.QP, error) {
	qp, err := c.Conn.Attach(loop, notify)
	return &sealingQP{qp, c.s}, err
}

type sealingQP struct {
	verbs.QP
	s *sealings
}

func (q *sealingQP) Post(wr *verbs.WR) error {
	if wr.Op == verbs.OpWrite {
		q.s.take(wr.Local)
	}
	return q.QP.Post(wr)
}

// TestNoNonceTwice has random histories with writes that fail and are tried again, writes that are given up, moves,
// donors that are lost, a disk that is full, and devices that end and begin anew: all contents that leave are sealed
// under nonces of their own.
func TestNoNonceTwice(t *testing.T) {
	for _, tt := range []struct {
		name string
		o    rigOptions
		plan faulty.Plan
		kill bool
		full bool
	}{
		{name: "faults", o: rigOptions{donors: 3, queues: 2}, plan: faulty.Plan{Fail: 0.002, Drop: 0.0002, Delay: 0.05, DelayMax: time.Millisecond}},
		{name: "faults and a full disk", o: rigOptions{donors: 2, queues: 2}, plan: faulty.Plan{Fail: 0.01}, full: true},
		{name: "faults without a backing file", o: rigOptions{donors: 2, queues: 2, prepare: func(c *Config) {
			c.Backing, c.AcceptLoss = NoBacking, true
		}}, plan: faulty.Plan{Fail: 0.01}, kill: true},
		{name: "lost donors", o: rigOptions{donors: 2, queues: 2, prepare: func(c *Config) { c.Ack = Strict }}, kill: true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newSealings()
			for life := range 2 { // the second device has the same pages, and another key
				var device *faulty.Device
				o := tt.o
				o.wrap = func(d verbs.Device) verbs.Device {
					device = faulty.Wrap(d, faulty.Plan{})
					return s.around(device)
				}
				o.prepare = func(c *Config) {
					if tt.o.prepare != nil {
						tt.o.prepare(c)
					}
					c.OpTimeout, c.Patience = 100*time.Millisecond, 200*time.Millisecond // then writes are given up
					c.Grace = 300 * time.Millisecond
				}
				h := newHistory(newRig(t, o))
				h.excuse = func(asked) bool { return true } // what is answered is the matter of other tests
				tt.plan.Seed = rand.Uint64()
				t.Logf("life %d, seed %d", life, tt.plan.Seed)
				device.SetPlan(tt.plan)
				over := make(chan struct{})
				h.beside(*historyTime, rand.Uint64(), func() {
					defer close(over)
					h.troubled(tt.kill, tt.full)
				})
				<-over // a history that fails ends before
				device.SetPlan(faulty.Plan{})
				report := h.engine.report()
				t.Logf("%d failed, %+v %+v", h.excused.Load(), report.IO, report.Moves)
				h.close()
				if h.cfg.Backing != NoBacking {
					stored, err := os.ReadFile(h.cfg.Backing)
					if err != nil {
						t.Fatal(err)
					}
					s.take(stored[:len(stored)/testPage*testPage])
				}
			}
			s.mustBeUnique(t, 100) // a slow machine gets through less
		})
	}
}

// troubled moves slabs about for the time of a history, and has donors lost and the disk full.
func (h *history) troubled(kill, full bool) {
	end := time.Now().Add(*historyTime)
	for i := 0; time.Now().Before(end); i++ {
		restore := func() {}
		if full && i%2 == 0 {
			restore = h.full()
		}
		if kill {
			h.donors[i%len(h.donors)].kill()
		}
		h.churn(time.Now().Add(200 * time.Millisecond))
		restore()
		if kill {
			h.donors[i%len(h.donors)].start()
		}
	}
}

// TestWriteTriedAgainIsSealedOnce: a write that no copy got is sent again as it was sealed. To seal it twice would open
// it: the same claim has the same counter.
func TestWriteTriedAgainIsSealedOnce(t *testing.T) {
	s := newSealings()
	var device *faulty.Device
	r := newRig(t, rigOptions{donors: 1, frozen: true, wrap: func(d verbs.Device) verbs.Device {
		device = faulty.Wrap(d, faulty.Plan{})
		return s.around(device)
	}})
	r.until("the slab is mapped", func() bool {
		return r.queue(0).do(ublk.OpWrite, 0, content(0, 1, 4), 4*testPage) == 4*testPage
	})
	for range 3 {
		before, _ := s.told()
		device.SetPlan(faulty.Plan{Fail: 1})
		done := make(chan int32)
		go func() { done <- r.queue(0).do(ublk.OpWrite, 0, content(0, 2, 4), 4*testPage) }()
		r.until("it was sent once more", func() bool {
			again, bad := s.told()
			return again > before || bad > 0
		})
		device.SetPlan(faulty.Plan{})
		if res := <-done; res != 4*testPage {
			t.Fatalf("the write that was tried again: %d", res)
		}
		r.read(0, 0, 2, 4)
	}
	s.mustBeUnique(t, 8)
	if v := r.engine.pages.Look(0); v.Place != slabmap.Remote {
		t.Errorf("the page is in %v, though the backing file takes none", v.Place)
	}
}
