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

	"github.com/farswap/farswap/internal/owned"
)

// Undo is the script that removes what a killed run left, the last step first. A boot empties
// /run, and also removes all that the script is about.
const Undo = stateDir + "/undo"

const stateDir = "/run/farswap-bench"

// Reasons why Up refuses.
var (
	ErrBusy     = errors.New("another swap area of farswap bench is up")
	ErrLeftover = errors.New("a run that was killed left something behind")
)

// step is one thing to undo.
type step struct {
	// shell is the command with which a person undoes it. It must also work if the step is
	// undone already, or was never done.
	shell string
	// run undoes it. If nil, shell is run instead.
	run func(context.Context) error
	// first says that this step must be undone before the steps below, which serve it.
	first bool
}

// ladder is what has been done, and how to undo it. It is not safe for concurrent use.
type ladder struct {
	dir    string        // with lock and script
	root   *owned.Folder // dir is in it
	folder *owned.Folder // dir
	lock   *os.File
	steps  []step
}

// Files of the folder.
var (
	lockFile   = "lock"
	scriptFile = filepath.Base(Undo)
	newScript  = scriptFile + ".new"
)

// climb takes the machine's only ladder, by a lock. A folder that others may use is refused, and no
// link is followed: root will run the script.
func climb(dir string) (*ladder, error) {
	l := &ladder{dir: dir}
	err := l.open()
	if err == nil && l.hasScript() {
		err = fmt.Errorf("%w: run `sh %s`, which takes it away", ErrLeftover, filepath.Join(dir, scriptFile))
	}
	if err != nil {
		return nil, errors.Join(err, l.close())
	}
	return l, nil
}

// open makes the folder where it is missing, and takes its lock.
func (l *ladder) open() error {
	note := func(err error) error { return fmt.Errorf("note how to undo things: %w", err) }
	var err error
	if l.root, err = owned.Root(filepath.Dir(l.dir)); err != nil {
		return note(err)
	}
	name := filepath.Base(l.dir)
	if l.folder, err = l.root.Open(name); errors.Is(err, unix.ENOENT) {
		l.folder, err = l.root.Make(name)
	}
	if err != nil {
		return note(err)
	}
	if l.lock, err = l.folder.OpenFile(lockFile, unix.O_CREAT); err != nil {
		return note(err)
	}
	if err := unix.Flock(int(l.lock.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return fmt.Errorf("%w: %s is locked: wait for its end", ErrBusy, l.lock.Name())
	}
	return nil
}

func (l *ladder) hasScript() bool {
	_, err := os.Lstat(filepath.Join(l.dir, scriptFile))
	return !errors.Is(err, os.ErrNotExist)
}

// close gives the lock up. The ladder holds nothing after it.
func (l *ladder) close() (err error) {
	if l.lock != nil {
		err = l.lock.Close()
	}
	for _, folder := range []*owned.Folder{l.folder, l.root} {
		if folder != nil {
			err = errors.Join(err, folder.Close())
		}
	}
	l.lock, l.folder, l.root = nil, nil, nil
	return err
}

// remove removes the folder with the files of this package. A folder with others in it stays.
func (l *ladder) remove() (err error) {
	for _, name := range []string{newScript, scriptFile, lockFile} {
		err = errors.Join(err, l.folder.Remove(name))
	}
	return errors.Join(err, l.root.RemoveFolder(filepath.Base(l.dir)))
}

// add notes how to undo the next step, before the step is done.
func (l *ladder) add(s step) error {
	l.steps = append(l.steps, s)
	return l.write()
}

// then does the same as add, for a step that a shell command undoes.
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
	for _, name := range []string{lockFile, newScript, scriptFile} {
		fmt.Fprintf(&b, "rm -f %s\n", quote(filepath.Join(l.dir, name)))
	}
	fmt.Fprintf(&b, "rmdir %s\n", quote(l.dir))
	return b.String()
}

// write replaces the script as a whole, because a run may be killed at any moment.
func (l *ladder) write() error {
	path := filepath.Join(l.dir, scriptFile)
	if err := os.WriteFile(filepath.Join(l.dir, newScript), []byte(l.script()), 0o700); err != nil {
		return fmt.Errorf("note how to undo things: %w", err)
	}
	if err := os.Rename(filepath.Join(l.dir, newScript), path); err != nil {
		return fmt.Errorf("note how to undo things: %w", err)
	}
	return nil
}

// down undoes all steps, the last one first. Steps that failed stay in the script, and
// another call tries them again.
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
		return errors.Join(failed, l.write(), fmt.Errorf("what is left is in %s", filepath.Join(l.dir, scriptFile)))
	}
	return errors.Join(l.remove(), l.close())
}

func (s step) undo(ctx context.Context) error {
	if s.run != nil {
		return s.run(ctx)
	}
	_, err := command(ctx, "sh", "-c", ends+s.shell)
	return err
}

// ends is a shell function for scripts. It ends the processes of a control group, and kills
// those that have not ended after 20 s. The group may be gone.
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

// applications ends the applications of killed runs, which are in the groups of package
// harness. They would die when their swap is turned off.
const applications = `for group in /sys/fs/cgroup/farswap-bench-[0-9]*; do
  [ ! -e "$group/cgroup.kill" ] || kill -0 "${group##*-}" 2>/dev/null || echo 1 >"$group/cgroup.kill"
done
`

// quote turns any text into one word of a shell.
func quote(text string) string {
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}
