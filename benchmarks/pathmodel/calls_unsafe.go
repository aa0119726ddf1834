package pathmodel

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"strconv"
	"unsafe"

	"golang.org/x/sys/unix"
)

// errNotCounted means that this process cannot count system calls.
var errNotCounted = errors.New("system calls cannot be counted here")

// callCounter counts the system calls of threads, with the kernel's tracepoint sys_enter. While
// one is open, every system call of the machine takes a slower way into the kernel: nothing else is
// measured meanwhile.
type callCounter struct{ fds []int }

// openCallCounter begins to count for threads, and for those that they start. point is the
// number of the tracepoint.
func openCallCounter(tasks []task, point uint64) (*callCounter, error) {
	c := &callCounter{}
	for _, t := range tasks {
		attr := unix.PerfEventAttr{Type: unix.PERF_TYPE_TRACEPOINT, Config: point, Bits: unix.PerfBitInherit}
		attr.Size = uint32(unsafe.Sizeof(attr))
		fd, err := unix.PerfEventOpen(&attr, t.tid, -1, -1, unix.PERF_FLAG_FD_CLOEXEC)
		if errors.Is(err, unix.ESRCH) {
			continue // the thread has ended
		}
		if err != nil {
			return nil, errors.Join(fmt.Errorf("perf_event_open: %w: be root, or have CAP_PERFMON: %w", err, errNotCounted), c.close())
		}
		c.fds = append(c.fds, fd)
	}
	return c, nil
}

// count is how many calls there were.
func (c *callCounter) count() (n int64, err error) {
	for _, fd := range c.fds {
		var b [8]byte
		if _, err := unix.Read(fd, b[:]); err != nil {
			return 0, fmt.Errorf("read a counter of system calls: %w", err)
		}
		n += int64(binary.NativeEndian.Uint64(b[:]))
	}
	return n, nil
}

func (c *callCounter) close() (err error) {
	for _, fd := range c.fds {
		err = errors.Join(err, unix.Close(fd))
	}
	return err
}

// callsPoint is the number of the tracepoint. Its errors wrap errNotCounted.
func callsPoint() (uint64, error) {
	const point = "events/raw_syscalls/sys_enter/id"
	text, err := os.ReadFile("/sys/kernel/tracing/" + point)
	if err != nil {
		text, err = readTracefs(point)
	}
	if err != nil {
		return 0, fmt.Errorf("find the tracepoint of system calls: %w: be root, on a kernel with CONFIG_FTRACE_SYSCALLS: %w", err, errNotCounted)
	}
	return strconv.ParseUint(string(bytes.TrimSpace(text)), 10, 64)
}

// readTracefs reads a file of tracefs where nobody has mounted it. Nobody sees the mount.
func readTracefs(path string) ([]byte, error) {
	fs, err := unix.Fsopen("tracefs", unix.FSOPEN_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("open tracefs: %w", err)
	}
	defer unix.Close(fs)
	if err := unix.FsconfigCreate(fs); err != nil {
		return nil, fmt.Errorf("make tracefs: %w", err)
	}
	mount, err := unix.Fsmount(fs, unix.FSMOUNT_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("mount tracefs: %w", err)
	}
	defer unix.Close(mount)
	fd, err := unix.Openat(mount, path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("open %s of tracefs: %w", path, err)
	}
	f := os.NewFile(uintptr(fd), path)
	defer f.Close()
	var text [32]byte
	n, err := f.Read(text[:])
	return text[:n], err
}
