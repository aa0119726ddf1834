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

	daemon "github.com/farswap/farswap/donor"
	"github.com/farswap/farswap/internal/kept"
)

var (
	kills      = flag.Int("kills", 4, "how often TestKilledServer kills the server of each variant")
	atInstants = flag.Int("instants", 2, "how often servers are killed at each chosen instant")
)

// TestKilledServer kills servers with SIGKILL under load, at any instruction, and has the next one take the
// device over, which moves its slabs about all the time; some are killed while they take it over. The kernel is
// simulated: what was not answered is sent again. No page is ever wrong, none is lost, and nothing stays lent.
func TestKilledServer(t *testing.T) {
	for name, change := range map[string]func(*killedOrder){
		"remote-first": func(*killedOrder) {},
		"strict":       func(o *killedOrder) { o.Ack = Strict },
		"no backing":   func(o *killedOrder) { o.Backing = NoBacking },
		"not sealed":   func(o *killedOrder) { o.Seal = SealOff },
	} {
		t.Run(name, func(t *testing.T) {
			folder := t.TempDir()
			t.Cleanup(func() {
				place, err := kept.Open(folder)
				if err == nil {
					err = errors.Join(place.Remove(0), place.Close())
				}
				if err != nil {
					t.Error(err)
				}
			})
			o := order{Folder: folder, Killed: killedOrder{Ack: RemoteFirst, Seal: SealOn, Backing: filepath.Join(folder, "backing"), Does: doesMoves}}
			change(&o.Killed)
			var donors []*testDonor
			for range 3 {
				d := startDonorAs(t, 16*testSlab, func(c *daemon.Config) { c.Lease = time.Minute })
				t.Cleanup(d.kill)
				donors = append(donors, d)
				o.Killed.Donors = append(o.Killed.Donors, d.cfg.Listen)
			}
			files := openFiles(t)
			m, err := openModel(folder)
			if err != nil {
				t.Fatal(err)
			}
			defer func() {
				if err := m.close(); err != nil {
					t.Error(err)
				}
			}()
			for range *kills {
				if o.Killed.Later { // one that does not get far
					s := startPart(t, "server", o)
					time.Sleep(time.Duration(rand.IntN(100)) * time.Millisecond)
					s.kill()
				}
				s := startPart(t, "server", o)
				o.Killed.Later = true
				var ready bool
				s.hear(&ready)
				pause := time.Duration(rand.IntN(400)) * time.Millisecond
				waitForWork(t, m, pause)
				s.kill()
				if m.word(modelWrong).Load() != 0 {
					t.FailNow() // the server has said why
				}
			}
			o.Killed.Last = true
			s := startPart(t, "server", o)
			var end killedEnd
			s.hear(&end)
			t.Logf("%d kills, %d writes answered, %d reads compared; at the end %+v", *kills, m.word(modelWrites).Load(), m.word(modelReads).Load(), end)
			if end.Written == 0 || end.Wrong != 0 || end.Lost != 0 || m.word(modelWrong).Load() != 0 {
				t.Errorf("at the end: %+v", end)
			}
			if end.Remote == 0 || end.Generation < *kills+1 {
				t.Errorf("of generation %d, with %d pages at donors: nothing was taken over", end.Generation, end.Remote)
			}
			// A move that the server before has begun goes on, and what was lent in vain is given back.
			settles(t, "the donors lend what the device uses", func() bool {
				lent := 0
				for _, d := range donors {
					lent += int(d.donor.Status().Memory.Mapped / testSlab)
				}
				return lent == s.slabs()
			})
			s.kill()
			settles(t, "the connections to dead servers are closed", func() bool { return openFiles(t) <= files })
		})
	}
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

// openFiles counts the open files of this process, donors included.
func openFiles(t *testing.T) int {
	t.Helper()
	files, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(files)
}

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
