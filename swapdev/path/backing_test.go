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
	c := BackingConfig{Path: path, Size: 1 << 20}
	b, err := OpenBacking(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Size() != 1<<20 || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	if n := allocated(t, path); n < 1<<20 {
		t.Errorf("%d bytes are allocated", n)
	}
	if _, err := OpenBacking(t.Context(), c); !errors.Is(err, ErrBacking) {
		t.Errorf("a second device on it: %v", err)
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	c.Size = 1 << 19 // larger than need be
	b, err = OpenBacking(t.Context(), c)
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
		_, err := OpenBacking(t.Context(), BackingConfig{Path: path, Size: 1 << 20})
		if !errors.Is(err, ErrBacking) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if info, err := os.Stat(small); err != nil || info.Size() != 4096 {
		t.Errorf("the refused file was changed: %v, %v", info, err)
	}
}
