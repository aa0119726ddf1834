package status

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// helperEnv names a folder. With it the test binary holds the lock of the folder until its standard input
// ends.
const helperEnv = "STATUS_TEST_LOCK"

func lockHelper() int {
	l, err := Acquire(os.Getenv(helperEnv))
	if err != nil {
		fmt.Println(err)
		return 1
	}
	fmt.Println("locked")
	_, _ = bufio.NewReader(os.Stdin).ReadString('\n')
	if err := l.Release(); err != nil {
		return 1
	}
	return 0
}

func TestLockExcludesOtherProcesses(t *testing.T) {
	dir := StateDir(t.TempDir(), 3)
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), helperEnv+"="+dir)
	stdin, err := child.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = child.Process.Kill(); _ = child.Wait() }()
	if line, err := bufio.NewReader(stdout).ReadString('\n'); line != "locked\n" {
		t.Fatalf("child said %q, %v", line, err)
	}

	_, err = Acquire(dir)
	if !errors.Is(err, ErrStateInUse) || !strings.Contains(err.Error(), fmt.Sprint(child.Process.Pid)) {
		t.Errorf("second lock: got %v, want ErrStateInUse naming process %d", err, child.Process.Pid)
	}
	requireHolder(t, dir, child.Process.Pid, true)

	// The lock ends with its process, even when that is killed.
	if err := child.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	stdin.Close()
	_ = child.Wait()
	requireHolder(t, dir, child.Process.Pid, false)
	l, err := Acquire(dir)
	if err != nil {
		t.Fatal(err)
	}
	if !l.Used() {
		t.Error("the folder of a dead server counts as unused")
	}
	requireHolder(t, dir, os.Getpid(), true)
	if err := l.Release(); err != nil {
		t.Fatal(err)
	}
	requireHolder(t, dir, os.Getpid(), false)
}

func requireHolder(t *testing.T, dir string, wantPID int, wantAlive bool) {
	t.Helper()
	pid, alive, err := Holder(dir)
	if err != nil || pid != wantPID || alive != wantAlive {
		t.Errorf("Holder: got %d %v %v, want %d %v", pid, alive, err, wantPID, wantAlive)
	}
}

// TestLockIsExclusive lets many goroutines take, check and remove one folder:
// two must never hold it at once, though the lock's file comes and goes.
func TestLockIsExclusive(t *testing.T) {
	dir := StateDir(t.TempDir(), 0)
	var held sync.Mutex
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for taken := 0; taken < 50; {
				l, err := Acquire(dir)
				if errors.Is(err, ErrStateInUse) {
					continue
				}
				if err != nil {
					t.Error(err)
					return
				}
				taken++
				if l.Used() {
					t.Error("a new folder counts as left by a dead server")
				}
				if !held.TryLock() {
					t.Error("two hold the lock")
				} else {
					held.Unlock()
				}
				if err := l.Remove(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("folder is left: %v", err)
	}
}

func TestFolders(t *testing.T) {
	root := t.TempDir()
	if found, err := Folders(filepath.Join(root, "none")); err != nil || found != nil {
		t.Errorf("no root: got %v, %v", found, err)
	}
	for _, name := range []string{"10", "donor-b", "donor-a", "donor-", "02", "-1", "x"} {
		if err := os.Mkdir(filepath.Join(root, name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(root, "7"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	l, err := Acquire(StateDir(root, 2))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Release()
	found, err := Folders(root)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range found {
		got = append(got, fmt.Sprintf("%s %d %s %d %v", filepath.Base(f.Dir), f.ID, f.Donor, f.PID, f.Alive))
	}
	want := []string{
		fmt.Sprintf("2 2  %d true", os.Getpid()),
		"10 10  0 false",
		"donor-a -1 a 0 false",
		"donor-b -1 b 0 false",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got %q, want %q", got, want)
	}
}
