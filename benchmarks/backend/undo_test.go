package backend

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/farswap/farswap/internal/owned"
)

// steps adds steps that note their names, and fail if they are told to.
func steps(t *testing.T, l *ladder, done *[]string, bad string, names ...string) {
	t.Helper()
	for _, name := range names {
		err := l.add(step{shell: "echo " + name, first: name == "swapoff", run: func(context.Context) error {
			if name == bad {
				return errors.New("it will not")
			}
			*done = append(*done, name)
			return nil
		}})
		if err != nil {
			t.Fatal(err)
		}
	}
}

func TestDownGoesBackwards(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	l, err := climb(dir)
	if err != nil {
		t.Fatal(err)
	}
	var done []string
	steps(t, l, &done, "", "group", "server", "swapoff")
	if _, err := climb(dir); !errors.Is(err, ErrBusy) {
		t.Errorf("a second ladder: %v, want ErrBusy", err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel() // a run that was interrupted is taken down all the same
	if err := l.down(ended); err != nil {
		t.Fatal(err)
	}
	if want := []string{"swapoff", "server", "group"}; !slices.Equal(done, want) {
		t.Errorf("undone in the order %q, want %q", done, want)
	}
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%s is left: %v", dir, err)
	}
	if err := l.down(t.Context()); err != nil || len(done) != 3 {
		t.Errorf("down again: %v, %q", err, done)
	}
}

func TestSwapThatStaysKeepsItsServer(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	l, err := climb(dir)
	if err != nil {
		t.Fatal(err)
	}
	var done []string
	steps(t, l, &done, "swapoff", "group", "server", "swapoff", "zswap")
	if err := l.down(t.Context()); err == nil || !strings.Contains(err.Error(), "it will not") || !strings.Contains(err.Error(), filepath.Join(dir, "undo")) {
		t.Errorf("the error does not say what failed and where the rest is: %v", err)
	}
	if want := []string{"zswap"}; !slices.Equal(done, want) {
		t.Errorf("undone %q, want %q", done, want)
	}
	l.steps[2].run = func(context.Context) error { done = append(done, "swapoff"); return nil }
	if err := l.down(t.Context()); err != nil {
		t.Fatal(err)
	}
	if want := []string{"zswap", "swapoff", "server", "group"}; !slices.Equal(done, want) {
		t.Errorf("undone %q, want %q", done, want)
	}
}

// A step that fails, and that nothing depends on, is tried again alone.
func TestFailedStepIsLeft(t *testing.T) {
	l, err := climb(filepath.Join(t.TempDir(), "state"))
	if err != nil {
		t.Fatal(err)
	}
	var done []string
	steps(t, l, &done, "server", "group", "server", "swapoff")
	if err := l.down(t.Context()); err == nil {
		t.Fatal("no error")
	}
	if want := []string{"swapoff", "group"}; !slices.Equal(done, want) || len(l.steps) != 1 {
		t.Errorf("undone %q, want %q; %d steps left", done, want, len(l.steps))
	}
	if text := l.script(); strings.Contains(text, "swapoff") || !strings.Contains(text, "echo server") {
		t.Errorf("the script has not what is left:\n%s", text)
	}
}

// The script of a killed run does what Down would, and is refused before that.
func TestScriptOfAKilledRun(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a state's folder")
	l, err := climb(dir)
	if err != nil {
		t.Fatal(err)
	}
	var done []string
	steps(t, l, &done, "", "group", "server", "swapoff")
	if err := l.then("ends /no/such/group && echo nobody"); err != nil {
		t.Fatal(err)
	}
	if err := l.lock.Close(); err != nil { // as at the process's end
		t.Fatal(err)
	}
	_, err = climb(dir)
	if !errors.Is(err, ErrLeftover) || !strings.Contains(err.Error(), "sh "+dir) {
		t.Fatalf("%v, want ErrLeftover with the command to run", err)
	}
	out, err := exec.Command("sh", filepath.Join(dir, "undo")).CombinedOutput()
	if err != nil || string(out) != "nobody\nswapoff\nserver\ngroup\n" {
		t.Errorf("the script: %v: %q", err, out)
	}
	l, err = climb(dir)
	if err != nil {
		t.Fatalf("after the script: %v", err)
	}
	if err := l.down(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestScriptStopsAtSwapThatStays(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	l, err := climb(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.then("echo server"); err != nil {
		t.Fatal(err)
	}
	if err := l.add(step{shell: "false", first: true}); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("sh", filepath.Join(dir, "undo")).CombinedOutput()
	if err == nil || len(out) > 0 {
		t.Errorf("it went on: %v: %q", err, out)
	}
}

// TestForeignFolderIsRefused: root runs the script of the folder, so nobody else may have made it.
func TestForeignFolderIsRefused(t *testing.T) {
	root := t.TempDir()
	dir := filepath.Join(root, "state")
	if err := errors.Join(os.Mkdir(filepath.Join(root, "elsewhere"), 0o700), os.Symlink("elsewhere", dir)); err != nil {
		t.Fatal(err)
	}
	if _, err := climb(dir); !errors.Is(err, owned.ErrForeign) {
		t.Errorf("a link: %v", err)
	}
	if err := errors.Join(os.Remove(dir), os.Mkdir(dir, 0o755), os.Chmod(dir, 0o777)); err != nil {
		t.Fatal(err)
	}
	if _, err := climb(dir); !errors.Is(err, owned.ErrForeign) {
		t.Errorf("a folder for everybody: %v", err)
	}
}

// TestDownKeepsWhatOthersMade: only the files of this package go with the ladder.
func TestDownKeepsWhatOthersMade(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	notes := filepath.Join(dir, "notes")
	if err := errors.Join(os.Mkdir(dir, 0o700), os.WriteFile(notes, nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	l, err := climb(dir)
	if err != nil {
		t.Fatal(err)
	}
	var done []string
	steps(t, l, &done, "", "swapoff")
	if err := l.down(t.Context()); err == nil || !strings.Contains(err.Error(), dir) {
		t.Errorf("a folder that stays: %v", err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 1 || left[0].Name() != "notes" {
		t.Errorf("left: %v, %v", left, err)
	}
}

// TestFolderThatWasThereStays: an area whose folder exists already does not come up, and leaves it.
func TestFolderThatWasThereStays(t *testing.T) {
	dir := t.TempDir()
	notes := filepath.Join(dir, "disk", "notes")
	if err := errors.Join(os.Mkdir(filepath.Dir(notes), 0o700), os.WriteFile(notes, nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	l, err := climb(filepath.Join(t.TempDir(), "state"))
	if err != nil {
		t.Fatal(err)
	}
	b := &bringUp{ladder: l, dir: filepath.Dir(notes)}
	if err := b.begin(); !errors.Is(err, os.ErrExist) {
		t.Errorf("got %v", err)
	}
	if err := b.Down(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(notes); err != nil {
		t.Errorf("what was there before is gone: %v", err)
	}
}
