package path

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestBackingFileIsMade(t *testing.T) {
	path := filepath.Join(t.TempDir(), "backing")
	b, err := OpenBacking(path, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Size() != 1<<20 || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	if _, err := OpenBacking(path, 1<<20); !errors.Is(err, ErrBacking) {
		t.Errorf("a second device on it: %v", err)
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	b, err = OpenBacking(path, 1<<19) // larger than need be
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Discard(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Error("a file that was there before was removed")
	}
}

func TestBackingFileIsRefused(t *testing.T) {
	dir := t.TempDir()
	small := filepath.Join(dir, "small")
	if err := os.WriteFile(small, make([]byte, 4096), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, path := range map[string]string{
		"small": small, "folder": dir, "nowhere": filepath.Join(dir, "no", "such", "folder"), "not a disk": "/dev/null",
	} {
		_, err := OpenBacking(path, 1<<20)
		if !errors.Is(err, ErrBacking) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if info, err := os.Stat(small); err != nil || info.Size() != 4096 {
		t.Errorf("the refused file was changed: %v, %v", info, err)
	}
}
