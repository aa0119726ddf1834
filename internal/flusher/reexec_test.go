package flusher

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

// modeEnv makes the test binary one of the programs below instead.
const modeEnv = "FLUSHER_TEST_MODE"

func TestMain(m *testing.M) {
	if child := modes[os.Getenv(modeEnv)]; child != nil {
		child()
		return
	}
	os.Exit(m.Run())
}

var modes = map[string]func(){
	"flusher":   func() { report(ioFlusher) },
	"uncapable": func() { dropCapability(); report(ioFlusher) },
	"slack":     func() { report(timerSlack) },
	"realtime":  func() { report(realtime) },
	"stacks":    func() { report(smallStacks) },
	"both":      func() { fmt.Println(Reexec(), Realtime()) },
	"ease":      easeReport,
	"lies":      func() { report(mark{func() error { return nil }, timerSlack.has}) },
}

// timerSlack is a mark like ioFlusher's that needs no capability: it shows that
// the re-exec reaches every thread on machines where the other may not be set.
var timerSlack = mark{
	set: func() error { return unix.Prctl(unix.PR_SET_TIMERSLACK, slackNanos, 0, 0, 0) },
	has: func() (bool, error) {
		got, err := unix.PrctlRetInt(unix.PR_GET_TIMERSLACK, 0, 0, 0, 0)
		return got == slackNanos, err
	},
}

const slackNanos = 51234

// report is the main program of a child: it re-executes itself and prints what
// came of it.
func report(m mark) {
	before, _ := m.has()
	if err := reexec(m); err != nil {
		capability, unsupported := errors.Is(err, ErrCapability), errors.Is(err, ErrUnsupported)
		fmt.Printf("error capability=%v unsupported=%v lines=%d\n", capability, unsupported, strings.Count(err.Error(), "\n")+1)
		return
	}
	marked, threads := countThreads(m)
	fmt.Printf("pid=%d before=%v threads=%v all=%v args=%v guard=%q\n",
		os.Getpid(), before, threads >= 8, marked == threads, os.Args[1:], os.Getenv(guard))
}

// countThreads asks on many threads at once, each held until all are asked, so
// that the runtime has to start new ones.
func countThreads(m mark) (marked, threads int) {
	const n = 16
	var mu sync.Mutex
	var asked, all sync.WaitGroup
	asked.Add(n)
	for range n {
		all.Go(func() {
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			on, err := m.has()
			mu.Lock()
			threads++
			if on && err == nil {
				marked++
			}
			mu.Unlock()
			asked.Done()
			asked.Wait()
		})
	}
	all.Wait()
	return marked, threads
}

// dropCapability takes CAP_SYS_RESOURCE off this thread, for good: off the
// bounding set, too, so that an exec by root does not bring it back.
func dropCapability() {
	runtime.LockOSThread()
	_ = unix.Prctl(unix.PR_CAPBSET_DROP, unix.CAP_SYS_RESOURCE, 0, 0, 0)
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&header, &data[0]); err != nil {
		fmt.Println(err)
	}
	data[0].Effective &^= 1 << unix.CAP_SYS_RESOURCE
	data[0].Permitted &^= 1 << unix.CAP_SYS_RESOURCE
	if err := unix.Capset(&header, &data[0]); err != nil {
		fmt.Println(err)
	}
}

// run starts the test binary as a child and gives its process id and output.
func run(t *testing.T, mode string, env ...string) (pid int, output string) {
	t.Helper()
	var out strings.Builder
	cmd := exec.Command(os.Args[0], "a", "b c")
	cmd.Env = append(append(os.Environ(), modeEnv+"="+mode), env...)
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v: %s", err, out.String())
	}
	return cmd.Process.Pid, out.String()
}

const capabilityError = "error capability=true unsupported=false lines=1\n"

func marked(pid int) string {
	return fmt.Sprintf("pid=%d before=true threads=true all=true args=[a b c] guard=\"\"\n", pid)
}

func TestReexecMarksEveryThread(t *testing.T) {
	for _, mode := range []string{"slack", "stacks"} {
		if pid, got := run(t, mode); got != marked(pid) {
			t.Errorf("%s: got %q, want %q", mode, got, marked(pid))
		}
	}
}

// TestIOFlusher is right on either kind of machine: with the capability every
// thread is marked, without it the error says so.
func TestIOFlusher(t *testing.T) {
	pid, got := run(t, "flusher")
	want := capabilityError
	if hasCapability(unix.CAP_SYS_RESOURCE) {
		want = marked(pid)
	}
	if got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestWithoutCapability(t *testing.T) {
	if _, got := run(t, "uncapable"); got != capabilityError {
		t.Errorf("got %q, want %q", got, capabilityError)
	}
}

func TestMarkIsReadBack(t *testing.T) {
	want := "error capability=false unsupported=true lines=1\n"
	if _, got := run(t, "lies"); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestInheritedGuard starts below a process that was re-executed: its guard
// must not be taken for this one's.
func TestInheritedGuard(t *testing.T) {
	pid, got := run(t, "slack", guard+"="+strconv.Itoa(os.Getpid()))
	if got != marked(pid) {
		t.Errorf("got %q, want %q", got, marked(pid))
	}
}

// TestRealtime is right on either kind of machine, too: the mark is refused
// without CAP_SYS_NICE, and then Reexec goes on and Realtime says so.
func TestRealtime(t *testing.T) {
	if !hasCapability(unix.CAP_SYS_RESOURCE) {
		return // TestIOFlusher shows that Reexec refuses
	}
	_, got := run(t, "both")
	silent, warned := "<nil> \n", strings.HasPrefix(got, "<nil> the server is not real-time")
	if mayRealtime() != (got == silent) || mayRealtime() == warned {
		t.Errorf("got %q", got)
	}
	if pid, got := run(t, "realtime"); mayRealtime() && got != marked(pid) {
		t.Errorf("got %q, want %q", got, marked(pid))
	}
}

// mayRealtime tries it on a thread that then ends.
func mayRealtime() bool {
	may := make(chan bool)
	go func() {
		runtime.LockOSThread()
		may <- realtime.set() == nil
	}()
	return <-may
}
