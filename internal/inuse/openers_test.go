package inuse

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// TestOpeners: who has the device open is found by its node's name, also after the node is gone.
func TestOpeners(t *testing.T) {
	root := t.TempDir()
	write(t, root, map[string]string{"proc/12/comm": "mkfs.ext4\n", "proc/13/comm": "dd\n", "proc/14/comm": "cat\n"})
	for file, to := range map[string]string{
		"proc/12/fd/3": "/dev/ublkb1",
		"proc/12/fd/4": "/dev/ublkb1",
		"proc/13/fd/0": "/dev/ublkb1p2 (deleted)",
		"proc/14/fd/0": "/dev/ublkb10",
		"proc/14/fd/1": "socket:[ublkb1]",
		"proc/14/fd/2": "/dev/ublkb1pool",
		"proc/15/fd/0": "/chroot/dev/ublkb1",
	} {
		path := filepath.Join(root, file)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(to, path); err != nil {
			t.Fatal(err)
		}
	}
	want := []Opener{{12, "mkfs.ext4"}, {13, "dd"}, {15, ""}}
	if got := openers(root, "ublkb1"); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if got := want[0].String(); got != "process 12 (mkfs.ext4)" {
		t.Error(got)
	}
}

// TestOpenersHere finds this process, by the file that it has open.
func TestOpenersHere(t *testing.T) {
	f, err := os.Create(filepath.Join(t.TempDir(), "nothing-of-this-name"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := os.Remove(f.Name()); err != nil {
		t.Fatal(err)
	}
	if got := Openers(f.Name()); len(got) != 1 || got[0].PID != os.Getpid() {
		t.Errorf("got %v", got)
	}
}
