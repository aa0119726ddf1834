package asynclog

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// crashEnv has the test binary log to standard error, and crash.
const crashEnv = "ASYNCLOG_TEST_CRASH"

// crash logs lines, waits until they are written if it is told to, and ends as a process does
// that crashes.
func crash(how string) {
	f, err := Aside(2)
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	w := New(f, told)
	lines := 64 << 10 // more than a pipe and the room take together
	if how == "read" {
		lines = 3000
	}
	for i := range lines {
		fmt.Fprintf(w, "line %d %s\n", i, strings.Repeat("x", 90))
		if how == "read" && i%100 == 0 {
			w.Flush(patience)
		}
	}
	if how == "read" {
		w.Flush(patience)
	}
	panic("crashed")
}

// ends are the two ends of what a process can have as its standard error.
func ends(t *testing.T, kind string) (reading, writing *os.File) {
	t.Helper()
	var fds [2]int
	var err error
	if kind == "pipe" {
		err = unix.Pipe2(fds[:], unix.O_CLOEXEC)
	} else {
		fds, err = unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	}
	if err != nil {
		t.Fatal(err)
	}
	reading, writing = os.NewFile(uintptr(fds[0]), "reading"), os.NewFile(uintptr(fds[1]), "writing")
	t.Cleanup(func() { _ = reading.Close() })
	return reading, writing
}

// start begins a process that crashes. It reports the process's end on the channel.
func start(t *testing.T, how string, stderr *os.File) <-chan error {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), crashEnv+"="+how)
	cmd.Stderr = stderr
	var out bytes.Buffer
	cmd.Stdout = &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if err := stderr.Close(); err != nil {
		t.Fatal(err)
	}
	timer := time.AfterFunc(patience, func() { _ = cmd.Process.Kill() })
	ended := make(chan error, 1)
	go func() {
		err := cmd.Wait()
		timer.Stop()
		if out.Len() > 0 {
			err = fmt.Errorf("%s%w", out.Bytes(), err)
		}
		ended <- err
	}()
	return ended
}

// TestCrashWhileNobodyReads: a process whose log nobody reads ends when it crashes.
func TestCrashWhileNobodyReads(t *testing.T) {
	for _, kind := range []string{"pipe", "socket"} {
		t.Run(kind, func(t *testing.T) {
			_, writing := ends(t, kind)
			if err := <-start(t, "unread", writing); err == nil || err.Error() != "exit status 2" {
				t.Errorf("it ends with %v, want exit status 2", err)
			}
		})
	}
}

// TestCrashIsRead: a reader that reads gets all lines, and what the crash says.
func TestCrashIsRead(t *testing.T) {
	for _, kind := range []string{"pipe", "socket", "file"} {
		t.Run(kind, func(t *testing.T) {
			var reading io.Reader
			var writing *os.File
			if kind == "file" {
				f, err := os.CreateTemp(t.TempDir(), "")
				if err != nil {
					t.Fatal(err)
				}
				if _, err := f.WriteString("before\n"); err != nil {
					t.Fatal(err)
				}
				writing = f
				if err := <-start(t, "read", writing); err == nil || err.Error() != "exit status 2" {
					t.Errorf("it ends with %v, want exit status 2", err)
				}
				text, err := os.ReadFile(f.Name())
				if err != nil {
					t.Fatal(err)
				}
				rest, found := bytes.CutPrefix(text, []byte("before\n"))
				if !found {
					t.Error("what was in the file is gone")
				}
				reading = bytes.NewReader(rest)
			} else {
				reading, writing = ends(t, kind)
				ended := start(t, "read", writing)
				defer func() {
					if err := <-ended; err == nil || err.Error() != "exit status 2" {
						t.Errorf("it ends with %v, want exit status 2", err)
					}
				}()
			}
			lines, crashed := 0, false
			for s := bufio.NewScanner(reading); s.Scan(); {
				if strings.HasPrefix(s.Text(), fmt.Sprintf("line %d ", lines)) {
					lines++
				}
				crashed = crashed || s.Text() == "panic: crashed"
			}
			if lines != 3000 || !crashed {
				t.Errorf("%d lines are read, want 3000; the crash is told: %v", lines, crashed)
			}
		})
	}
}
