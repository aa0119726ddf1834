package device

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/farswap/farswap/internal/cli/remedy"
	"github.com/farswap/farswap/internal/inuse"
	"github.com/farswap/farswap/internal/swapoff"
	"github.com/farswap/farswap/ublk"
)

// fakeDriver notes what it is told.
type fakeDriver struct {
	did          *[]string
	fail, delete error
}

func (d fakeDriver) Fail(int) (func() error, error) {
	*d.did = append(*d.did, "fail")
	return func() error { *d.did = append(*d.did, "release"); return nil }, d.fail
}

func (d fakeDriver) Stop(int) error {
	*d.did = append(*d.did, "stop")
	return nil
}

func (d fakeDriver) DeleteWithin(int, time.Duration) error {
	*d.did = append(*d.did, "delete")
	return d.delete
}

// TestForced takes devices away in the order that leaves nothing: all I/O fails, swap comes off, and only then the
// device goes. Where swap does not come off, the device stays, so that it can be tried again.
func TestForced(t *testing.T) {
	swap, mount := inuse.Use{Kind: inuse.Swap, Where: "/dev/ublkb7"}, inuse.Use{Kind: inuse.Mount, Where: "/mnt"}
	timeout := fmt.Errorf("delete: %w", ublk.ErrTimeout)
	short := fmt.Errorf("%w: %w", swapoff.ErrStillOn, swapoff.ErrShort)
	full := swapoff.Room{Groups: []swapoff.Group{{Path: "/app.slice"}}}
	for name, tc := range map[string]struct {
		uses   []inuse.Use
		fail   error
		off    error
		room   swapoff.Room
		delete error
		did    string
		wants  string // parts of the error
	}{
		"swap":                 {uses: []inuse.Use{swap}, did: "fail, off, stop, release, delete"},
		"mounted":              {uses: []inuse.Use{mount}, delete: timeout, did: "stop, delete", wants: "then number 7 is free"},
		"swap and mounted":     {uses: []inuse.Use{swap, mount}, delete: timeout, did: "fail, off, stop, release, delete", wants: "umount /mnt"},
		"open elsewhere":       {delete: timeout, did: "stop, delete", wants: "did not answer"},
		"cannot be served":     {uses: []inuse.Use{swap}, fail: ublk.ErrSpec, did: "fail", wants: "fail the I/O of /dev/ublkb7"},
		"a group has no room":  {uses: []inuse.Use{swap}, off: short, room: full, did: "fail, off", wants: "memory.max|/app.slice|`farswap ublk del --force 7` again"},
		"the machine has none": {uses: []inuse.Use{swap}, off: short, did: "fail, off", wants: "end programs|`farswap ublk del --force 7` again"},
		"canceled":             {uses: []inuse.Use{swap}, off: fmt.Errorf("%w: %w", swapoff.ErrStillOn, context.Canceled), did: "fail, off", wants: "still on|`farswap ublk del --force 7` goes on"},
	} {
		t.Run(name, func(t *testing.T) {
			var did []string
			facts := remedy.Facts{ID: 7, Ours: true, Kernel: remedy.Waiting, Uses: tc.uses}
			if slices.Contains(tc.uses, swap) {
				facts.Swap = []inuse.Area{{Path: "/dev/ublkb7", Used: 35 << 20}}
			}
			f := &forced{
				driver: fakeDriver{&did, tc.fail, tc.delete}, facts: facts, stderr: io.Discard,
				off: func(_ context.Context, path string, report func(swapoff.Progress)) error {
					report(swapoff.Progress{Left: 35 << 20})
					did = append(did, "off")
					return tc.off
				},
				look: func(string) (swapoff.Room, error) { return tc.room, nil },
			}
			err := f.remove(t.Context())
			if (err == nil) != (tc.wants == "") {
				t.Fatalf("got %v, want %q in it", err, tc.wants)
			}
			for part := range strings.SplitSeq(tc.wants, "|") {
				if err != nil && !strings.Contains(err.Error(), part) {
					t.Errorf("%v lacks %q", err, part)
				}
			}
			for _, cause := range []error{tc.fail, tc.off} {
				if cause != nil && !errors.Is(err, cause) {
					t.Errorf("%v does not wrap %v", err, cause)
				}
			}
			if got := strings.Join(did, ", "); got != tc.did {
				t.Errorf("did %q, want %q", got, tc.did)
			}
		})
	}
}
