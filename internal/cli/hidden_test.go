package cli

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// somebody is a user of no file here: root's own processes have files of root in /proc in any case.
const somebody = 65534

// TestServersAreHidden: the memory of a server can hold keys and lent pages. The kernel gives the
// files in /proc of a process that it would write to a core file to the process's user, and those of
// a hidden one to root.
func TestServersAreHidden(t *testing.T) {
	for name, args := range map[string]string{
		"farswapd donor":  "donor --insecure --memory 4M --ahead=-1 --listen 127.0.0.1:0 --name d --state-root state",
		"farswap metrics": "metrics --listen 127.0.0.1:0",
		"farswap dash":    "dash --listen 127.0.0.1:0",
	} {
		t.Run(name, func(t *testing.T) {
			if uid := userOf(t, name, args); uid != 0 {
				t.Errorf("the process's files in /proc belong to user %d, want root", uid)
			}
		})
	}
}

// userOf starts a server as somebody, and returns whose its files in /proc are once it serves.
func userOf(t *testing.T, name, args string) uint32 {
	t.Helper()
	program, _, _ := strings.Cut(name, " ")
	cmd := exec.Command("/proc/self/exe", strings.Fields(args+noConfig)...)
	cmd.Args[0], cmd.Dir = program, somebodysFolder(t)
	cmd.Env = append(os.Environ(), mainEnv+"=1")
	if os.Geteuid() == 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: somebody, Gid: somebody}}
	}
	log, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	timer := start(t, cmd)
	defer timer.Stop()
	var said strings.Builder
	lines := bufio.NewScanner(log)
	for lines.Scan() && !serves(lines.Text()) {
		fmt.Fprintln(&said, lines.Text())
	}
	var s unix.Stat_t
	if err := unix.Stat(fmt.Sprintf("/proc/%d/environ", cmd.Process.Pid), &s); err != nil {
		t.Error(err)
	}
	_ = cmd.Process.Signal(unix.SIGTERM)
	for lines.Scan() { // to its end, before Wait closes it
		fmt.Fprintln(&said, lines.Text())
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("%v: %s", err, said.String())
	}
	return s.Uid
}

// somebodysFolder makes a folder. The parents of that of the test are root's alone.
func somebodysFolder(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "farswap-hidden")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if os.Geteuid() == 0 {
		if err := os.Chown(dir, somebody, somebody); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// serves reports whether a line of the log says that its server serves.
func serves(line string) bool {
	return strings.Contains(line, "serving") || strings.Contains(line, "is served") || strings.Contains(line, "donor serves")
}
