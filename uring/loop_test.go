package uring

import (
	"bytes"
	"fmt"
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/farswap/farswap/offheap"
)

func newTestLoop(t testing.TB, entries uint32) *Loop {
	t.Helper()
	runtime.LockOSThread()
	t.Cleanup(runtime.UnlockOSThread)
	l, err := NewLoop(Config{Entries: entries, KeepProc: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return l
}

type results map[uint64]int32

func (r results) Handle(id uint64, res int32, _ uint32) { r[id] = res }

// until makes passes until done, for ten seconds at most.
func until(t testing.TB, l *Loop, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !done(); {
		if err := l.Pass(100 * time.Millisecond); err != nil {
			t.Fatal(err)
		}
		if time.Now().After(deadline) {
			t.Fatal("not done in ten seconds")
		}
	}
}

func TestLoopDispatchesByClass(t *testing.T) {
	l := newTestLoop(t, 4)
	a, b := results{}, results{}
	ca, cb := l.Attach(a), l.Attach(b)
	// More operations than slots: the loop submits by itself.
	for i := range uint64(20) {
		l.SQE(ca, i).Nop()
		l.SQE(cb, 1<<60|i).Nop() // the top byte is not the handler's
	}
	until(t, l, func() bool { return len(a) == 20 && len(b) == 20 })
	l.Detach(ca)
	if c := l.Attach(b); c != ca {
		t.Errorf("class %d, want the free %d", c, ca)
	}
}

func TestLoopHooksRunBeforeEnter(t *testing.T) {
	l := newTestLoop(t, 4)
	got := results{}
	c := l.Attach(got)
	calls := 0
	remove := l.BeforeEnter(func() {
		calls++
		l.SQE(c, uint64(calls)).Nop()
	})
	if err := l.Pass(time.Second); err != nil {
		t.Fatal(err)
	}
	if calls != 1 || len(got) != 1 {
		t.Fatalf("%d calls, %d completions in one pass", calls, len(got))
	}
	remove()
	if err := l.Pass(0); err != nil {
		t.Fatal(err)
	}
	if calls != 1 {
		t.Error("a removed hook ran")
	}
}

// More hooks than a loop is made for come and go.
func TestManyHooks(t *testing.T) {
	l := newTestLoop(t, 4)
	var calls [readyHooks + 5]int
	hooks := make([]func(), len(calls))
	removes := make([]func(), len(calls))
	for i := range hooks {
		hooks[i] = func() { calls[i]++ }
	}
	if n := testing.AllocsPerRun(10, func() {
		for i := range readyHooks {
			removes[i] = l.BeforeEnter(hooks[i])
		}
		for _, remove := range removes[:readyHooks] {
			remove()
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
	for i, hook := range hooks {
		removes[i] = l.BeforeEnter(hook)
	}
	removes[2]()
	removes[readyHooks+2]()
	if err := l.Pass(0); err != nil {
		t.Fatal(err)
	}
	for i, n := range calls {
		if removed := i == 2 || i == readyHooks+2; n != 1 && !removed || n != 0 && removed {
			t.Errorf("hook %d ran %d times", i, n)
		}
	}
}

func TestHooksRunAgainUntilSomethingIsPrepared(t *testing.T) {
	for _, c := range []struct {
		name        string
		hook        func(l *Loop, c Class, call int) // calls count from 1
		calls, nops int
	}{
		{"no news", func(*Loop, Class, int) {}, 1, 0},
		{"news once", func(l *Loop, _ Class, call int) {
			if call == 1 {
				l.Again()
			}
		}, 2, 0},
		{"news without end", func(l *Loop, _ Class, _ int) { l.Again() }, maxRounds, 0},
		{"news that prepares", func(l *Loop, c Class, call int) {
			l.Again()
			if call == 2 {
				l.SQE(c, 1).Nop()
			}
		}, 2, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := newTestLoop(t, 8)
			if err := l.Pass(0); err != nil { // the first one prepares its wake-up
				t.Fatal(err)
			}
			if l.Prepared() {
				t.Error("something is prepared before the hooks have run")
			}
			got := results{}
			class, calls := l.Attach(got), 0
			l.BeforeEnter(func() { calls++; c.hook(l, class, calls) })
			if err := l.Pass(time.Millisecond); err != nil {
				t.Fatal(err)
			}
			if calls != c.calls || len(got) != c.nops {
				t.Errorf("%d calls, %d completions; want %d, %d", calls, len(got), c.calls, c.nops)
			}
		})
	}
}

func TestPostWakesTheLoop(t *testing.T) {
	l := newTestLoop(t, 8)
	const posts = 1000
	ran := 0
	go func() {
		for range posts {
			if !l.Post(func() { ran++ }) {
				t.Error("the loop is closed")
			}
		}
	}()
	until(t, l, func() bool { return ran == posts })
}

func TestSocketMessages(t *testing.T) {
	l := newTestLoop(t, 16)
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(pair[0])
	defer unix.Close(pair[1])
	mem := buffer(t, 4096)
	iov, freeIov, err := offheap.New[unix.Iovec](4)
	if err != nil {
		t.Fatal(err)
	}
	defer freeIov()
	msg, freeMsg, err := offheap.New[unix.Msghdr](2)
	if err != nil {
		t.Fatal(err)
	}
	defer freeMsg()
	copy(mem, "head")
	copy(mem[100:], "payload")
	iov[0] = unix.Iovec{Base: &mem[0], Len: 4}
	iov[1] = unix.Iovec{Base: &mem[100], Len: 7}
	iov[2] = unix.Iovec{Base: &mem[1000], Len: 4}
	iov[3] = unix.Iovec{Base: &mem[1100], Len: 7}
	msg[0] = unix.Msghdr{Iov: &iov[0], Iovlen: 2}
	msg[1] = unix.Msghdr{Iov: &iov[2], Iovlen: 2}

	got := results{}
	c := l.Attach(got)
	l.SQE(c, 1).RecvMsg(int32(pair[1]), &msg[1], 0)
	l.SQE(c, 2).SendMsg(int32(pair[0]), &msg[0], 0)
	until(t, l, func() bool { return len(got) == 2 })
	if got[1] != 11 || got[2] != 11 || !bytes.Equal(mem[1000:1004], mem[:4]) || !bytes.Equal(mem[1100:1107], mem[100:107]) {
		t.Errorf("results %v", got)
	}
	l.SQE(c, 3).Send(int32(pair[0]), offheap.Pointer(mem[100:]), 7, 0)
	l.SQE(c, 4).Recv(int32(pair[1]), offheap.Pointer(mem[2000:]), 64, 0)
	until(t, l, func() bool { return len(got) == 4 })
	if got[3] != 7 || got[4] != 7 || string(mem[2000:2007]) != "payload" {
		t.Errorf("results %v", got)
	}

	l.SQE(c, 5).Recv(int32(pair[1]), offheap.Pointer(mem), 64, 0)
	l.SQE(c, 6).CancelFile(int32(pair[1]))
	until(t, l, func() bool { return len(got) == 6 })
	if unix.Errno(-got[5]) != unix.ECANCELED || got[6] != 1 {
		t.Errorf("results %v", got)
	}
}

func TestMultishotPoll(t *testing.T) {
	l := newTestLoop(t, 8)
	fd, err := unix.Eventfd(0, unix.EFD_NONBLOCK)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	events, armed := 0, true
	c := l.Attach(HandlerFunc(func(id uint64, res int32, flags uint32) {
		if id == 1 && res > 0 {
			events++
		}
		armed = armed && (id != 1 || flags&FlagMore != 0)
	}))
	l.SQE(c, 1).PollAdd(int32(fd), unix.POLLIN, true)
	for i := 1; i <= 5; i++ {
		one, drained := [8]byte{1}, [8]byte{}
		if _, err := unix.Write(fd, one[:]); err != nil {
			t.Fatal(err)
		}
		until(t, l, func() bool { return events == i })
		if _, err := unix.Read(fd, drained[:]); err != nil {
			t.Fatal(err)
		}
	}
	if !armed {
		t.Fatal("the poll did not stay armed")
	}
	l.SQE(c, 2).PollRemove(c.Data(1))
	until(t, l, func() bool { return !armed })
}

func TestMsgRingCrossesThreads(t *testing.T) {
	l := newTestLoop(t, 8)
	var got uint32
	c := l.Attach(HandlerFunc(func(id uint64, res int32, _ uint32) {
		if id == 42 {
			got = uint32(res)
		}
	}))
	fd := l.Ring().FD()
	failed := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		other, err := New(Config{Entries: 4})
		if err != nil {
			failed <- err
			return
		}
		other.SQE().MsgRing(int32(fd), 7, c.Data(42))
		failed <- other.SubmitAndWait(1, time.Second)
		_ = other.Close()
	}()
	until(t, l, func() bool { return got == 7 })
	if err := <-failed; err != nil {
		t.Fatal(err)
	}
}

func TestPassAllocatesNothing(t *testing.T) {
	l := newTestLoop(t, 64)
	c := l.Attach(HandlerFunc(func(uint64, int32, uint32) {}))
	if n := testing.AllocsPerRun(1000, func() {
		for i := range uint64(8) {
			l.SQE(c, i).Nop()
		}
		if err := l.Pass(time.Second); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations per pass", n)
	}
}

func BenchmarkPass(b *testing.B) {
	for _, batch := range []uint64{1, 32} {
		b.Run(map[uint64]string{1: "nop", 32: "32nops"}[batch], func(b *testing.B) {
			l := newTestLoop(b, 64)
			c := l.Attach(HandlerFunc(func(uint64, int32, uint32) {}))
			b.ReportAllocs()
			for b.Loop() {
				for i := range batch {
					l.SQE(c, i).Nop()
				}
				if err := l.Pass(time.Second); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func TestReserveKeepsLinkedOperationsTogether(t *testing.T) {
	l := newTestLoop(t, 4)
	got := results{}
	c := l.Attach(got)
	for i := range uint64(3) {
		l.SQE(c, i).Nop()
	}
	// One slot is left: without Reserve the chain would be cut in two.
	if !l.Reserve(2) {
		t.Fatal("no room for 2 in a ring of 4")
	}
	first := l.SQE(c, 10)
	first.Read(-1, nil, 0, 0) // fails
	first.Flags = Link
	l.SQE(c, 11).Nop()
	until(t, l, func() bool { return len(got) == 5 })
	if got[11] != -int32(unix.ECANCELED) {
		t.Errorf("the second of a failed link: %d, want %d", got[11], -int32(unix.ECANCELED))
	}
	if l.Reserve(5) {
		t.Error("a ring of 4 reserves 5")
	}
}

// A loop that waits must not hold up what stops all processors, even if it keeps its
// own.
func TestWaitLetsTheWorldStop(t *testing.T) {
	for _, keep := range []bool{false, true} {
		t.Run(fmt.Sprintf("keep=%v", keep), func(t *testing.T) { stopTheWorld(t, Config{Entries: 4, KeepProc: keep}) })
	}
}

func stopTheWorld(t *testing.T, cfg Config) {
	started, ended := make(chan *Loop), make(chan error)
	over := false // the loop's
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends here
		l, err := NewLoop(cfg)
		started <- l
		for err == nil && !over {
			err = l.Pass(-1)
		}
		ended <- err
	}()
	l := <-started
	if l == nil {
		t.Fatal(<-ended)
	}
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		var m runtime.MemStats
		for range 100 {
			l.Post(func() {}) // the wait begins anew: the next stop finds it young
			runtime.ReadMemStats(&m)
		}
	}()
	select {
	case <-stopped:
	case <-time.After(20 * time.Second):
		t.Error("the world was not stopped 100 times in 20 s")
	}
	l.Post(func() { over = true })
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
}
