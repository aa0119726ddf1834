package swapdev

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/sys/unix"

	"github.com/farswap/farswap/swapdev/lenders"
	"github.com/farswap/farswap/ublk"
	"github.com/farswap/farswap/ublk/ublktest"
	"github.com/farswap/farswap/verbs/faulty"
)

// killedOrder is what the server of TestKilledServer has to know.
type killedOrder struct {
	Donors  []string
	Ack     AckPolicy
	Seal    Seal
	Backing string
	Later   bool   // another server was before
	Last    bool   // look at all pages, and say what they are like
	Does    string // what it does beside work: does…
	Dies    string // the step at which it is killed: step…
}

// What a server does beside work.
const (
	doesMoves = "move slabs about, several at a time"
	doesMove  = "move one slab at a time"
	doesStop  = "stop once it has worked"
	doesMap   = "have all slabs at donors, and nothing else"

	doesWithoutBacking = "answer writes that the donors alone have"
	doesWithoutDonors  = "answer writes that the backing file alone has"
)

// killedEnd is what the last server says.
type killedEnd struct {
	Written, Wrong, Lost, Remote, Slabs, Generation int
}

// killedNow is what it says when it is asked later.
type killedNow struct {
	Slabs int // at donors
	Cost  cost
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
	o       order
	kernel  *simKernel
	network *faulty.Device // to the donors
	engine  *engine
	device  *ublktest.Device
	standby *Standby // nil: it is the first server
	dev     *Device
	model   *model
	unread  *os.File // open while the server lives; see stall
}

// playServer serves a device until it is killed, or ends.
func playServer(o order) (err error) {
	s := &killedServer{o: o}
	if s.model, err = openModel(o.Folder); err != nil {
		return err
	}
	if err := s.serve(); err != nil {
		s.model.word(modelWrong).Store(1)
		return err
	}
	return nil
}

func (s *killedServer) serve() error {
	if err := s.open(); err != nil {
		return err
	}
	s.passes(stepOpened)
	fail := make(chan error, killedWorkers+3)
	var ready sync.WaitGroup
	for w := range killedWorkers {
		ready.Add(1)
		go func() { fail <- s.work(w, &ready) }()
	}
	ready.Wait() // what was not answered before is answered now
	if s.o.Killed.Last {
		return s.lookAndAnswer()
	}
	if s.o.Killed.Does == doesMap {
		if err := s.mapAll(testQueue{s.device.Queues()[0]}); err != nil {
			return err
		}
	}
	if err := json.NewEncoder(os.Stdout).Encode(true); err != nil {
		return err
	}
	switch s.o.Killed.Does {
	case doesMoves:
		go s.moveAbout()
	case doesMove:
		go func() { fail <- s.moveOneByOne() }()
	case doesStop:
		go func() { fail <- s.stopSoon() }()
	case doesWithoutBacking, doesWithoutDonors:
		go func() { fail <- s.answerHalf() }()
	}
	go func() { // the test has ended
		_, err := io.Copy(io.Discard, os.Stdin)
		fail <- err
	}()
	return <-fail
}

// passes ends this process, as SIGKILL does, if this is the step at which it is to die.
func (s *killedServer) passes(step string) {
	if step == stepFetches && s.o.Killed.Does == doesWithoutBacking {
		if err := s.stallBacking(); err != nil {
			panic(err)
		}
	}
	if s.o.Killed.Dies == step {
		_ = unix.Kill(os.Getpid(), unix.SIGKILL)
		select {}
	}
}

// config is the configuration of all servers.
func (s *killedServer) config() Config {
	o := s.o.Killed
	return Config{
		ID: 0, Size: killedSlabs * testSlab, SlabSize: testSlab, Queues: min(2, runtime.NumCPU()), Depth: 16, MaxIO: 64 << 10,
		Donors: o.Donors, Backing: o.Backing, AcceptLoss: o.Backing == NoBacking, Insecure: true, HotThreshold: 0.001, Ack: o.Ack, Seal: o.Seal,
		OpTimeout: 5 * time.Second, Patience: time.Minute, Grace: 30 * time.Second, BackingInMemory: true, Transport: lenders.TransportTCP,
		Probes: ProbesOff, StateRoot: s.o.Folder, Keep: KeepOn, Log: zerolog.New(os.Stderr).Level(zerolog.ErrorLevel),
		Driver: s.kernel.open, transports: []*lenders.Transport{overTCP(s.watched)},
	}
}

// open opens the device as a first server does, or takes it over as a later one does. The kernel alone is not real.
func (s *killedServer) open() error {
	s.kernel = newSimKernel(s.o.Folder, s.passes)
	cfg := s.config()
	var err error
	if s.o.Killed.Later {
		if s.standby, err = NewStandby(cfg); err == nil {
			s.passes(stepReady)
			s.dev, err = s.standby.TakeOver(context.Background())
		}
	} else {
		s.dev, err = Open(context.Background(), cfg)
	}
	if err != nil {
		return err
	}
	s.engine, s.device = s.dev.engine, s.kernel.made.queues
	return nil
}

// usedPage is the i-th page in use.
func usedPage(i int) int { return i * (killedPages / killedUsed) }

// work writes and reads the pages of one worker, which nobody else writes. First it sends again what the server
// before has not answered.
func (s *killedServer) work(worker int, ready *sync.WaitGroup) error {
	queues := s.device.Queues()
	q := testQueue{queues[worker%len(queues)]}
	for i := worker; i < killedUsed; i += killedWorkers {
		page := usedPage(i)
		if v := s.model.begun(page).Load(); v != s.model.answered(page).Load() {
			if err := s.write(q, page, v); err != nil {
				return err
			}
		}
	}
	ready.Done()
	if s.o.Killed.Last || slices.Contains([]string{doesMap, doesWithoutBacking, doesWithoutDonors}, s.o.Killed.Does) {
		select {}
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

// lookAndAnswer says what all pages are like, and then, for each line that it is told, what it has. At the end of the
// lines it stops the device.
func (s *killedServer) lookAndAnswer() error {
	end, err := s.lookAtAll()
	if err != nil {
		return err
	}
	out := json.NewEncoder(os.Stdout)
	if err := out.Encode(end); err != nil {
		return err
	}
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		c, err := costNow()
		if err != nil {
			return err
		}
		if err := out.Encode(killedNow{s.slabs(), c}); err != nil {
			return err
		}
	}
	return s.dev.Stop(context.Background())
}

// slabs counts the slabs that are at donors.
func (s *killedServer) slabs() (n int) {
	for _, held := range s.engine.holds() {
		n += held
	}
	return n
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
	end.Lost, end.Remote, end.Slabs = int(pages.Lost), int(pages.Remote+pages.Both), s.slabs()
	return end, nil
}
