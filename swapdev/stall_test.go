package swapdev

import (
	"errors"
	"io"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/farswap/farswap/slabmap"
	"github.com/farswap/farswap/swapdev/path"
	"github.com/farswap/farswap/swapdev/placement"
	"github.com/farswap/farswap/ublk"
)

// stall stops what a donor answers, or lets it go on.
func (r *rig) stall(g *gate, donor uint16, shut bool) { g.stall(r.dataAddress(donor), shut) }

// TestWriteWithoutACopyIsNotAnswered: the slab was taken from its donor while the write was
// there, and the backing file refuses it. The page is nowhere, so the write goes on until
// it is somewhere.
func TestWriteWithoutACopyIsNotAnswered(t *testing.T) {
	r, g := newGatedRig(t, rigOptions{donors: 2, frozen: true, prepare: func(c *Config) { c.OpTimeout = time.Minute; c.Patience = time.Minute }})
	r.write(0, 0, 1, 4) // waits for its slab
	at := r.engine.pages.Slab(0)
	r.stall(g, at.Donor, true)
	write := r.start(ublk.OpWrite, 0, content(0, 2, 4))
	r.until("the backing file has refused it", func() bool { return r.engine.pages.Look(0).Writing && r.engine.report().IO.BackingWrites >= 8 })
	failed, err := r.engine.pages.Fail(0, at.Epoch)
	if err != nil {
		t.Fatal(err)
	}
	r.stall(g, at.Donor, false)
	placement.Release(r.engine.pages, r.engine.journal, r.engine.over, []placement.Failed{{Slab: 0, Epoch: failed}})
	r.engine.unmap(t.Context(), 0, at.Donor)
	if res := <-write; res != 4*testPage {
		t.Fatalf("write: %d", res)
	}
	r.read(0, 0, 2, 4)
	if s := r.engine.report(); s.Pages.Lost != 0 || s.IO.Errors != 0 {
		t.Errorf("%+v %+v", s.Pages, s.IO)
	}
}

// slowDisk is a backing file that takes nothing for as long as its reader does not read: a
// pipe of one page in the place of the file. Nothing can be read back from it.
type slowDisk struct {
	t           *testing.T
	read, write *os.File
}

// newSlowDisk has one donor and such a file, and a policy that waits for both.
func newSlowDisk(t *testing.T) (*rig, *slowDisk) {
	t.Helper()
	d := &slowDisk{t: t}
	r := newRig(t, rigOptions{donors: 1, prepare: func(c *Config) { c.Ack = Strict }, replace: d.replace})
	r.until("the slab is mapped", func() bool {
		write := r.start(ublk.OpWrite, 0, content(0, 1, 1))
		d.take(1)
		return <-write == testPage && r.mapped() == 1
	})
	return r, d
}

// replace puts the pipe where the engine's backing file is.
func (d *slowDisk) replace(file *path.BackingFile) {
	d.t.Helper()
	var err error
	if d.read, d.write, err = os.Pipe(); err == nil {
		_, err = unix.FcntlInt(d.write.Fd(), unix.F_SETPIPE_SZ, testPage)
	}
	if err == nil {
		err = unix.Dup3(int(d.write.Fd()), int(file.FD()), unix.O_CLOEXEC)
	}
	if err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(func() {
		if err := errors.Join(d.read.Close(), d.write.Close()); err != nil {
			d.t.Error(err)
		}
	})
}

// stall fills the pipe: what the device writes from here on waits for take.
func (d *slowDisk) stall() {
	d.t.Helper()
	if _, err := d.write.Write(make([]byte, testPage)); err != nil {
		d.t.Fatal(err)
	}
}

// take reads a number of pages from the pipe.
func (d *slowDisk) take(pages int) {
	d.t.Helper()
	if _, err := io.ReadFull(d.read, make([]byte, pages*testPage)); err != nil {
		d.t.Fatal(err)
	}
}

// writtenWhileStalled begins a write that has only the disk left.
func (r *rig) writtenWhileStalled(page int64) <-chan int32 {
	r.t.Helper()
	done := func() uint64 { return r.engine.total().Donors[0].Count() }
	before := done()
	write := r.start(ublk.OpWrite, page, content(page, 2, 1))
	r.until("the donor has the page", func() bool { return done() > before })
	return write
}

// TestStalledDiskKeepsNoDonor: a write whose donor has it holds the slab no longer, however
// long the backing file takes.
func TestStalledDiskKeepsNoDonor(t *testing.T) {
	r, disk := newSlowDisk(t)
	disk.stall()
	write := r.writtenWhileStalled(5)
	r.until("the slab is let go", func() bool { return r.engine.pages.InFlight(0) == 0 })
	waits(t, "a write under strict", write, 0)
	disk.take(2)
	if res := <-write; res != testPage {
		t.Errorf("write: %d", res)
	}
}

// TestMovingSlabIsKeptForTheRecord: the epoch of a move comes twice if the move is aborted,
// so what was written under it is recorded before the slab is let go.
func TestMovingSlabIsKeptForTheRecord(t *testing.T) {
	r, disk := newSlowDisk(t)
	pages, keys := r.engine.pages, r.engine.shared.Keys
	at := pages.Slab(0)
	keys.Set(0, at.Epoch+1, keys.Get(0, at.Epoch)) // it moves from the donor to the same
	moved, err := pages.BeginMove(0, at.Epoch, at.Donor)
	if err != nil {
		t.Fatal(err)
	}
	disk.stall()
	write := r.writtenWhileStalled(5)
	if _, err := pages.AbortMove(0, moved, at.Donor); err != nil {
		t.Fatal(err)
	}
	if _, err := pages.BeginMove(0, at.Epoch, at.Donor); !errors.Is(err, slabmap.ErrBusy) {
		t.Errorf("the next move begins before the record: %v", err)
	}
	disk.take(2)
	if res := <-write; res != testPage {
		t.Errorf("write: %d", res)
	}
	r.until("the slab is let go", func() bool { return pages.InFlight(0) == 0 })
}
