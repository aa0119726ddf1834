package swapdev

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/farswap/farswap/slabmap"
	"github.com/farswap/farswap/swapdev/lenders"
	"github.com/farswap/farswap/uring"
	"github.com/farswap/farswap/verbs"
	"github.com/farswap/farswap/verbs/faulty"
)

// Steps beside those of the driver.
const (
	stepReady     = "the standby has all that it needs"
	stepClaimed   = "all slabs of a donor are claimed"
	stepOpened    = "the device is served"
	stepCopies    = "a move has asked for a page"
	stepCopied    = "a move has written a page"
	stepAllCopied = "a move has written its last page"
	stepHalf      = "one copy of two is there"
)

// queuePlace is that of the connections of the first queue.
const queuePlace = 1

// watched has the server pass the steps that its connections to donors show.
func (s *killedServer) watched(d verbs.Device) verbs.Device {
	s.network = faulty.Wrap(d, faulty.Plan{})
	return &stepDevice{s.network, s}
}

type stepDevice struct {
	verbs.Device
	server *killedServer
}

func (d *stepDevice) Connect(ctx context.Context, address string, cred verbs.Credential, cfg verbs.QPConfig) (verbs.Conn, error) {
	if cfg.Place == queuePlace {
		d.server.passes(stepClaimed)
	}
	c, err := d.Device.Connect(ctx, address, cred, cfg)
	if err != nil || cfg.Place != moverPlace {
		return c, err
	}
	return &stepConn{c, d.server}, nil
}

type stepConn struct {
	verbs.Conn
	server *killedServer
}

func (c *stepConn) Attach(loop *uring.Loop, notify func()) (verbs.QP, error) {
	qp, err := c.Conn.Attach(loop, notify)
	if err != nil {
		return nil, err
	}
	return &stepQP{QP: qp, server: c.server, pages: make(map[uint64]int)}, nil
}

// stepQP is a connection of moves.
type stepQP struct {
	verbs.QP
	server *killedServer
	pages  map[uint64]int // of a WRITE under way, by its number
}

func (q *stepQP) Post(wr *verbs.WR) error {
	err := q.QP.Post(wr)
	switch {
	case err != nil:
	case wr.Op == verbs.OpRead:
		q.server.passes(stepCopies)
	default:
		q.pages[wr.ID] = len(wr.Local) / testPage
	}
	return err
}

// Poll passes steps before the mover hears what has been done.
func (q *stepQP) Poll(c []verbs.Completion) int {
	n := q.QP.Poll(c)
	for _, done := range c[:n] {
		if done.Op != verbs.OpWrite || done.Status != verbs.StatusOK {
			continue
		}
		q.server.passes(stepCopied)
		if q.server.left() <= q.pages[done.ID] {
			q.server.passes(stepAllCopied)
		}
		delete(q.pages, done.ID)
	}
	return n
}

// left counts the pages that are at the donors that their slabs are leaving.
func (s *killedServer) left() (n int) {
	for i := range killedUsed {
		if s.engine.pages.Look(int64(usedPage(i))).Old {
			n++
		}
	}
	return n
}

// mapAll has all slabs at donors, and in each slab a page that the donor has.
func (s *killedServer) mapAll(q testQueue) error {
	for slab := range killedSlabs {
		page := firstOf(slab)
		for end := time.Now().Add(time.Minute); s.engine.pages.Look(int64(page)).Place&slabmap.Remote == 0; {
			if time.Now().After(end) {
				return fmt.Errorf("slab %d does not get to a donor: %+v", slab, s.engine.pages.Slab(slab))
			}
			if err := s.writeNext(q, page); err != nil {
				return err
			}
		}
	}
	return nil
}

// firstOf is the first page of a slab.
func firstOf(slab int) int { return slab * testSlab / testPage }

// writeNext writes the next version of a page.
func (s *killedServer) writeNext(q testQueue, page int) error {
	version := s.model.begun(page).Load() + 1
	s.model.begun(page).Store(version)
	return s.write(q, page, version)
}

