package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/farswap/farswap/control"
	"github.com/farswap/farswap/internal/cli/program"
	"github.com/farswap/farswap/status"
)

// upgradable is a donor in a process of its own, with a program in a folder of its own.
type upgradable struct {
	*testing.T
	dir, binary string
	log         *os.File
	systemd     *net.UnixConn
	program     []byte
}

func startUpgradable(t *testing.T) *upgradable {
	t.Helper()
	u := &upgradable{T: t, dir: t.TempDir()}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if u.program, err = os.ReadFile(self); err != nil {
		t.Fatal(err)
	}
	u.binary = filepath.Join(u.dir, program.Farswapd)
	u.install(u.program)
	address := &net.UnixAddr{Name: filepath.Join(u.dir, "notify"), Net: "unixgram"}
	if u.systemd, err = net.ListenUnixgram("unixgram", address); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = u.systemd.Close() })
	if u.log, err = os.Create(filepath.Join(u.dir, "log")); err != nil { // a pipe would stay open in the next process
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = u.log.Close() })
	cmd := exec.Command(u.binary, strings.Fields("donor"+noConfig+" --memory 16M --ahead=-1 --headroom 0 --listen 127.0.0.1:0 --name d --insecure")...)
	cmd.Dir, cmd.Stderr = u.dir, u.log
	cmd.Env = append(os.Environ(), mainEnv+"=1", "NOTIFY_SOCKET="+address.Name)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	t.Cleanup(func() {
		u.stop()
		select {
		case err := <-ended:
			if err != nil {
				t.Errorf("the first process: %v", err)
			}
		case <-time.After(commandTimeout):
			_ = cmd.Process.Kill()
			t.Error("the first process does not end")
		}
	})
	u.told("READY=1")
	return u
}

// install puts a program in the place of the donor's, as a package manager does.
func (u *upgradable) install(content []byte) {
	u.Helper()
	if err := errors.Join(os.WriteFile(u.binary+".new", content, 0o700), os.Rename(u.binary+".new", u.binary)); err != nil {
		u.Fatal(err)
	}
}

// told waits until systemd is told something that begins with a text, and returns what.
func (u *upgradable) told(prefix string) string {
	u.Helper()
	if err := u.systemd.SetReadDeadline(time.Now().Add(commandTimeout)); err != nil {
		u.Fatal(err)
	}
	message := make([]byte, 256)
	for {
		n, err := u.systemd.Read(message)
		if err != nil {
			u.Fatalf("systemd is never told %s: %v\n%s", prefix, err, u.logged())
		}
		if text := string(message[:n]); strings.HasPrefix(text, prefix) {
			return text
		}
	}
}

func (u *upgradable) logged() string {
	text, _ := os.ReadFile(u.log.Name())
	return string(text)
}

func (u *upgradable) socket() string {
	return status.Socket(status.DonorDir(filepath.Join(u.dir, "state"), "d"))
}

func (u *upgradable) status() status.DonorDaemon {
	u.Helper()
	d, err := status.FetchDonor(u.Context(), u.socket())
	if err != nil {
		u.Fatalf("%v\n%s", err, u.logged())
	}
	return d
}

// upgrade runs the command.
func (u *upgradable) upgrade() result {
	return execute(u.T, u.dir, "donor", "upgrade", "--state-root", filepath.Join(u.dir, "state"))
}

// stop ends whatever process serves now, and waits for its end.
func (u *upgradable) stop() {
	d, err := status.FetchDonor(context.Background(), u.socket())
	if err != nil {
		u.Errorf("nobody serves at the end: %v\n%s", err, u.logged())
		return
	}
	process, err := unix.PidfdOpen(d.PID, 0)
	if err != nil {
		u.Error(err)
		return
	}
	defer unix.Close(process)
	if err := status.Stop(context.Background(), u.socket()); err != nil {
		u.Error(err)
	}
	ended := []unix.PollFd{{Fd: int32(process), Events: unix.POLLIN}}
	n, err := unix.Poll(ended, int(commandTimeout.Milliseconds()))
	for errors.Is(err, unix.EINTR) {
		n, err = unix.Poll(ended, int(commandTimeout.Milliseconds()))
	}
	if n != 1 {
		u.Errorf("process %d does not end: %v\n%s", d.PID, err, u.logged())
	}
	if _, err := os.Stat(filepath.Join(u.dir, "state", "donor-d")); err == nil {
		u.Error("the last process has left the state folder behind")
	}
}

// fds is how many descriptors a process has.
func fds(t *testing.T, pid int) int {
	t.Helper()
	list, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}

