package swapdev

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	daemon "github.com/farswap/farswap/donor"
	"github.com/farswap/farswap/internal/kept"
	"github.com/farswap/farswap/status"
	"github.com/farswap/farswap/ublk"
)

// instant is a moment at which a server is killed: at a step of its own, or while a message is on its way.
type instant struct {
	step  string
	frame uint16 // 0: at the step
	n     int    // which frame of the kind
}

func (i instant) String() string {
	switch i.frame {
	case 0:
		return i.step
	case frameMap:
		return fmt.Sprintf("Map %d is on its way", i.n)
	case frameMRInfo:
		return fmt.Sprintf("the answer to Map %d is on its way", i.n)
	default:
		return fmt.Sprintf("Unmap %d is on its way", i.n)
	}
}

// lives are the servers of one device, one after the other, and its donors.
type lives struct {
	t      *testing.T
	o      order
	donors []*testDonor
	wires  *wires
	model  *model
	kills  int
}

// newLives has no server yet.
func newLives(t *testing.T, change func(*killedOrder)) *lives {
	t.Helper()
	folder, err := os.MkdirTemp("", "lives") // a short path: it has the device's socket
	if err != nil {
		t.Fatal(err)
	}
	l := &lives{t: t, wires: newWires(t), o: order{
		Folder: folder, Killed: killedOrder{Ack: RemoteFirst, Seal: SealOn, Backing: filepath.Join(folder, "backing")},
	}}
	change(&l.o.Killed)
	for range 3 {
		d := startDonorAs(t, 16*testSlab, func(c *daemon.Config) { c.Lease = time.Minute })
		t.Cleanup(d.kill)
		l.donors = append(l.donors, d)
		l.o.Killed.Donors = append(l.o.Killed.Donors, l.wires.to(t, d.cfg.Listen))
	}
	if l.model, err = openModel(folder); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		l.remove()
		if err := errors.Join(l.model.close(), os.RemoveAll(folder)); err != nil {
			t.Error(err)
		}
	})
	return l
}

// start starts the next server.
func (l *lives) start(change func(*killedOrder)) *part {
	l.t.Helper()
	o := l.o
	change(&o.Killed)
	return startPart(l.t, "server", o)
}

// serve has a server work for a while, unless it only has all slabs at donors, and kills it.
func (l *lives) serve(does string) {
	l.t.Helper()
	s := l.start(func(o *killedOrder) { o.Does = does })
	var ready bool
	s.hear(&ready)
	if does != doesMap {
		waitForWork(l.t, l.model, time.Duration(rand.IntN(50))*time.Millisecond)
	}
	s.kill()
	l.o.Killed.Later = true
	l.well()
}

// dies has a server be killed at an instant.
func (l *lives) dies(i instant, does string) {
	l.t.Helper()
	var h *frameHold
	if i.frame != 0 {
		h = newFrameHold(i.frame, i.n)
		l.wires.set(h)
		defer l.wires.set(nil)
	}
	s := l.start(func(o *killedOrder) { o.Does, o.Dies = does, i.step })
	late := time.AfterFunc(2*time.Minute, func() {
		l.t.Errorf("%v: not after two minutes", i)
		_ = s.cmd.Process.Signal(unix.SIGQUIT) // which prints its goroutines
	})
	defer late.Stop()
	over := make(chan struct{})
	if h != nil {
		go func() {
			select {
			case <-h.hit:
				_ = s.cmd.Process.Kill()
			case <-over:
			}
		}()
	}
	_ = s.cmd.Wait() // what it says is of no interest
	close(over)
	_ = s.end.Close()
	s.end = nil
	if end, ok := s.cmd.ProcessState.Sys().(syscall.WaitStatus); !ok || !end.Signaled() || end.Signal() != unix.SIGKILL {
		l.t.Fatalf("%v: the server was not killed: %v", i, s.cmd.ProcessState)
	}
	l.kills++
	l.well()
}

// well fails if a server has found something wrong.
func (l *lives) well() {
	l.t.Helper()
	if l.model.word(modelWrong).Load() != 0 {
		l.t.FailNow() // the server has said why
	}
}

