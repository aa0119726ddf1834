//go:build vm

package devserver

import (
	"errors"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/farswap/farswap/offheap"
	"github.com/farswap/farswap/status"
	"github.com/farswap/farswap/ublk"
	"github.com/farswap/farswap/ublk/ublktest"
)

// twice answers each write twice. The driver refuses the second answer, and the queue fails.
type twice struct{}

type twiceQueue struct{ queue *ublk.Queue }

func (twice) OpenQueue(q *ublk.Queue) (ublk.Server, error) { return twiceQueue{q}, nil }

func (q twiceQueue) Serve(tag int, d ublk.Desc) {
	q.queue.Complete(tag, int32(d.Length))
	if d.Op == ublk.OpWrite {
		q.queue.Complete(tag, int32(d.Length))
	}
}

func (twiceQueue) Idle() bool   { return true }
func (twiceQueue) Close() error { return nil }

// TestKernelKeepsTheFailedDevice: a device whose queue fails stays in the kernel, with its state
// folder; one that ends with its server does not.
func TestKernelKeepsTheFailedDevice(t *testing.T) {
	for recovery, stays := range map[ublk.Recovery]bool{ublk.RecoverReissue: true, ublk.RecoverNone: false} {
		spec := ublk.Spec{ID: -1, Size: 1 << 20, Queues: 1, Recovery: recovery}
		ublktest.NeedKernel(t, spec.Features())
		s, err := Open(Config{StateRoot: t.TempDir()})
		if err != nil {
			t.Fatal(err)
		}
		released, left := false, false
		release := func(stays bool) error { released, left = true, stays; return nil }
		if err := s.Start(spec, twice{}); err != nil {
			t.Fatal(errors.Join(err, s.Abandon(release)))
		}
		s.Live(release)
		write(t, s.Path())
		select {
		case <-s.Done():
		case <-time.After(time.Minute):
			t.Fatal("the device does not end")
		}
		if err := s.Err(); err == nil || errors.Is(err, ErrOrphaned) != stays || !released || left != stays {
			t.Errorf("recovery %d: %v, released %v, left %v", recovery, err, released, left)
		}
		if _, err := os.Stat(status.StateDir(s.config.StateRoot, s.ID())); (err == nil) != stays {
			t.Errorf("recovery %d: the state folder: %v", recovery, err)
		}
		control, err := ublk.OpenControl()
		if err != nil {
			t.Fatal(err)
		}
		if err := control.Delete(s.ID()); stays && err != nil || !stays && !errors.Is(err, ublk.ErrNoDevice) {
			t.Errorf("recovery %d: delete: %v", recovery, err)
		}
		if err := control.Close(); err != nil {
			t.Error(err)
		}
	}
}

// write writes a block, past the page cache.
func write(t *testing.T, path string) {
	t.Helper()
	mem, err := offheap.Map(4096, offheap.Options{}) // O_DIRECT needs it aligned
	if err != nil {
		t.Fatal(err)
	}
	file, err := os.OpenFile(path, os.O_RDWR|unix.O_DIRECT, 0)
	if err != nil {
		t.Fatal(errors.Join(err, offheap.Unmap(mem)))
	}
	_, err = file.WriteAt(mem, 0)
	if err := errors.Join(err, file.Close(), offheap.Unmap(mem)); err != nil {
		t.Errorf("write to %s: %v", path, err)
	}
}
