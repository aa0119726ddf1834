package path

import (
	"testing"

	"github.com/farswap/farswap/status"
)

func TestCountsAddUp(t *testing.T) {
	one := Counts{IO: status.IO{
		Reads: 1, Writes: 2, Discards: 3, Errors: 4, Corrupt: 5, Flushes: 6, BytesRead: 7, BytesWritten: 8,
		RemoteReads: 9, RemoteWrites: 10, BackingReads: 11, BackingWrites: 12, ZeroReads: 13, Prefetched: 16, PrefetchHits: 17,
		HedgedReads: 18, HedgedWins: 19,
	}, BackPressure: 14, BackingErrors: 15}
	sum := one
	sum.Add(&one)
	want := Counts{IO: status.IO{
		Reads: 2, Writes: 4, Discards: 6, Errors: 8, Corrupt: 10, Flushes: 12, BytesRead: 14, BytesWritten: 16,
		RemoteReads: 18, RemoteWrites: 20, BackingReads: 22, BackingWrites: 24, ZeroReads: 26, Prefetched: 32, PrefetchHits: 34,
		HedgedReads: 36, HedgedWins: 38,
	}, BackPressure: 28, BackingErrors: 30}
	if sum != want {
		t.Errorf("%+v", sum)
	}
}