// look has a server take the device over, which compares all pages. Then it is killed, too.
func (l *lives) look(i instant) {
	l.t.Helper()
	s := l.start(func(o *killedOrder) { o.Last = true })
	var end killedEnd
	s.hear(&end)
	l.t.Logf("killed %d times, the last time when %v: %d writes answered, %d reads compared; then %+v", l.kills, i,
		l.model.word(modelWrites).Load(), l.model.word(modelReads).Load(), end)
	if end.Wrong != 0 || end.Lost != 0 {
		l.t.Errorf("killed when %v: %+v", i, end)
	}
	settles(l.t, "the donors lend what the device uses", func() bool { return l.lent() == s.now().Slabs })
	s.kill()
	l.well()
}

// lent counts the slabs that donors lend, those that they hold for the device to come back included.
func (l *lives) lent() (n int) {
	for _, d := range l.donors {
		n += int(d.donor.Status().Memory.Mapped / testSlab)
	}
	return n
}

// now asks a server that has looked at all pages what it has.
func (p *part) now() (n killedNow) {
	p.t.Helper()
	if _, err := io.WriteString(p.end.(io.Writer), "\n"); err != nil {
		p.t.Fatal(err)
	}
	p.hear(&n)
	return n
}

// left is what there is of the device: its state folder, what is kept of it, and in the kernel.
func (l *lives) left() (all []string) {
	l.t.Helper()
	for _, dir := range []string{".", kept.FolderName} {
		entries, err := os.ReadDir(filepath.Join(l.o.Folder, dir))
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			l.t.Fatal(err)
		}
		for _, e := range entries {
			if name := e.Name(); name != "model" && name != "backing" {
				all = append(all, filepath.Join(dir, name))
			}
		}
	}
	return all
}

// remove does what `ublk del` does.
func (l *lives) remove() {
	l.t.Helper()
	_ = os.Remove(newSimKernel(l.o.Folder, nil).path) // the kernel may not have it
	lock, err := status.Acquire(status.StateDir(l.o.Folder, 0))
	if err != nil {
		l.t.Fatal(err)
	}
	place, err := kept.Open(l.o.Folder)
	if err != nil {
		l.t.Fatal(err)
	}
	if err := errors.Join(place.Remove(0), place.Close(), lock.Remove()); err != nil {
		l.t.Error(err)
	}
	if all := l.left(); len(all) > 0 {
		l.t.Errorf("after the removal there is %q", all)
	}
}

// takeOver has this process try to take the device over, which has to fail.
func (l *lives) takeOver() error {
	l.t.Helper()
	s := &killedServer{o: l.o}
	s.kernel = newSimKernel(l.o.Folder, func(step string) { l.t.Errorf("taken over: %s", step) })
	cfg := s.config()
	cfg.transports = nil
	standby, err := NewStandby(cfg)
	if err != nil {
		return err
	}
	if standby.Gone() {
		return errors.Join(ublk.ErrNoDevice, standby.Close())
	}
	_, err = standby.TakeOver(l.t.Context())
	return err
}

// recover has another server take over what one has left that was killed at an instant. want is the error; nil: it
// serves all pages.
func (l *lives) recover(i instant, want error) {
	l.t.Helper()
	if want == nil {
		l.o.Killed.Later = true
		l.look(i)
	} else if err := l.takeOver(); !errors.Is(err, want) {
		l.t.Errorf("killed when %v, then taken over: %v, want %v", i, err, want)
	}
}

// TestKilledInRecovery kills servers at each step of a recovery. The next one goes on where the last one was.
func TestKilledInRecovery(t *testing.T) {
	t.Parallel()
	l := newLives(t, func(*killedOrder) {})
	for _, i := range []instant{
		{step: stepReady},
		{step: stepRecovers},
		{step: stepQueues},
		{step: stepRecovered},
		{step: stepOpened},
		{frame: frameMap, n: 1},
		{frame: frameMap, n: 2},
		{frame: frameMRInfo, n: 2},
		{step: stepClaimed},
	} {
		for range *atInstants {
			l.serve(doesMoves)
			l.dies(i, doesMoves)
			l.dies(i, doesMoves) // and the one that comes after it
			l.look(i)
		}
	}
}

