//go:build !vm

package vmtest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestPauser asks for pauses as a guest does, of a program in the place of QEMU.
func TestPauser(t *testing.T) {
	dir := t.TempDir()
	requests, pidfile := filepath.Join(dir, "requests"), filepath.Join(dir, "pid")
	if err := syscall.Mkfifo(requests, 0o600); err != nil {
		t.Fatal(err)
	}
	machine := exec.CommandContext(t.Context(), "sleep", "600")
	if err := machine.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = machine.Process.Kill()
		_ = machine.Wait() // it was killed
	}()
	pid := machine.Process.Pid
	if err := os.WriteFile(pidfile, []byte(strconv.Itoa(pid)+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	pauser := exec.CommandContext(t.Context(), "vm/pauser", requests, pidfile)
	var errors strings.Builder
	pauser.Stderr = &errors
	if err := pauser.Start(); err != nil {
		t.Fatal(err)
	}
	port, err := os.OpenFile(requests, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{"", "0", "61", "-1", "1.5", "1; reboot"} {
		fmt.Fprintln(port, bad)
	}
	for range 2 {
		asked := time.Now()
		fmt.Fprintln(port, "1")
		waitContinued(t, pid)
		if took := time.Since(asked); took < time.Second {
			t.Errorf("the machine went on after %v", took)
		}
	}
	if err := port.Close(); err != nil {
		t.Fatal(err)
	}
	if err := pauser.Wait(); err != nil { // it ends with the machine's end of the pipe
		t.Errorf("%v: %s", err, errors.String())
	}
	if n := strings.Count(errors.String(), "want 1 to 60 seconds"); n != 6 {
		t.Errorf("%d requests were refused, want 6: %s", n, errors.String())
	}
}

// waitContinued waits until a child that was stopped goes on. The kernel keeps that for
// who asks late.
func waitContinued(t *testing.T, pid int) {
	t.Helper()
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		var status syscall.WaitStatus
		if _, err := syscall.Wait4(pid, &status, syscall.WCONTINUED|syscall.WNOHANG, nil); err != nil {
			t.Fatal(err)
		}
		if status.Continued() {
			return
		}
	}
	t.Fatal("the machine was not stopped and continued")
}
