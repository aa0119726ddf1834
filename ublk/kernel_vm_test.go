//go:build vm

package ublk_test

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/farswap/farswap/offheap"
	"github.com/farswap/farswap/ublk"
	"github.com/farswap/farswap/ublk/ublktest"
)

// The RAM disk of the example is a good target of a real device, and the example runs.
func TestExampleOnTheKernel(t *testing.T) {
	ublktest.TestOnKernel(t, example)
	ExampleTarget()
}

// What a Spec says is what the kernel shows of the device.
func TestKernelShowsTheSpec(t *testing.T) {
	ublktest.NeedKernel(t, ublk.Spec{}.Features())
	const size = 1 << 20
	for name, tt := range map[string]struct {
		spec ublk.Spec
		want map[string]string // by file of /sys/block/ublkbN/queue
	}{
		"plain": {
			ublk.Spec{},
			map[string]string{"logical_block_size": "4096", "physical_block_size": "4096", "rotational": "0", "write_cache": "write through", "discard_max_bytes": "0"},
		},
		"sectors": {
			ublk.Spec{BlockSize: 512, PhysicalBlock: 4096, IOMin: 16 << 10, IOOpt: 64 << 10, MaxIO: 1 << 20, Rotational: true},
			map[string]string{"logical_block_size": "512", "physical_block_size": "4096", "minimum_io_size": "16384", "optimal_io_size": "65536", "rotational": "1", "max_hw_sectors_kb": "1024"},
		},
		"cache and discards": {
			ublk.Spec{BlockSize: 1024, MaxDiscard: 64 << 10, WriteCache: true, Queues: 1, Scheduler: "none"},
			map[string]string{"logical_block_size": "1024", "write_cache": "write back", "discard_max_bytes": "65536", "discard_granularity": "1024", "write_zeroes_max_bytes": "65536", "scheduler": "[none]"},
		},
		"sorted": {
			ublk.Spec{Queues: 2, Scheduler: "mq-deadline"},
			map[string]string{"scheduler": "[mq-deadline]"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			tt.spec.ID, tt.spec.Size = -1, size
			if tt.spec.Queues > 1 && tt.spec.WithDefaults().Validate() != nil {
				tt.spec.Queues = 1 // one CPU
			}
			d := ublktest.Serve(t, make(ramDisk, size), tt.spec)
			for file, want := range tt.want {
				got, err := os.ReadFile(filepath.Join("/sys/block", filepath.Base(d.Path()), "queue", file))
				if text := strings.TrimSpace(string(got)); err != nil || text != want && !strings.Contains(text, want) {
					t.Errorf("%s: %q, %v; want %q", file, text, err, want)
				}
			}
			if want := tt.want["scheduler"]; want != "" {
				if got, err := d.Scheduler(); err != nil || "["+got+"]" != want {
					t.Errorf("scheduler %q, %v; want %s", got, err, want)
				}
			}
		})
	}
}

// A device gets the recovery that was asked for, or is refused with the version of
// Linux that has it.
func TestKernelGivesTheRecovery(t *testing.T) {
	ublktest.NeedKernel(t, ublk.FlagIoctlEncode)
	for recovery, want := range map[ublk.Recovery]ublk.Flags{
		ublk.RecoverNone:    0,
		ublk.RecoverQueue:   ublk.FlagUserRecovery,
		ublk.RecoverReissue: ublk.FlagUserRecovery | ublk.FlagUserRecoveryReissue,
		ublk.RecoverFailIO:  ublk.FlagUserRecovery | ublk.FlagRecoveryFailIO,
	} {
		spec := ublk.Spec{ID: -1, Size: exampleSize, Recovery: recovery}
		var unsupported *ublk.UnsupportedError
		if err := ublk.Probe(spec.Features()); errors.As(err, &unsupported) {
			addRefused(t, spec, unsupported)
			continue
		}
		d := ublktest.Serve(t, make(ramDisk, exampleSize), spec)
		const all = ublk.FlagUserRecovery | ublk.FlagUserRecoveryReissue | ublk.FlagRecoveryFailIO
		if got := d.Info().Flags & all; got != want {
			t.Errorf("recovery %d: flags %v, want %v", recovery, got, want)
		}
	}
}

