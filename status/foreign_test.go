package status

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

func must(t *testing.T, errs ...error) {
	t.Helper()
	for _, err := range errs {
		if err != nil {
			t.Fatal(err)
		}
	}
}

// TestForeignFoldersAreRefused: a server neither follows links nor takes, empties or removes what
// no server has made.
func TestForeignFoldersAreRefused(t *testing.T) {
	precious := func(t *testing.T, path string) string {
		t.Helper()
		must(t, os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte("precious"), 0o600))
		return path
	}
	for name, plant := range map[string]func(t *testing.T, root, dir string) (kept string){
		"a link to a folder": func(t *testing.T, root, dir string) string {
			kept := precious(t, filepath.Join(root, "elsewhere", "file"))
			must(t, os.WriteFile(filepath.Join(root, "elsewhere", lockName), nil, 0o600), os.Symlink("elsewhere", dir))
			return kept
		},
		"a lock that is a link": func(t *testing.T, root, dir string) string {
			kept := precious(t, filepath.Join(root, "target"))
			must(t, os.Mkdir(dir, 0o700), os.Symlink(kept, filepath.Join(dir, lockName)))
			return kept
		},
		"a lock with another name": func(t *testing.T, root, dir string) string {
			kept := precious(t, filepath.Join(root, "target"))
			must(t, os.Mkdir(dir, 0o700), os.Link(kept, filepath.Join(dir, lockName)))
			return kept
		},
		"a lock that is none": func(t *testing.T, _, dir string) string {
			return precious(t, filepath.Join(dir, lockName))
		},
		"a lock that is a FIFO": func(t *testing.T, _, dir string) string {
			kept := precious(t, filepath.Join(dir, "file"))
			must(t, unix.Mkfifo(filepath.Join(dir, lockName), 0o600))
			return kept
		},
		"a folder with files": func(t *testing.T, _, dir string) string {
			return precious(t, filepath.Join(dir, "file"))
		},
		"an empty folder": func(t *testing.T, root, dir string) string {
			must(t, os.Mkdir(dir, 0o700))
			return precious(t, filepath.Join(root, "other"))
		},
		"a folder for others": func(t *testing.T, _, dir string) string {
			kept := precious(t, filepath.Join(dir, lockName))
			must(t, os.Chmod(dir, 0o755))
			return kept
		},
		"a root for others": func(t *testing.T, root, _ string) string {
			must(t, os.Chmod(root, 0o777))
			return precious(t, filepath.Join(root, "other"))
		},
		"a file": func(t *testing.T, _, dir string) string { return precious(t, dir) },
	} {
		t.Run(name, func(t *testing.T) {
			root := filepath.Join(t.TempDir(), "root")
			must(t, os.Mkdir(root, 0o700))
			dir := StateDir(root, 4)
			kept := plant(t, root, dir)
			if l, err := Acquire(dir); !errors.Is(err, ErrForeign) {
				t.Errorf("got %v, %v", l, err)
			}
			if text, err := os.ReadFile(kept); err != nil || string(text) != "precious" {
				t.Errorf("%s: %q, %v", kept, text, err)
			}
			if _, err := os.Lstat(dir); err != nil && name != "a root for others" {
				t.Errorf("%s is gone: %v", dir, err)
			}
			if _, alive, err := Holder(dir); alive || err != nil {
				t.Errorf("holder: %v, %v", alive, err)
			}
		})
	}
}

// TestRootIsNoLink: the root of state folders is refused if it is a link.
func TestRootIsNoLink(t *testing.T) {
	dir := t.TempDir()
	must(t, os.Mkdir(filepath.Join(dir, "real"), 0o755), os.Symlink("real", filepath.Join(dir, "root")))
	if _, err := Acquire(StateDir(filepath.Join(dir, "root"), 0)); !errors.Is(err, ErrForeign) || !errors.Is(err, ErrRoot) {
		t.Errorf("got %v", err)
	}
	if left, err := os.ReadDir(filepath.Join(dir, "real")); err != nil || len(left) > 0 {
		t.Errorf("made behind the link: %v, %v", left, err)
	}
}

// TestRemoveKeepsWhatOthersMade: a server removes its own files, and its folder only if nothing else
// is in it. The next server takes such a folder again.
func TestRemoveKeepsWhatOthersMade(t *testing.T) {
	dir := StateDir(t.TempDir(), 5)
	l, err := Acquire(dir)
	must(t, err)
	notes, below := filepath.Join(dir, "notes"), filepath.Join(dir, "folder", "file")
	must(t, os.WriteFile(notes, []byte("precious"), 0o600), os.Mkdir(filepath.Dir(below), 0o700),
		os.WriteFile(below, nil, 0o600), os.WriteFile(Socket(dir), nil, 0o600))
	must(t, l.Remove())
	for path, stays := range map[string]bool{notes: true, below: true, Socket(dir): false} {
		if _, err := os.Stat(path); (err == nil) != stays {
			t.Errorf("%s: %v", path, err)
		}
	}
	if pid, alive, err := Holder(dir); pid != 0 || alive || err != nil {
		t.Errorf("holder: %d, %v, %v", pid, alive, err)
	}
	l, err = Acquire(dir)
	must(t, err)
	if l.Used() {
		t.Error("a folder that its server left well counts as a dead server's")
	}
	must(t, os.Remove(notes), os.Remove(below), os.Remove(filepath.Dir(below)), l.Remove())
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the folder is left: %v", err)
	}
}
