package swapdev

import (
	"errors"
	"flag"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

var (
	kills      = flag.Int("kills", 4, "how often TestKilledServer kills the server of each variant")
	atInstants = flag.Int("instants", 2, "how often servers are killed at each chosen instant")
)

// TestKilledServer kills servers with SIGKILL under load, at any instruction, and has the next one take the
// device over, which moves its slabs about all the time; some are killed while they take it over. The kernel is
// simulated: what was not answered is sent again. No page is ever wrong, none is lost, nothing stays lent, and
// neither the last server nor the process of the donors has more than at the beginning.
func TestKilledServer(t *testing.T) {
	for name, change := range map[string]func(*killedOrder){
		"remote-first": func(*killedOrder) {},
		"strict":       func(o *killedOrder) { o.Ack = Strict },
		"no backing":   func(o *killedOrder) { o.Backing = NoBacking },
		"not sealed":   func(o *killedOrder) { o.Seal = SealOff },
	} {
		t.Run(name, func(t *testing.T) {
			l := newLives(t, change)
			start, err := costNow()
			if err != nil {
				t.Fatal(err)
			}
			l.serve(doesMoves)
			first := l.firstCost()
			first.mayMove(len(l.donors))
			for range *kills {
				s := l.start(func(o *killedOrder) { o.Does = doesMoves }) // one that does not get far
				time.Sleep(time.Duration(rand.IntN(100)) * time.Millisecond)
				s.kill()
				l.serve(doesMoves)
			}
			s := l.start(func(o *killedOrder) { o.Last = true })
			var end killedEnd
			s.hear(&end)
			t.Logf("%d kills, %d writes answered, %d reads compared; at the end %+v", *kills, l.model.word(modelWrites).Load(), l.model.word(modelReads).Load(), end)
			if end.Written == 0 || end.Wrong != 0 || end.Lost != 0 {
				t.Errorf("at the end: %+v", end)
			}
			if end.Remote == 0 || end.Generation < *kills+2 {
				t.Errorf("of generation %d, with %d pages at donors: nothing was taken over", end.Generation, end.Remote)
			}
			// A move that the server before has begun goes on, and what was lent in vain is given back.
			var last killedNow
			settles(t, "the last server has no more than the first, and the donors lend what it uses", func() bool {
				last = s.now()
				return !last.Cost.above(first) && l.lent() == last.Slabs
			})
			t.Logf("the first server: %v; the last: %v", first, last.Cost)
			s.stop() // it takes the device away
			l.well()
			if all := l.left(); len(all) > 0 {
				t.Errorf("after the stop there is %q", all)
			}
			var now cost
			settles(t, "nothing is lent, and this process has no more than at the start", func() bool {
				if now, err = costNow(); err != nil {
					t.Fatal(err)
				}
				return !now.above(start) && l.lent() == 0
			})
			t.Logf("this process, with the donors, at the start: %v; at the end: %v, %d slabs lent", start, now, l.lent())
		})
	}
}

// firstCost is what a server has that has taken the device over and has compared all pages. It is killed then.
func (l *lives) firstCost() cost {
	l.t.Helper()
	s := l.start(func(o *killedOrder) { o.Last = true })
	var end killedEnd
	s.hear(&end)
	var now killedNow
	settles(l.t, "the donors lend what the device uses", func() bool {
		now = s.now()
		return l.lent() == now.Slabs
	})
	s.kill()
	return now.Cost
}

// waitForWork waits until the server has answered some writes, and then for a pause.
func waitForWork(t *testing.T, m *model, pause time.Duration) {
	t.Helper()
	before := m.word(modelWrites).Load()
	for end := time.Now().Add(time.Minute); m.word(modelWrites).Load() < before+50; time.Sleep(time.Millisecond) {
		if time.Now().After(end) || m.word(modelWrong).Load() != 0 {
			t.Fatalf("the server does not work: %d writes", m.word(modelWrites).Load()-before)
		}
	}
	time.Sleep(pause)
}

// model is what the pages of the device have to be, in memory that outlives its servers: for each page the version
// that was written last, and the one that was answered last; then counts.
type model struct{ mem []byte }

// Counts after the pages of the model.
const (
	modelWrites = 2*killedPages + iota // answered
	modelReads                         // compared
	modelWrong
	modelWords
)

func openModel(folder string) (*model, error) {
	f, err := os.OpenFile(filepath.Join(folder, "model"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	const size = modelWords * 8
	err = f.Truncate(size)
	var mem []byte
	if err == nil {
		mem, err = unix.Mmap(int(f.Fd()), 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	}
	return &model{mem}, errors.Join(err, f.Close())
}

func (m *model) close() error { return unix.Munmap(m.mem) }

// settles waits for a condition that others bring about.
func settles(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !ok(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Errorf("%s: not after a minute", what)
			return
		}
	}
}
