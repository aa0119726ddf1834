package swapoff

import (
	"fmt"
	"time"

	"github.com/farswap/farswap/internal/human"
)

// rateWindow is the time over which the rate is taken: long enough to smooth what comes in bursts.
const rateWindow = 10 * time.Second

// Progress is how far the swap area has come off.
type Progress struct {
	Left    int64         // bytes that have not come back
	Rate    float64       // bytes a second, lately
	Remains time.Duration // until the end at that rate; 0: not known
}

// String is one line without an end.
func (p Progress) String() string {
	if p.Remains == 0 {
		return fmt.Sprintf("%s (%d pages) left", human.Bytes(p.Left), p.pages())
	}
	return fmt.Sprintf("%s (%d pages) left, %s/s, %v to go", human.Bytes(p.Left), p.pages(), human.Bytes(int64(p.Rate)), p.Remains)
}

// pages are those that are left. /proc/swaps counts in pages of the kernel; 4 KiB is what a device of
// farswap has.
func (p Progress) pages() int64 { return p.Left >> 12 }

// meter makes progress of what is left at different times.
type meter struct {
	looks []sample // those of the last rateWindow, oldest first
}

type sample struct {
	at   time.Time
	left int64
}

// add takes note of what is left.
func (m *meter) add(at time.Time, left int64) Progress {
	m.looks = append(m.looks, sample{at, left})
	for len(m.looks) > 2 && at.Sub(m.looks[1].at) >= rateWindow {
		m.looks = m.looks[1:]
	}
	p := Progress{Left: left}
	first := m.looks[0]
	if passed := at.Sub(first.at).Seconds(); passed > 0 && first.left > left {
		p.Rate = float64(first.left-left) / passed
		p.Remains = time.Duration(float64(left) / p.Rate * float64(time.Second)).Round(time.Second)
	}
	return p
}