// moveOneByOne has one slab after another leave its donor.
func (s *killedServer) moveOneByOne() error {
	if err := s.awaitDonors(); err != nil { // what is not claimed yet is not moved
		return err
	}
	for i := 0; ; i++ {
		slab := i % killedSlabs
		before := s.engine.pages.Slab(slab)
		if before.State != slabmap.Mapped {
			time.Sleep(time.Millisecond)
			continue
		}
		s.engine.moves.Order(before.Donor, []uint32{uint32(slab)}, true)
		for end := time.Now().Add(time.Minute); s.engine.pages.Slab(slab).Epoch == before.Epoch || s.engine.pages.Slab(slab).State == slabmap.Migrating; time.Sleep(time.Millisecond) {
			if time.Now().After(end) {
				return fmt.Errorf("slab %d does not move: %+v", slab, s.engine.pages.Slab(slab))
			}
		}
	}
}

// stopSoon stops the device once all slabs are at donors.
func (s *killedServer) stopSoon() error {
	for s.slabs() < killedSlabs {
		time.Sleep(time.Millisecond)
	}
	if err := s.dev.Stop(context.Background()); err != nil {
		return err
	}
	return fmt.Errorf("the device was stopped, and not killed at %q", s.o.Killed.Dies)
}

// answerHalf has a write of each slab get to one of its two places only, and passes stepHalf when the kernel has been
// answered, or, under a policy that promises both copies, when it would have been by one.
func (s *killedServer) answerHalf() error {
	q := testQueue{s.device.Queues()[0]}
	if err := s.awaitDonors(); err != nil {
		return err
	}
	if s.o.Killed.Does == doesWithoutDonors {
		for _, d := range s.engine.donors.All() {
			session, _ := d.Session()
			s.network.Stall(session.DataAddress(lenders.TransportTCP))
		}
	}
	donorsHad := s.atDonors()
	var answered atomic.Int32
	fail := make(chan error, killedSlabs)
	for slab := range killedSlabs {
		go func() {
			err := s.writeNext(q, firstOf(slab))
			answered.Add(1)
			fail <- err
		}()
	}
	if s.o.Killed.Ack == Strict {
		for s.atDonors() < donorsHad+killedSlabs {
			time.Sleep(time.Millisecond)
		}
		if n := answered.Load(); n != 0 {
			return fmt.Errorf("%d writes are answered that the backing file does not have", n)
		}
		s.passes(stepHalf)
	}
	for range killedSlabs {
		if err := <-fail; err != nil {
			return err
		}
	}
	want := map[string]slabmap.Place{doesWithoutBacking: slabmap.Remote, doesWithoutDonors: slabmap.Backing}[s.o.Killed.Does]
	for slab := range killedSlabs {
		if v := s.engine.pages.Look(int64(firstOf(slab))); v.Place != want || !v.Pending {
			return fmt.Errorf("a page of slab %d is answered, and it is %+v", slab, v)
		}
	}
	s.passes(stepHalf)
	return fmt.Errorf("not killed at %q", s.o.Killed.Dies)
}

// awaitDonors waits until all slabs can be used.
func (s *killedServer) awaitDonors() error {
	for end := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		up := 0
		for _, d := range s.engine.donors.All() {
			if _, ok := d.Up(); ok {
				up++
			}
		}
		if up == len(s.o.Killed.Donors) {
			return nil
		}
		if time.Now().After(end) {
			return fmt.Errorf("the donors cannot be used: %+v", s.engine.report().Donors)
		}
	}
}

// atDonors counts the operations that donors have done.
func (s *killedServer) atDonors() (n uint64) {
	for _, d := range s.engine.total().Donors {
		n += d.Count()
	}
	return n
}

// stallBacking puts a pipe in the place of the backing file, before the queues have opened that. It is full, and
// nobody reads it, so nothing gets there.
func (s *killedServer) stallBacking() error {
	unread, full, err := os.Pipe()
	if err != nil {
		return err
	}
	s.unread = unread
	if _, err := unix.FcntlInt(full.Fd(), unix.F_SETPIPE_SZ, testPage); err != nil {
		return err
	}
	if _, err := full.Write(make([]byte, testPage)); err != nil {
		return err
	}
	return errors.Join(unix.Dup3(int(full.Fd()), int(s.standby.device.backing.FD()), unix.O_CLOEXEC), full.Close())
}
