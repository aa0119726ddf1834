package ublk_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/farswap/farswap/ublk"
	"github.com/farswap/farswap/ublk/ublktest"
)

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
