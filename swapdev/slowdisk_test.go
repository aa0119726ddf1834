package swapdev

import (
	"bytes"
	"errors"
	"fmt"
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

// slowDisk is a backing file that takes nothing for as long as its reader does not read: a
// pipe of one page in the place of the file. Nothing can be read back from it.
type slowDisk struct {
	t           *testing.T
	read, write *os.File
}

// newSlowDisk has one donor and such a file. Its slab 0 is mapped.
func newSlowDisk(t *testing.T, prepare func(*Config)) (*rig, *slowDisk) {
	t.Helper()
	d := &slowDisk{t: t}
	r := newRig(t, rigOptions{donors: 1, prepare: prepare, replace: d.replace})
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
		if err := d.read.Close(); err != nil && !errors.Is(err, os.ErrClosed) {
			d.t.Error(err)
		}
		if err := d.write.Close(); err != nil {
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
func (d *slowDisk) take(pages int) []byte {
	d.t.Helper()
	taken := make([]byte, pages*testPage)
	if _, err := io.ReadFull(d.read, taken); err != nil {
		d.t.Fatal(err)
	}
	return taken
}

// refuse makes what the device writes fail, until accept.
func (d *slowDisk) refuse() {
	d.t.Helper()
	if err := d.read.Close(); err != nil {
		d.t.Fatal(err)
	}
}

// accept has a reader again, and in the pipe what was there.
func (d *slowDisk) accept() {
	d.t.Helper()
	var err error
	if d.read, err = os.Open(fmt.Sprintf("/proc/self/fd/%d", d.write.Fd())); err != nil {
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
	r, disk := newSlowDisk(t, func(c *Config) { c.Ack = Strict })
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
	r, disk := newSlowDisk(t, func(c *Config) { c.Ack = Strict })
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

// answeredThenLost writes a page of which the donor answers, and is lost before the disk
// takes it.
func answeredThenLost(t *testing.T, prepare func(*Config)) (*rig, *slowDisk) {
	t.Helper()
	r, disk := newSlowDisk(t, prepare)
	disk.stall()
	r.write(0, 5, 2, 1)
	at := r.engine.pages.Slab(0)
	failed, err := r.engine.pages.Fail(0, at.Epoch)
	if err != nil {
		t.Fatal(err)
	}
	placement.Release(r.engine.pages, r.engine.journal, r.engine.over, []placement.Failed{{Slab: 0, Epoch: failed}})
	r.engine.unmap(t.Context(), 0, at.Donor)
	if v := r.engine.pages.Look(5); v.Place != slabmap.None || !v.Pending {
		t.Errorf("%+v", v)
	}
	return r, disk
}

// TestOnlyCopyIsWrittenAgain: a page that lies in a buffer alone is written until the disk
// takes it.
func TestOnlyCopyIsWrittenAgain(t *testing.T) {
	r, disk := answeredThenLost(t, func(c *Config) { c.Seal = SealOff }) // to know the page again
	disk.refuse()
	r.until("it was tried again", func() bool { return r.engine.total().Counts.BackingErrors > 2 })
	if v := r.engine.pages.Look(5); v.Lost || !v.Pending {
		t.Errorf("%+v", v)
	}
	disk.accept()
	disk.take(1) // what has stalled it
	if got := disk.take(1); !bytes.Equal(got, content(5, 2, 1)) {
		t.Error("the disk gets other bytes")
	}
	r.until("the page is there", func() bool { return r.engine.pages.Look(5).Place == slabmap.Backing })
}

// TestDeadDiskKeepsNoBuffer: a disk that refuses the only copy of a page for ever loses it,
// and the device goes on.
func TestDeadDiskKeepsNoBuffer(t *testing.T) {
	r, disk := answeredThenLost(t, func(c *Config) { c.OpTimeout, c.Patience = 500*time.Millisecond, 500*time.Millisecond })
	disk.refuse()
	r.until("the page is lost", func() bool { return r.engine.pages.Look(5).Lost })
	if s := r.engine.report(); s.Pages.Lost != 1 {
		t.Errorf("%+v", s.Pages)
	}
}
