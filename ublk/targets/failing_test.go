package targets

import (
	"testing"

	"golang.org/x/sys/unix"

	"github.com/farswap/farswap/ublk"
	"github.com/farswap/farswap/ublk/ublktest"
)

// TestFailing: every request fails, and at once.
func TestFailing(t *testing.T) {
	q := ublktest.Open(t, Failing{}, ublk.Spec{Size: diskSize, Queues: 1, MaxDiscard: 1 << 20, WriteCache: true}).Queues()[0]
	for _, d := range []ublk.Desc{
		{Op: ublk.OpRead, Length: 4096},
		{Op: ublk.OpWrite, Length: 8192, Offset: 4096},
		{Op: ublk.OpFlush},
		{Op: ublk.OpDiscard, Length: 1 << 20},
		{Op: ublk.OpWriteZeroes, Length: 4096},
	} {
		if res := q.Do(d, make([]byte, d.Length)); res != -int32(unix.EIO) {
			t.Errorf("%v: %d, want EIO", d.Op, res)
		}
	}
}
