package targets

import (
	"math/rand/v2"
	"testing"
	"time"
)

const page = 4096 // bytes

// The model's figures are those that its comment promises.
func TestDiskModelIsAHardDisk(t *testing.T) {
	const size, n = 1 << 30, 20000
	rng := rand.New(rand.NewPCG(1, 2))
	var random, sequential time.Duration
	var head int64
	for range n {
		offset := rng.Int64N(size/page) * page
		random += Disk7200.Service(head, offset, size, page, time.Hour)
		head = offset + page
	}
	if mean := random / n; mean < 7800*time.Microsecond || mean > 8200*time.Microsecond {
		t.Errorf("a random page takes %v, want 8 ms", mean)
	}
	for range n {
		sequential += Disk7200.Service(head, head, size, 128<<10, 0)
		head += 128 << 10
	}
	if rate := float64(n*128<<10) / sequential.Seconds(); rate < 149e6 || rate > 151e6 {
		t.Errorf("%.0f bytes a second in sequence, want 150e6", rate)
	}
}

func TestDiskModelSeeks(t *testing.T) {
	const size = 1 << 30
	service := func(head, offset int64) time.Duration { return Disk7200.Service(head, offset, size, page, 0) }
	if near, far := service(0, 1<<20), service(0, size-page); near >= far {
		t.Errorf("a near page takes %v, a far one %v", near, far)
	}
	if there, back := service(0, 1<<29), service(1<<29, 0); there != back {
		t.Errorf("%v one way, %v the other", there, back)
	}
	// Not in sequence, though near: the disk turns on.
	if again := service(page, 0); again < Disk7200.Turn/2 {
		t.Errorf("the page before takes %v, less than half a turn", again)
	}
}

// Who reads on in time gets what the disk has read meanwhile, and no more than that.
func TestDiskReadsOnMeanwhile(t *testing.T) {
	const size, n = 1 << 30, 128 << 10
	all := Disk7200.Service(0, 0, size, n, 0)
	for idle, want := range map[time.Duration]time.Duration{0: all, all / 4: all - all/4, all: 0, time.Hour: 0} {
		if took := Disk7200.Service(n, n, size, n, idle); took != want {
			t.Errorf("after %v it takes %v, want %v", idle, took, want)
		}
	}
}
