package swapdev

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/farswap/farswap/internal/kept"
	"github.com/farswap/farswap/swapdev/lenders"
	"github.com/farswap/farswap/swapdev/path"
	"github.com/farswap/farswap/ublk"
	"github.com/farswap/farswap/ublk/ublktest"
)

// killedOrder is what the server of TestKilledServer has to know.
type killedOrder struct {
	Donors  []string
	Ack     AckPolicy
	Seal    Seal
	Backing string
	Later   bool // another server was before
	Last    bool // look at all pages, and say what they are like
}

// killedEnd is what the last server says.
type killedEnd struct {
	Written, Wrong, Lost, Remote, Slabs, Generation int
}

const (
	killedSlabs   = 4
	killedPages   = killedSlabs * testSlab / testPage
	killedWorkers = 8
	killedUsed    = killedPages / 8 // pages in use, spread over all slabs
)

// childT is a test's life in a process that is not a test.
type childT struct {
	testing.TB
	err error
}

func (t *childT) Helper()        {}
func (t *childT) Cleanup(func()) {} // the process is killed
func (t *childT) Fatalf(format string, a ...any) {
	t.err = fmt.Errorf(format, a...)
	panic(t.err)
}

// killedServer is a server that is going to be killed.
type killedServer struct {
	o      order
	engine *engine
	device *ublktest.Device
	model  *model
}

// playServer serves a device until it is killed, or ends.
func playServer(o order) error {
	s := &killedServer{o: o}
	if err := s.open(); err != nil {
		return err
	}
	var err error
	if s.model, err = openModel(o.Folder); err != nil {
		return err
	}
	fail := make(chan error, killedWorkers+1)
	var ready sync.WaitGroup
	for w := range killedWorkers {
		ready.Add(1)
		go func() { fail <- s.work(w, &ready) }()
	}
	ready.Wait() // what was not answered before is answered now
	if o.Killed.Last {
		end, err := s.lookAtAll()
		if err != nil {
			return err
		}
		return say(end)
	}
	if err := json.NewEncoder(os.Stdout).Encode(true); err != nil {
		return err
	}
	go s.moveAbout()
	go func() { // the test has ended
		_, err := io.Copy(io.Discard, os.Stdin)
		fail <- err
	}()
	err = <-fail
	if err != nil {
		s.model.word(modelWrong).Store(1)
	}
	return err
}

// open opens the engine of a first server, or of a later one.
func (s *killedServer) open() error {
	o := s.o.Killed
	cfg := Config{
		ID: 0, Size: killedSlabs * testSlab, SlabSize: testSlab, Queues: 2, Depth: 16, MaxIO: 64 << 10,
		Donors: o.Donors, Backing: o.Backing, AcceptLoss: o.Backing == NoBacking, Insecure: true, HotThreshold: 0.001, Ack: o.Ack, Seal: o.Seal,
		OpTimeout: 5 * time.Second, Patience: time.Minute, Grace: 30 * time.Second, BackingInMemory: true,
		StateRoot: s.o.Folder, Keep: KeepOn, Log: zerolog.New(os.Stderr).Level(zerolog.ErrorLevel),
	}.withDefaults()
	var backing *path.BackingFile
	var l *life
	var err error
	if !o.Later {
		if o.Backing != NoBacking {
			if backing, err = path.OpenBacking(context.Background(), cfg.backing()); err != nil {
				return err
			}
		}
		if l, err = newLife(cfg, false); err == nil {
			err = l.number(0)
		}
	} else {
		l, backing, err = s.takeOver(&cfg)
	}
	if err != nil {
		return err
	}
	if s.engine, err = newEngine(cfg, l, []*lenders.Transport{overTCP(nil)}, backing); err != nil {
		return err
	}
	s.engine.tidy()
	t := &childT{}
	if o.Later {
		s.device = ublktest.Open(t, s.engine, s.engine.spec)
		s.engine.startDonors(s.engine.donors.Retake)
		return nil
	}
	sessions, err := s.engine.donors.Reach(context.Background())
	if err != nil {
		return err
	}
	s.device = ublktest.Open(t, s.engine, s.engine.spec)
	s.engine.start(sessions)
	return nil
}

