package benchmarks

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// TestTakenSocketIsNotPolled looks into the poller of the runtime: the descriptor is not there, and
// that of an os.File is.
func TestTakenSocketIsNotPolled(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	dial := func() *net.TCPConn {
		conn, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		return conn.(*net.TCPConn)
	}
	fd, err := TakeSocket(dial())
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	if polled(t, fd) {
		t.Error("the runtime polls the descriptor")
	}
	if flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0); err != nil || flags&unix.O_NONBLOCK != 0 {
		t.Errorf("it does not block: flags %#x, %v", flags, err)
	}
	conn := dial()
	defer conn.Close()
	f, err := conn.File()
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if !polled(t, int(f.Fd())) {
		t.Error("the descriptor of a file is not found in the poller")
	}
}

// polled says whether an epoll file of this process has fd.
func polled(t *testing.T, fd int) bool {
	t.Helper()
	files, err := filepath.Glob("/proc/self/fdinfo/*")
	if err != nil || len(files) == 0 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			continue // it was the list's own
		}
		for line := range strings.Lines(string(text)) {
			var has int
			if n, _ := fmt.Sscanf(line, "tfd: %d", &has); n == 1 && has == fd {
				return true
			}
		}
	}
	return false
}
