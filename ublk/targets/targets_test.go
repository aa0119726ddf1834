package targets

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/farswap/farswap/ublk"
	"github.com/farswap/farswap/ublk/ublktest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const diskSize = 4 << 20

// quick is a disk that turns a hundred times as fast as a desktop's.
var quick = DiskModel{Settle: 10 * time.Microsecond, Stroke: 60 * time.Microsecond, Turn: 80 * time.Microsecond, Rate: 15e9}

// all are the targets, each in the shapes that it is served as.
var all = map[string]ublktest.Config{
	"null": {Forgets: true, Open: func(*testing.T) (ublk.Target, ublk.Spec) {
		return Null{}, ublk.Spec{ID: -1, Size: diskSize, Queues: 2, MaxDiscard: 1 << 20, Spare: 8, WriteCache: true}
	}},
	"ram":            {DiscardZeros: true, Open: openRAM(func(*ublk.Spec) {})},
	"ram, big block": {DiscardZeros: true, Open: openRAM(func(s *ublk.Spec) { s.BlockSize, s.MaxIO, s.Depth = 4096, 1<<20, 3 })},
	"loop":           {DiscardZeros: true, Open: openLoop},
	"hdd":            {Requests: 400, Open: openHDD},
}

func openRAM(change func(*ublk.Spec)) func(*testing.T) (ublk.Target, ublk.Spec) {
	return func(t *testing.T) (ublk.Target, ublk.Spec) {
		disk, err := OpenRAM(diskSize)
		if err != nil {
			t.Fatal(err)
		}
		closeLater(t, disk.Close)
		spec := disk.Spec()
		spec.Queues = 2
		change(&spec)
		return disk, spec
	}
}

func openLoop(t *testing.T) (ublk.Target, ublk.Spec) {
	path := filepath.Join(t.TempDir(), "disk")
	if err := os.WriteFile(path, make([]byte, diskSize+100), 0o600); err != nil {
		t.Fatal(err)
	}
	loop, err := OpenLoop(path)
	if err != nil {
		t.Fatal(err)
	}
	closeLater(t, loop.Close)
	spec := loop.Spec()
	spec.Queues = 2
	if spec.Size != diskSize {
		t.Errorf("%d bytes of a file of %d: want whole blocks", spec.Size, diskSize+100)
	}
	return loop, spec
}

func openHDD(t *testing.T) (ublk.Target, ublk.Spec) {
	disk, err := OpenHDD(quick, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	closeLater(t, disk.Close)
	return disk, disk.Spec()
}

func closeLater(t *testing.T, end func() error) {
	t.Cleanup(func() {
		if err := end(); err != nil {
			t.Error(err)
		}
	})
}

func TestTargets(t *testing.T) {
	for name, config := range all {
		t.Run(name, func(t *testing.T) { ublktest.TestTarget(t, config) })
	}
}
