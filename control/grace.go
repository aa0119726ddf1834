package control

import (
	"math"
	"time"
)

// GraceOf reads a Grace of Hello or Welcome.
func GraceOf(milliseconds uint64) time.Duration {
	return time.Duration(min(milliseconds, uint64(math.MaxInt64/time.Millisecond))) * time.Millisecond
}

// GraceField is a Grace for Hello or Welcome: d in milliseconds, rounded down. A negative d is 0.
func GraceField(d time.Duration) uint64 { return uint64(max(d, 0) / time.Millisecond) }
