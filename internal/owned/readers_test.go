package owned

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// shared is a root with a mode and, where the kernel allows it, the group of another user. It returns
// the group.
func shared(t *testing.T, mode os.FileMode) (root *Folder, dir string, gid int) {
	t.Helper()
	dir, gid = t.TempDir(), os.Getegid()
	if os.Geteuid() == 0 {
		gid = other
		must(t, os.Chown(dir, 0, gid))
	}
	must(t, os.Chmod(dir, mode))
	root, err := Root(dir)
	must(t, err)
	t.Cleanup(func() { must(t, root.Close()) })
	return root, dir, gid
}

func requireMode(t *testing.T, path string, mode os.FileMode, gid int) {
	t.Helper()
	var s unix.Stat_t
	must(t, unix.Stat(path, &s))
	if os.FileMode(s.Mode&0o7777) != mode || int(s.Gid) != gid {
		t.Errorf("%s has mode %04o and group %d, want %04o and %d", path, s.Mode&0o7777, s.Gid, mode, gid)
	}
}

// makeRead makes a folder with a file, and lets the root's readers read both.
func makeRead(t *testing.T, root *Folder) {
	t.Helper()
	folder, err := root.Make("f")
	must(t, err)
	f, err := folder.OpenFile("lock", unix.O_CREAT|unix.O_EXCL)
	must(t, err, folder.LetRead(f), f.Close(), folder.Close())
}

// TestGroupReads: a root that is shared with a group lets it read what is made known to it, and
// nothing lets it write there.
func TestGroupReads(t *testing.T) {
	root, dir, gid := shared(t, 0o775|os.ModeSticky)
	if got, ok := root.Readers(); got != gid || !ok {
		t.Errorf("readers: %d, %v, want %d", got, ok, gid)
	}
	makeRead(t, root)
	folder, lock := filepath.Join(dir, "f"), filepath.Join(dir, "f", "lock")
	requireMode(t, folder, 0o710, gid)
	requireMode(t, lock, 0o640, gid)
	again, err := root.Open("f")
	must(t, err)
	f, err := again.OpenFile("lock", 0)
	must(t, err, f.Close())
	for _, mode := range []os.FileMode{0o660, 0o644, 0o642} {
		must(t, os.Chmod(lock, mode))
		if _, err := again.OpenFile("lock", 0); !errors.Is(err, ErrForeign) {
			t.Errorf("a file of mode %o: %v", mode, err)
		}
	}
	must(t, again.Close())
	for _, mode := range []os.FileMode{0o730, 0o711, 0o770} {
		must(t, os.Chmod(folder, mode))
		if _, err := root.Open("f"); !errors.Is(err, ErrForeign) {
			t.Errorf("a folder of mode %o: %v", mode, err)
		}
	}
	if os.Geteuid() == 0 {
		must(t, os.Chmod(folder, 0o710), os.Chown(folder, 0, gid+1))
		if _, err := root.Open("f"); !errors.Is(err, ErrForeign) {
			t.Errorf("a folder for another group: %v", err)
		}
	}
}

// TestGroupDoesNotRead: a root that is not shared with one group has private folders only.
func TestGroupDoesNotRead(t *testing.T) {
	for _, mode := range []os.FileMode{0o755, 0o755 | os.ModeSticky, 0o777 | os.ModeSticky, 0o750} {
		root, dir, _ := shared(t, mode)
		if gid, ok := root.Readers(); ok {
			t.Errorf("mode %v: group %d reads", mode, gid)
		}
		makeRead(t, root)
		requireMode(t, filepath.Join(dir, "f"), 0o700, os.Getegid())
		requireMode(t, filepath.Join(dir, "f", "lock"), 0o600, os.Getegid())
	}
}
