package flusher

import "time"

const (
	// A machine is short of memory when less than this share of it is available, and less than this many bytes
	// at least. On a machine of 512 MiB that swaps the second holds all the time.
	shortShare   = 16
	shortAtLeast = 96 << 20

	// calmTime is for how long a quarter more has to be available until the shortage is over.
	calmTime = time.Second

	// fallOfCPU is how many bytes a second a processor can take: it has to fill them with zeros.
	fallOfCPU = 2 << 30

	// Between two looks at the memory.
	lookLeast, lookMost = 5 * time.Millisecond, 100 * time.Millisecond
)

// shortage says from what is available whether a machine is short of memory. It begins short.
type shortage struct {
	fall int64     // bytes a second by which what is available can fall
	over bool      // there is enough
	calm time.Time // since when a quarter more than enough is available; zero: it is not
}

func newShortage(cpus int) *shortage { return &shortage{fall: int64(cpus) * fallOfCPU} }

// look takes what is available of the machine's memory now, in bytes. It says whether the machine is short of it, and
// when to look again: before it could be, if it is not.
func (s *shortage) look(available, total int64, now time.Time) (short bool, next time.Duration) {
	bound := max(total/shortShare, shortAtLeast)
	enough := available >= bound+bound/4
	switch {
	case available < bound:
		s.over, s.calm = false, time.Time{}
	case !enough:
		s.calm = time.Time{}
	case s.calm.IsZero():
		s.calm = now
	case now.Sub(s.calm) >= calmTime:
		s.over = true
	}
	if !s.over {
		return true, calmTime / 10
	}
	spare := min(available-bound, s.fall) // at most a second's
	return false, min(max(time.Duration(spare/(s.fall/1000))*time.Millisecond, lookLeast), lookMost)
}
