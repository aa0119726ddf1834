package ublktest

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/farswap/farswap/offheap"
	"github.com/farswap/farswap/ublk"
)

// kernelShare is how many times fewer requests are made through the kernel than on
// simulated queues: each takes two system calls and is slow on an emulated machine.
const kernelShare = 5

// TestOnKernel is the part of the suite that a real device can be put to: the edges
// and the history of TestTarget, through the kernel. It skips where the driver, or the
// right to use it, is lacking. Afterwards nothing of the device is left.
func TestOnKernel(t *testing.T, c Config) {
	NeedKernel(t, ublk.Spec{}.Features())
	c.Requests = c.requests() / kernelShare
	t.Run("edges", func(t *testing.T) { testEdges(t, c, serve(t, c)) })
	t.Run("history", func(t *testing.T) { testHistory(t, c, serve(t, c)) })
}

// NeedKernel skips a test where the driver lacks features, or the right to use it is
// lacking. A test with subtests calls it before the first: it would pass if all of them
// skipped.
func NeedKernel(t *testing.T, features ublk.Flags) {
	t.Helper()
	if err := ublk.Probe(features); err != nil {
		t.Skip(err)
	}
}

// Serve makes a real device and starts it. The test removes it at its end, and fails
// if that fails or something of it is left. It skips where Probe says why it must.
func Serve(t *testing.T, target ublk.Target, spec ublk.Spec) *ublk.Device {
	t.Helper()
	NeedKernel(t, spec.Features())
	control, err := ublk.OpenControl()
	if err != nil {
		t.Fatal(err)
	}
	d, err := ublk.Add(control, spec)
	if err != nil {
		t.Fatal(errors.Join(err, control.Close()))
	}
	t.Cleanup(func() {
		err := errors.Join(d.Stop(), d.Err(), d.Delete(), control.Close())
		if _, statErr := os.Stat(d.Path()); !errors.Is(statErr, fs.ErrNotExist) {
			err = errors.Join(err, fmt.Errorf("%s is still there: %w", d.Path(), statErr))
		}
		if err != nil {
			t.Error(err)
		}
	})
	if err := d.Start(target); err != nil {
		t.Fatal(err)
	}
	return d
}

// real is a block device of the kernel.
type real struct {
	shape ublk.Spec
	file  *os.File // with O_DIRECT
}

func serve(t *testing.T, c Config) disk {
	target, spec := c.Open(t)
	spec = spec.WithDefaults()
	d := Serve(t, target, spec)
	f, err := os.OpenFile(d.Path(), os.O_RDWR|unix.O_DIRECT, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	})
	return real{spec, f}
}

func (r real) spec() ublk.Spec { return r.shape }

func (r real) do(d ublk.Desc, data []byte) (err error) {
	switch d.Op {
	case ublk.OpFlush:
		return r.file.Sync()
	case ublk.OpDiscard:
		return discard(r.file, unix.BLKDISCARD, d)
	case ublk.OpWriteZeroes:
		return discard(r.file, unix.BLKZEROOUT, d)
	}
	mem, err := offheap.Map(d.Length, offheap.Options{}) // O_DIRECT needs it aligned
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, offheap.Unmap(mem)) }()
	if d.Op == ublk.OpWrite {
		copy(mem, data)
		_, err = r.file.WriteAt(mem, d.Offset)
		return err
	}
	_, err = r.file.ReadAt(mem, d.Offset)
	copy(data, mem)
	return err
}
