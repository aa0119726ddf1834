package launch

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/farswap/farswap/internal/cli/program"
)

func place(t *testing.T, folder string) string {
	t.Helper()
	path := filepath.Join(folder, program.Farswapd)
	if err := os.WriteFile(path, nil, 0o700); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestFind(t *testing.T) {
	own, other := t.TempDir(), t.TempDir()
	t.Setenv("PATH", other)
	if path, err := find(own, exec.LookPath); !errors.Is(err, ErrNotFound) || !strings.Contains(err.Error(), filepath.Join(own, program.Farswapd)) || !strings.Contains(err.Error(), "PATH") {
		t.Errorf("nowhere: %q, %v", path, err)
	}
	want := place(t, other)
	if path, err := find(own, exec.LookPath); path != want || err != nil {
		t.Errorf("in PATH: %q, %v, want %s", path, err, want)
	}
	want = place(t, own)
	if path, err := find(own, exec.LookPath); path != want || err != nil {
		t.Errorf("beside: %q, %v, want %s", path, err, want)
	}
}

// TestFindKeepsOutOfTheWorkingFolder: a farswapd that happens to lie where the user is does
// not run.
func TestFindKeepsOutOfTheWorkingFolder(t *testing.T) {
	folder := t.TempDir()
	place(t, folder)
	t.Chdir(folder)
	for _, path := range []string{"", "."} {
		t.Setenv("PATH", path)
		if found, err := find(t.TempDir(), exec.LookPath); !errors.Is(err, ErrNotFound) {
			t.Errorf("PATH %q: %q, %v", path, found, err)
		}
	}
}

// TestFarswapdDoesNotRun: the file is there and the kernel does not execute it.
func TestFarswapdDoesNotRun(t *testing.T) {
	folder := t.TempDir()
	want := place(t, folder) // empty
	t.Setenv("PATH", folder)
	if err := Farswapd([]string{"donor"}); err == nil || !strings.Contains(err.Error(), "execute "+want) {
		t.Errorf("got %v", err)
	}
}
