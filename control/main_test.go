package control

import (
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// checkFDs fails the test when it leaves descriptors open. The runtime's own
// (epoll) are opened by the first use of the network.
func checkFDs(t *testing.T) {
	t.Helper()
	count := func() int {
		entries, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Fatal(err)
		}
		return len(entries)
	}
	before := count()
	t.Cleanup(func() {
		for range 100 {
			if count() <= before {
				return
			}
			time.Sleep(10 * time.Millisecond)
		}
		t.Errorf("%d descriptors open, %d before the test", count(), before)
	})
}