// takeOver does what a standby does, without the driver.
func (s *killedServer) takeOver(cfg *Config) (*life, *path.BackingFile, error) {
	place, err := kept.Open(cfg.StateRoot)
	if err != nil {
		return nil, nil, err
	}
	state, err := place.Load(0, mapMemory)
	if err != nil {
		return nil, nil, err
	}
	var backing *path.BackingFile
	if cfg.Backing != NoBacking {
		if backing, err = path.Reopen(cfg.backing(), false); err == nil {
			err = backing.Claim(true) // waits until the kernel has ended what the dead server began
		}
	}
	if err = errors.Join(err, state.Next()); err != nil {
		return nil, nil, err
	}
	cfg.Donors = state.Donors()
	l, err := laterLife(*cfg, place, state)
	return l, backing, err
}

// usedPage is the i-th page in use.
func usedPage(i int) int { return i * (killedPages / killedUsed) }

// work writes and reads the pages of one worker, which nobody else writes. First it sends again what the server
// before has not answered.
func (s *killedServer) work(worker int, ready *sync.WaitGroup) error {
	q := testQueue{s.device.Queues()[worker%2]}
	for i := worker; i < killedUsed; i += killedWorkers {
		page := usedPage(i)
		if v := s.model.begun(page).Load(); v != s.model.answered(page).Load() {
			if err := s.write(q, page, v); err != nil {
				return err
			}
		}
	}
	ready.Done()
	if s.o.Killed.Last {
		return nil
	}
	for {
		page := usedPage(rand.IntN(killedUsed/killedWorkers)*killedWorkers + worker)
		var err error
		if rand.IntN(2) == 0 {
			version := s.model.begun(page).Load() + 1
			s.model.begun(page).Store(version)
			err = s.write(q, page, version)
		} else {
			err = s.compare(q, page)
		}
		if err != nil {
			return err
		}
	}
}

func (s *killedServer) write(q testQueue, page int, version uint64) error {
	if res := q.do(ublk.OpWrite, int64(page)*testPage, content(int64(page), version, 1), testPage); res != testPage {
		return fmt.Errorf("write of page %d, version %d: %d", page, version, res)
	}
	s.model.answered(page).Store(version)
	s.model.word(modelWrites).Add(1)
	return nil
}

func (s *killedServer) compare(q testQueue, page int) error {
	got := make([]byte, testPage)
	version := s.model.answered(page).Load()
	if res := q.do(ublk.OpRead, int64(page)*testPage, got, testPage); res != testPage {
		return fmt.Errorf("read of page %d, version %d: %d; it is %+v", page, version, res, s.engine.pages.Look(int64(page)))
	}
	if !bytes.Equal(got, content(int64(page), version, 1)) {
		return fmt.Errorf("page %d is not version %d; it is %+v", page, version, s.engine.pages.Look(int64(page)))
	}
	s.model.word(modelReads).Add(1)
	return nil
}

// moveAbout has slabs leave their donors, so that servers are killed in the middle of moves.
func (s *killedServer) moveAbout() {
	for {
		slab := rand.IntN(killedSlabs)
		s.engine.moves.Order(s.engine.pages.Slab(slab).Donor, []uint32{uint32(slab)}, rand.IntN(2) == 0)
		time.Sleep(time.Duration(rand.IntN(30)) * time.Millisecond)
	}
}

// lookAtAll compares all pages.
func (s *killedServer) lookAtAll() (end killedEnd, err error) {
	end.Generation = s.engine.life.generation()
	for i := range killedUsed {
		page := usedPage(i)
		if s.model.answered(page).Load() == 0 {
			continue
		}
		end.Written++
		if err := s.compare(testQueue{s.device.Queues()[0]}, page); err != nil {
			fmt.Fprintln(os.Stderr, err)
			end.Wrong++
		}
	}
	pages := s.engine.report().Pages
	end.Lost, end.Remote = int(pages.Lost), int(pages.Remote+pages.Both)
	for _, held := range s.engine.holds() {
		end.Slabs += held
	}
	return end, nil
}
