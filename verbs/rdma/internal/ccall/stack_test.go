//go:build cgo

package ccall_test

import (
	"errors"
	"os"
	"runtime"
	"runtime/pprof"
	"sync"
	"testing"
	"time"

	"github.com/farswap/farswap/verbs/rdma/internal/ccall"
	"github.com/farswap/farswap/verbs/rdma/internal/ccall/ccalltest"
)

func newStack(t testing.TB) *ccall.Stack {
	t.Helper()
	s, err := ccall.New()
	if errors.Is(err, ccall.ErrUnavailable) && runtime.GOARCH != "amd64" {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func TestCall(t *testing.T) {
	s := newStack(t)
	if got := s.Call(ccalltest.Combine, 1, 2, 3); got != 321 {
		t.Errorf("1 + 10·2 + 100·3 = %d", got)
	}
	minus := ^uintptr(0)
	if got := int64(s.Call(ccalltest.Combine, minus, 0, 0)); got != -1 {
		t.Errorf("-1 came back as %d", got)
	}
	if got := s.Call(ccalltest.Deep, ccall.StackSize-4096, 0, 0); got != 1 {
		t.Errorf("nearly all of the stack: %d", got)
	}
}

// TestCallsAmongSignals has the runtime interrupt calls: to stop the world, to
// preempt, and to take profiles.
func TestCallsAmongSignals(t *testing.T) {
	profile, err := os.Create(t.TempDir() + "/profile")
	if err != nil {
		t.Fatal(err)
	}
	defer profile.Close()
	if err := pprof.StartCPUProfile(profile); err != nil {
		t.Fatal(err)
	}
	defer pprof.StopCPUProfile()
	deadline := time.Now().Add(2 * time.Second)
	var callers sync.WaitGroup
	for range 3 {
		s := newStack(t)
		callers.Go(func() {
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			for i := uintptr(0); time.Now().Before(deadline); i++ {
				if r := s.Call(ccalltest.Linger, 50_000, 0, 0); r != 0 {
					t.Errorf("lingered: %d", r)
				}
				if r := s.Call(ccalltest.Combine, i, i, i); r != 111*i {
					t.Errorf("111·%d = %d", i, r)
				}
			}
		})
	}
	collections := 0
	for ; time.Now().Before(deadline); collections++ {
		runtime.GC()
	}
	callers.Wait()
	if collections < 2 {
		t.Errorf("%d garbage collections in two seconds", collections)
	}
}

func BenchmarkCall(b *testing.B) {
	s := newStack(b)
	for b.Loop() {
		s.Call(ccalltest.Combine, 1, 2, 3)
	}
}
