package flusher

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

var (
	// ErrCapability means that the process lacks CAP_SYS_RESOURCE.
	ErrCapability = errors.New("CAP_SYS_RESOURCE is missing")
	// ErrUnsupported means that the kernel is older than 5.6 or refuses for
	// a reason of its own.
	ErrUnsupported = errors.New("the kernel does not mark this process as an I/O flusher")
)

const capabilityHint = "run as root, or with AmbientCapabilities=CAP_SYS_RESOURCE; in a container add the capability"

// guard is set to the process id across the one re-exec. An exec keeps the id
// and a child has another one, so that an inherited variable is told apart.
const guard = "FARSWAP_IO_FLUSHER_PID"

// Reexec marks the process as an I/O flusher and executes it again, with the
// same arguments and environment and the same process id. It returns nil in the
// new image only, where every thread has the mark: the mark is one thread's,
// kept over exec and inherited by the threads that the Go runtime then starts.
// Telling the threads of a running process one by one would miss those that the
// runtime or C libraries own.
//
// Where it may, it makes all threads real-time in the same way; [Realtime] says
// whether it did. Threads that the C library starts get small stacks, and share one
// arena of its allocator; only memory that asks for huge pages gets them.
//
// The errors are ErrCapability and ErrUnsupported; the process goes on as it
// was.
func Reexec() error {
	both := mark{has: ioFlusher.has, set: func() error {
		_ = realtime.set()    // better with it, possible without
		_ = smallStacks.set() // likewise
		_ = smallPages()      // likewise
		return ioFlusher.set()
	}}
	return reexec(both)
}

// mark is an attribute of one thread that exec keeps and new threads inherit.
// Both functions are about the calling thread.
type mark struct {
	set func() error
	has func() (bool, error)
}

var ioFlusher = mark{
	set: func() error { return unix.Prctl(unix.PR_SET_IO_FLUSHER, 1, 0, 0, 0) },
	has: func() (bool, error) {
		on, err := unix.PrctlRetInt(unix.PR_GET_IO_FLUSHER, 0, 0, 0, 0)
		return on == 1, err
	},
}

func reexec(m mark) error {
	// The mark is set on, and exec called from, one and the same thread.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	second := os.Getenv(guard) == strconv.Itoa(os.Getpid())
	if err := os.Unsetenv(guard); err != nil {
		return err
	}
	if !second {
		if err := m.set(); err != nil {
			return explain(err)
		}
	}
	// Read back: a call that takes its argument otherwise than meant succeeds
	// just as well.
	on, err := m.has()
	if err != nil {
		return explain(err)
	}
	if !on {
		return fmt.Errorf("%w: it was set and reads back as unset", ErrUnsupported)
	}
	if second {
		return nil
	}
	env := append(oneArena(os.Environ()), guard+"="+strconv.Itoa(os.Getpid()))
	path := self()
	return fmt.Errorf("execute %s again: %w", path, unix.Exec(path, os.Args, env))
}

// self is a path that executes the running image. The link in /proc is right
// even after an upgrade replaced the file, but names the process "exe" in ps:
// the file's own path is taken while it still is the same file.
func self() string {
	const link = "/proc/self/exe"
	path, err := os.Executable()
	if err != nil {
		return link
	}
	running, err1 := os.Stat(link)
	named, err2 := os.Stat(path)
	if err1 != nil || err2 != nil || !os.SameFile(running, named) {
		return link
	}
	return path
}

func explain(err error) error {
	if errors.Is(err, unix.EPERM) && !hasCapability(unix.CAP_SYS_RESOURCE) {
		return fmt.Errorf("mark as I/O flusher: %w: %s", ErrCapability, capabilityHint)
	}
	return fmt.Errorf("%w (Linux 5.6 or newer is needed): %w", ErrUnsupported, err)
}

// hasCapability reads the effective set from /proc; when that fails the answer
// is no, which makes for the more helpful message.
func hasCapability(bit int) bool {
	data, err := os.ReadFile("/proc/thread-self/status")
	if err != nil {
		return false
	}
	lines := strings.Split(string(data), "\n")
	i := slices.IndexFunc(lines, func(l string) bool { return strings.HasPrefix(l, "CapEff:") })
	if i < 0 {
		return false
	}
	set, err := strconv.ParseUint(strings.TrimSpace(strings.TrimPrefix(lines[i], "CapEff:")), 16, 64)
	return err == nil && set&(1<<bit) != 0
}