// TestKilledInMove kills servers at the steps of a move. The next one brings the move to its end.
func TestKilledInMove(t *testing.T) {
	t.Parallel()
	l := newLives(t, func(*killedOrder) {})
	for _, i := range []instant{
		{step: stepCopies},
		{step: stepCopied},
		{step: stepAllCopied},
		{frame: frameUnmap, n: 1}, // the slab is at the other donor, and this one has it still
	} {
		for range *atInstants {
			l.serve(doesMoves)
			l.dies(i, doesMove)
			l.look(i)
		}
	}
}

// TestKilledWithOneCopy kills servers that have got a page to one of its two places. What the kernel was answered is
// there, and what it was not is sent again.
func TestKilledWithOneCopy(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		ack  AckPolicy
		does string
	}{{RemoteFirst, doesWithoutBacking}, {RemoteFirst, doesWithoutDonors}, {Strict, doesWithoutBacking}} {
		l := newLives(t, func(o *killedOrder) { o.Ack = tt.ack })
		for range *atInstants {
			l.serve(doesMap)
			l.dies(instant{step: stepHalf}, tt.does)
			l.look(instant{step: stepHalf})
		}
	}
}

// TestKilledAtStart kills servers that make their device. One that was killed before the device had its number leaves
// nothing that another can go on with, and says so; what it leaves can be removed.
func TestKilledAtStart(t *testing.T) {
	t.Parallel()
	l := newLives(t, func(*killedOrder) {})
	for _, tt := range []struct {
		instant
		want error // of a recovery; nil: it succeeds
	}{
		{instant{step: stepAdded}, ErrNotKept},
		{instant{step: stepQueues}, ErrNotKept},
		{instant{step: stepStarted}, ErrNotKept},
		{instant{step: stepOpened}, nil},
		{instant{frame: frameMRInfo, n: 1}, nil}, // it serves, and a donor is lending for the first time
	} {
		for range *atInstants {
			l.o.Killed.Later = false
			l.dies(tt.instant, doesMoves)
			l.recover(tt.instant, tt.want)
			l.again()
		}
	}
}

// again makes room for a device of the same number. The donors would keep for some time what was lent to this one.
func (l *lives) again() {
	l.t.Helper()
	l.remove()
	for _, d := range l.donors {
		d.kill()
		d.start()
	}
	clear(l.model.mem)
	if err := os.Remove(l.o.Killed.Backing); err != nil && !errors.Is(err, os.ErrNotExist) {
		l.t.Error(err)
	}
}

// TestKilledWhileStopping kills servers that were asked to stop. Before the driver has stopped the device another one
// goes on with all pages. Afterwards no server can, and what is left can be removed.
func TestKilledWhileStopping(t *testing.T) {
	t.Parallel()
	l := newLives(t, func(*killedOrder) {})
	for _, tt := range []struct {
		instant
		want error // of a recovery; nil: it succeeds
		left []string
	}{
		{instant{step: stepStops}, nil, []string{"0", "kernel", "noswap", "noswap/0"}},
		{instant{step: stepStopped}, ublk.ErrState, []string{"0", "kernel", "noswap", "noswap/0"}},
		{instant{step: stepDeleted}, ublk.ErrNoDevice, []string{"0", "noswap", "noswap/0"}},
		{instant{frame: frameUnmap, n: 2}, ublk.ErrNoDevice, []string{"0", "noswap", "noswap/0"}},
	} {
		for range *atInstants {
			l.o.Killed.Later = false
			l.dies(tt.instant, doesStop)
			left := l.left()
			slices.Sort(left)
			if !slices.Equal(left, tt.left) {
				t.Errorf("killed when %v: %q is left, want %q", tt, left, tt.left)
			}
			l.recover(tt.instant, tt.want)
			l.again()
		}
	}
}
