package backend

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// Undo is the script that takes away what a run left that was killed, the last step first.
// /run is empty after a boot, as is all that the script is about.
const Undo = stateDir + "/undo"

const stateDir = "/run/farswap-bench"

// What Up can refuse.
var (
	ErrBusy     = errors.New("another swap area of farswap bench is up")
	ErrLeftover = errors.New("a run that was killed left something behind")
)

// step is one thing to undo.
type step struct {
	// shell is how a person would undo it. It may find it undone, or not done at all.
	shell string
	// run undoes it; nil runs shell.
	run func(context.Context) error
	// first has to succeed before the steps below are undone: they serve it.
	first bool
}

// ladder is what has been done and how it is undone. Not for several goroutines.
type ladder struct {
	dir   string // with lock and script
	lock  *os.File
	steps []step
}

// climb takes the machine's only ladder.
func climb(dir string) (*ladder, error) {
	script := filepath.Join(dir, filepath.Base(Undo))
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("note how to undo things: %w", err)
	}
	lock, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("note how to undo things: %w", err)
	}
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		lock.Close()
		return nil, fmt.Errorf("%w: %s is locked: wait for its end", ErrBusy, lock.Name())
	}
	if _, err := os.Stat(script); !errors.Is(err, os.ErrNotExist) {
		lock.Close()
		return nil, fmt.Errorf("%w: run `sh %s`, which takes it away", ErrLeftover, script)
	}
	return &ladder{dir: dir, lock: lock}, nil
}

// add notes how the next thing is undone, before it is done.
func (l *ladder) add(s step) error {
	l.steps = append(l.steps, s)
	return l.write()
}

// then is add for a step that shell alone describes.
func (l *ladder) then(format string, args ...any) error {
	return l.add(step{shell: fmt.Sprintf(format, args...)})
}

func (l *ladder) script() string {
	var b strings.Builder
	b.WriteString("#!/bin/sh\n# What a run of farswap bench left: takes it away, the last step first.\n" + ends + applications)
	for _, s := range slices.Backward(l.steps) {
		b.WriteString(s.shell)
		if s.first {
			b.WriteString(" || exit 1")
		}
		b.WriteByte('\n')
	}
	fmt.Fprintf(&b, "rm -r %s\n", quote(l.dir))
	return b.String()
}

// write replaces the script as a whole: a run may be killed at any moment.
func (l *ladder) write() error {
	path := filepath.Join(l.dir, filepath.Base(Undo))
	if err := os.WriteFile(path+".new", []byte(l.script()), 0o700); err != nil {
		return fmt.Errorf("note how to undo things: %w", err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		return fmt.Errorf("note how to undo things: %w", err)
	}
	return nil
}

// down undoes all steps, the last one first. What failed stays in the script. It can be
// called again, for what is left.
func (l *ladder) down(ctx context.Context) error {
	if l.lock == nil {
		return nil
	}
	ctx = context.WithoutCancel(ctx)
	var failed error
	left := l.steps[:0:0]
	for i, s := range slices.Backward(l.steps) {
		err := s.undo(ctx)
		if err == nil {
			continue
		}
		failed = errors.Join(failed, fmt.Errorf("undo `%s`: %w", s.shell, err))
		left = append(left, s)
		if s.first {
			below := slices.Clone(l.steps[:i])
			slices.Reverse(below)
			left = append(left, below...)
			break
		}
	}
	slices.Reverse(left)
	l.steps = left
	if failed != nil {
		return errors.Join(failed, l.write(), fmt.Errorf("what is left is in %s", filepath.Join(l.dir, filepath.Base(Undo))))
	}
	err := os.RemoveAll(l.dir)
	err = errors.Join(err, l.lock.Close())
	l.lock = nil
	return err
}

func (s step) undo(ctx context.Context) error {
	if s.run != nil {
		return s.run(ctx)
	}
	_, err := command(ctx, "sh", "-c", ends+s.shell)
	return err
}

// ends is a function for scripts: it ends the processes of a control group, which may be
// gone, and kills those that have not ended after 20 s.
const ends = `ends() {
  [ -e "$1/cgroup.procs" ] || return 0
  for i in $(seq 200); do
    pids=$(cat "$1/cgroup.procs")
    [ "$pids" ] || return 0
    [ $i -gt 1 ] || kill $pids
    sleep 0.1
  done
  echo 1 >"$1/cgroup.kill"
  sleep 1
}
`

// applications ends those of runs that are gone, in the groups that package harness makes:
// swap cannot be taken off from under them without their dying for it.
const applications = `for group in /sys/fs/cgroup/farswap-bench-[0-9]*; do
  [ ! -e "$group/cgroup.kill" ] || kill -0 "${group##*-}" 2>/dev/null || echo 1 >"$group/cgroup.kill"
done
`

// quote makes one word of a shell out of any text.
func quote(text string) string {
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}