// addRefused checks that Add says what Probe said.
func addRefused(t *testing.T, spec ublk.Spec, want *ublk.UnsupportedError) {
	t.Helper()
	t.Logf("recovery %d: %v", spec.Recovery, want)
	control, err := ublk.OpenControl()
	if err != nil {
		t.Fatal(err)
	}
	defer control.Close()
	_, err = ublk.Add(control, spec)
	var got *ublk.UnsupportedError
	if !errors.As(err, &got) || *got != *want {
		t.Errorf("add: %v, want %v", err, want)
	}
}

// twiceDisk is a RAM disk that answers a write twice, once it is told to. The driver refuses
// the second answer.
type twiceDisk struct {
	ramDisk
	twice atomic.Bool
}

func (d *twiceDisk) OpenQueue(q *ublk.Queue) (ublk.Server, error) {
	return &twiceQueue{ramQueue{q, d.ramDisk}, d}, nil
}

type twiceQueue struct {
	ramQueue
	disk *twiceDisk
}

func (q *twiceQueue) Serve(tag int, d ublk.Desc) {
	q.ramQueue.Serve(tag, d)
	if d.Op == ublk.OpWrite && q.disk.twice.CompareAndSwap(true, false) {
		q.queue.Complete(tag, int32(d.Length))
	}
}

// soon is a deadline for what the driver does without waiting for others.
const soon = 30 * time.Second

// A device whose queue fails stays in the kernel as if its server had died: I/O waits, and
// who has control can remove it.
func TestKernelKeepsADeviceWhoseQueueFails(t *testing.T) {
	spec := ublk.Spec{ID: -1, Size: 1 << 20, Queues: min(2, runtime.NumCPU()), Recovery: ublk.RecoverReissue}
	ublktest.NeedKernel(t, spec.Features())
	control, err := ublk.OpenControl()
	if err != nil {
		t.Fatal(err)
	}
	d, err := ublk.Add(control, spec)
	if err != nil {
		t.Fatal(errors.Join(err, control.Close()))
	}
	disk := &twiceDisk{ramDisk: make(ramDisk, 1<<20)}
	if err := d.Start(disk); err != nil {
		t.Fatal(errors.Join(err, d.Delete(), control.Close()))
	}
	if err := d.Leave(); !errors.Is(err, ublk.ErrState) {
		t.Errorf("a device whose queues run is left: %v", err)
	}
	file, err := os.OpenFile(d.Path(), os.O_RDWR|unix.O_DIRECT, 0)
	if err != nil {
		t.Fatal(errors.Join(err, d.Delete(), control.Close()))
	}
	mem, err := offheap.Map(2*4096, offheap.Options{}) // O_DIRECT needs it aligned
	if err != nil {
		t.Fatal(err)
	}
	disk.twice.Store(true)
	if _, err := file.WriteAt(mem[:4096], 0); err != nil {
		t.Errorf("the write that was answered twice: %v", err)
	}
	select {
	case <-d.Done():
	case <-time.After(soon):
		t.Fatal("the queues do not end")
	}
	if d.Err() == nil || !d.Failed() || d.Refused() != 1 {
		t.Errorf("%v, failed %v, %d refusals", d.Err(), d.Failed(), d.Refused())
	}
	read := make(chan error, 1)
	go func() {
		_, err := file.ReadAt(mem[4096:], 4096)
		read <- err
	}()
	if err := errors.Join(d.Leave(), d.Stop(), d.Delete()); err != nil {
		t.Error(err)
	}
	for end := time.Now().Add(soon); ; time.Sleep(10 * time.Millisecond) {
		info, err := control.Info(d.ID())
		if err == nil && info.State == ublk.StateQuiesced {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("the device is %v, %v, want it quiesced", info.State, err)
		}
	}
	select {
	case err := <-read:
		t.Errorf("a read of a device without a server ends: %v", err)
	default:
	}
	if err := control.Stop(d.ID()); err != nil {
		t.Fatal(err)
	}
	if err := <-read; err == nil {
		t.Error("a read of a device that was stopped succeeds")
	}
	if err := errors.Join(file.Close(), control.Delete(d.ID())); err != nil {
		t.Error(err)
	}
	if _, err := control.Info(d.ID()); !errors.Is(err, ublk.ErrNoDevice) {
		t.Errorf("the device is still there: %v", err)
	}
	if err := errors.Join(offheap.Unmap(mem), control.Close()); err != nil {
		t.Error(err)
	}
}
