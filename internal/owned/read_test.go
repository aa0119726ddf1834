package owned

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// TestRead: what is no file with content is refused, and nobody waits for it.
func TestRead(t *testing.T) {
	dir := t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }
	must(t, os.WriteFile(path("file"), []byte("text"), 0o600), os.Symlink("file", path("link")), os.Symlink("fifo", path("fifolink")),
		os.Mkdir(path("folder"), 0o700), unix.Mkfifo(path("fifo"), 0o600))
	socket, err := net.Listen("unix", path("socket"))
	must(t, err)
	defer socket.Close()
	for _, name := range []string{path("fifo"), path("fifolink"), path("folder"), path("socket"), "/dev/zero", "/dev/tty"} {
		if _, err := Read(name, 10); !errors.Is(err, ErrNotRegular) || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, name := range []string{path("file"), path("link")} {
		if data, err := Read(name, 4); err != nil || string(data) != "text" {
			t.Errorf("%s: %q, %v", name, data, err)
		}
	}
	if _, err := Read(path("file"), 3); err == nil || !strings.Contains(err.Error(), "more than 3 bytes") {
		t.Errorf("a file that is too large: %v", err)
	}
	if _, err := Read(path("nothing"), 3); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
	if data, err := Read(os.DevNull, 3); err != nil || len(data) != 0 {
		t.Errorf("no content: %q, %v", data, err)
	}
}

// TestReadPipe: what a shell hands over as a file is read to its end.
func TestReadPipe(t *testing.T) {
	r, w, err := os.Pipe()
	must(t, err)
	defer r.Close()
	_, err = w.WriteString("text")
	must(t, err, w.Close())
	if data, err := Read("/proc/self/fd/"+strconv.Itoa(int(r.Fd())), 4); err != nil || string(data) != "text" {
		t.Errorf("%q, %v", data, err)
	}
}