// session opens a session with the donor, which lends memory for slab 3.
func (u *upgradable) session(address string) *control.Session {
	u.Helper()
	s, err := control.Dial(u.Context(), address, control.DialConfig{
		Device: control.NewUUID(), Name: "dev", SlabSize: control.MinSlab, Insecure: true, Grace: time.Hour,
	})
	if err == nil {
		_, err = s.Map(u.Context(), 3, control.MinSlab, false, "")
	}
	if err != nil {
		u.Fatal(err)
	}
	return s
}

// TestDonorUpgrade: processes follow on one another, a session with its slab stays, systemd knows the process
// that counts, and no descriptor is left open from one to the next.
func TestDonorUpgrade(t *testing.T) {
	u := startUpgradable(t)
	first := u.status()
	s := u.session(first.Address)
	defer s.Close()
	before, open := first, 0
	for n := range 4 {
		u.install(u.program) // the running one is "(deleted)" from here on
		got := u.upgrade()
		if got.code != 0 || got.stderr != "" || !strings.HasPrefix(got.stdout, "d upgraded: process ") || strings.Count(got.stdout, "\n") != 1 {
			t.Fatalf("upgrade %d: %+v\n%s", n, got, u.logged())
		}
		now := u.status()
		if now.PID == before.PID || now.Address != first.Address || now.DataAddress != first.DataAddress || now.Memory.Mapped != control.MinSlab ||
			now.Upgrade == nil || now.Upgrade.From != before.PID || now.Upgrade.Paused <= 0 || now.Upgrade.Error != "" {
			t.Errorf("after upgrade %d: %+v", n, now)
		}
		if main := u.told("MAINPID="); main != "MAINPID="+strconv.Itoa(now.PID) {
			t.Errorf("systemd was told %s", main)
		}
		<-s.Cut()
		if err := s.Resume(t.Context()); err != nil {
			t.Fatalf("%v\n%s", err, u.logged())
		}
		if _, err := s.Map(t.Context(), uint32(10+n), control.MinSlab, false, ""); err != nil {
			t.Error(err)
		}
		if err := s.Unmap(t.Context(), uint32(10+n)); err != nil {
			t.Error(err)
		}
		switch n {
		case 0:
		case 1:
			open = fds(t, now.PID)
		default: // a connection that was closed here closes there a moment later
			left := fds(t, now.PID)
			for end := time.Now().Add(10 * time.Second); left > open && time.Now().Before(end); left = fds(t, now.PID) {
				time.Sleep(10 * time.Millisecond)
			}
			if left > open {
				t.Errorf("process %d of the donor has %d descriptors, the second had %d", n, left, open)
			}
		}
		before = now
	}
	if err := s.Unmap(t.Context(), 3); err != nil {
		t.Error(err)
	}
	for line := range strings.Lines(u.logged()) {
		if !json.Valid([]byte(line)) || strings.Contains(line, `"level":"error"`) {
			t.Errorf("log line %q", line)
		}
	}
}

// TestDonorUpgradeFails: with a program that does not get ready the donor goes on, and the command says why.
func TestDonorUpgradeFails(t *testing.T) {
	u := startUpgradable(t)
	before := u.status()
	s := u.session(before.Address)
	defer s.Close()
	other := filepath.Join(t.TempDir(), program.Farswapd)
	if err := os.WriteFile(other, u.program, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ name, content, want string }{
		{"not a program", "nonsense", "exec format error"},
		{"one that ends", "#!/bin/sh\nexit 7\n", "exit status 7"},
		{"one that is killed", "#!/bin/sh\nkill -9 $$\n", "cannot take the donor over"},
		{"one with another configuration", "#!/bin/sh\nexec " + other + " \"$@\" --name e\n", `name was "d" and is "e" now`},
		{"gone", "", "no such file"},
	} {
		u.install([]byte(c.content))
		if c.name == "gone" {
			if err := os.Remove(u.binary); err != nil {
				t.Fatal(err)
			}
		}
		got := u.upgrade()
		if got.code != 1 || got.stdout != "" || !strings.Contains(got.stderr, "goes on as it was") || !strings.Contains(got.stderr, c.want) {
			t.Errorf("%s: %+v", c.name, got)
		}
		now := u.status()
		if now.PID != before.PID || now.Upgrade == nil || now.Upgrade.Error == "" || s.Err() != nil || s.Trouble() != nil {
			t.Errorf("%s: %+v, session %v", c.name, now.Upgrade, s.Trouble())
		}
	}
	u.install(u.program)
	if got := u.upgrade(); got.code != 0 {
		t.Errorf("after all: %+v", got)
	}
	<-s.Cut()
	if err := s.Resume(t.Context()); err != nil {
		t.Error(err)
	}
	if err := s.Unmap(t.Context(), 3); err != nil {
		t.Error(err)
	}
}
