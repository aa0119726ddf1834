package owned

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// other is a user who is neither root nor the one that runs the tests.
const other = 12345

func must(t *testing.T, errs ...error) {
	t.Helper()
	for _, err := range errs {
		if err != nil {
			t.Fatal(err)
		}
	}
}

// give gives a file to another user, which root alone may do. Elsewhere it reports false: the
// kernel does not let such a file come into being.
func give(t *testing.T, path string) bool {
	t.Helper()
	if os.Geteuid() != 0 {
		return false
	}
	must(t, os.Lchown(path, other, other))
	return true
}

func TestRoot(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a", "b")
	root, err := Root(path)
	must(t, err)
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o755 || root.Path() != path {
		t.Errorf("%v, %v, %s", info, err, root.Path())
	}
	must(t, root.Close())
	must(t, os.Symlink("a", filepath.Join(dir, "own")), os.Symlink(filepath.Join(dir, "a"), filepath.Join(dir, "absolute")))
	for _, through := range []string{"own/b", "absolute/b", "a/../a/b"} {
		root, err := Root(filepath.Join(dir, through))
		must(t, err)
		if names, err := root.Names(); err != nil || len(names) > 0 {
			t.Errorf("%s: %q, %v", through, names, err)
		}
		must(t, root.Close())
	}
}

func TestRootIsRefused(t *testing.T) {
	dir := t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }
	must(t, os.Mkdir(path("real"), 0o755), os.Symlink("real", path("link")), os.WriteFile(path("file"), nil, 0o600),
		os.Mkdir(path("open"), 0o755), os.Chmod(path("open"), 0o777), os.Mkdir(path("group"), 0o755), os.Chmod(path("group"), 0o775),
		os.Symlink("loop", path("loop")))
	refused := []string{"link", "file", "file/below", "open", "open/below", "group"}
	must(t, os.Mkdir(path("theirs"), 0o755), os.Symlink("real", path("theirlink")))
	if give(t, path("theirs")) && give(t, path("theirlink")) {
		refused = append(refused, "theirs", "theirs/below", "theirlink/below")
	}
	for _, name := range refused {
		if _, err := Root(path(name)); !errors.Is(err, ErrForeign) || !strings.Contains(err.Error(), dir) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := Root(path("loop/below")); !errors.Is(err, unix.ELOOP) {
		t.Errorf("a link to itself: %v", err)
	}
	must(t, os.Chmod(path("open"), 0o777|os.ModeSticky))
	root, err := Root(path("open/below"))
	must(t, err)
	must(t, root.Close())
	if names, err := os.ReadDir(path("real")); err != nil || len(names) > 0 {
		t.Errorf("made behind a link: %v, %v", names, err)
	}
}

func openRoot(t *testing.T) (*Folder, string) {
	t.Helper()
	dir := t.TempDir()
	root, err := Root(dir)
	must(t, err)
	t.Cleanup(func() { must(t, root.Close()) })
	return root, dir
}

func TestFolder(t *testing.T) {
	root, dir := openRoot(t)
	folder, err := root.Make("f")
	must(t, err)
	f, err := folder.OpenFile("lock", unix.O_CREAT|unix.O_EXCL)
	must(t, err)
	_, err = f.WriteString("7\n")
	must(t, err, f.Close())
	if _, err := root.Make("f"); !errors.Is(err, unix.EEXIST) {
		t.Errorf("made twice: %v", err)
	}
	for range 2 {
		if names, err := folder.Names(); err != nil || len(names) != 1 || names[0] != "lock" {
			t.Errorf("%q, %v", names, err)
		}
	}
	second, err := root.Make("g")
	must(t, err)
	if err := root.Rename("g", "f"); err == nil {
		t.Error("a folder with a file in it was replaced")
	}
	if !root.Has("f", folder) || root.Has("f", second) || root.Has("h", folder) {
		t.Error("names and folders are confused")
	}
	must(t, root.Rename("f", "h"))
	if !root.Has("h", folder) {
		t.Error("the renamed folder is another")
	}
	must(t, folder.Remove("lock"), folder.Remove("lock"), root.RemoveFolder("h"), root.RemoveFolder("g"), root.RemoveFolder("g"), folder.Close(), second.Close())
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left: %v, %v", left, err)
	}
}

func TestFolderIsRefused(t *testing.T) {
	root, dir := openRoot(t)
	path := func(name string) string { return filepath.Join(dir, name) }
	must(t, os.Mkdir(path("real"), 0o700), os.Symlink("real", path("link")), os.WriteFile(path("file"), nil, 0o600),
		os.Mkdir(path("open"), 0o750), os.Mkdir(path("theirs"), 0o700))
	refused := []string{"link", "file", "open"}
	if give(t, path("theirs")) {
		refused = append(refused, "theirs")
	}
	for _, name := range refused {
		if _, err := root.Open(name); !errors.Is(err, ErrForeign) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := root.Open("nothing"); !errors.Is(err, unix.ENOENT) {
		t.Errorf("nothing: %v", err)
	}
}

// TestFileIsRefused: a file that is not private is neither emptied nor waited for.
func TestFileIsRefused(t *testing.T) {
	root, dir := openRoot(t)
	path := func(name string) string { return filepath.Join(dir, name) }
	for _, name := range []string{"target", "readable", "twice", "theirs"} {
		must(t, os.WriteFile(path(name), []byte("precious"), 0o600))
	}
	must(t, os.Symlink("target", path("link")), os.Symlink("new", path("dangling")), os.Chmod(path("readable"), 0o644),
		os.Link(path("twice"), path("name2")), unix.Mkfifo(path("fifo"), 0o600), os.Mkdir(path("folder"), 0o700))
	refused := []string{"link", "dangling", "readable", "twice", "fifo", "folder"}
	if give(t, path("theirs")) {
		refused = append(refused, "theirs")
	}
	for _, name := range refused {
		for _, flags := range []int{0, unix.O_CREAT, unix.O_TRUNC} {
			if flags == unix.O_TRUNC && !strings.Contains("link dangling", name) {
				continue // no caller truncates before the check
			}
			if f, err := root.OpenFile(name, flags); !errors.Is(err, ErrForeign) {
				t.Errorf("%s, flags %x: %v, %v", name, flags, f, err)
			}
		}
	}
	for _, name := range []string{"target", "readable", "twice", "theirs"} {
		if text, err := os.ReadFile(path(name)); err != nil || string(text) != "precious" {
			t.Errorf("%s: %q, %v", name, text, err)
		}
	}
	if _, err := os.Lstat(path("new")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("made behind a link: %v", err)
	}
	if _, err := root.OpenFile("nothing", 0); !errors.Is(err, unix.ENOENT) {
		t.Errorf("nothing: %v", err)
	}
}

func TestDeviceIsRefused(t *testing.T) {
	f, err := os.Open("/dev/null")
	must(t, err)
	defer f.Close()
	if err := CheckDevice(f, "/dev/null"); !errors.Is(err, ErrForeign) {
		t.Errorf("a device that is no disk: %v", err)
	}
	if os.Geteuid() != 0 {
		return
	}
	for mode, ok := range map[os.FileMode]bool{0o660: true, 0o600: true, 0o666: false, 0o664: false} {
		// The test makes a device that no driver has, so it is opened as a path alone.
		path := filepath.Join(t.TempDir(), "disk")
		if err := unix.Mknod(path, unix.S_IFBLK|0o600, int(unix.Mkdev(240, 99))); err != nil {
			t.Fatal(err)
		}
		must(t, os.Chmod(path, mode))
		fd, err := unix.Open(path, unix.O_PATH|unix.O_CLOEXEC, 0)
		must(t, err)
		disk := os.NewFile(uintptr(fd), path)
		if err := CheckDevice(disk, path); (err == nil) != ok || err != nil && !errors.Is(err, ErrForeign) {
			t.Errorf("mode %o: %v", mode, err)
		}
		must(t, disk.Close())
	}
}

func TestReplace(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "page.html")
	text := func(text string) func(io.Writer) error {
		return func(w io.Writer) error { _, err := fmt.Fprint(w, text); return err }
	}
	must(t, Replace(path, text("one")), Replace(path, text("two")))
	broken := errors.New("broken")
	if err := Replace(path, func(w io.Writer) error { return errors.Join(text("half")(w), broken) }); !errors.Is(err, broken) {
		t.Error(err)
	}
	if got, err := os.ReadFile(path); err != nil || string(got) != "two" {
		t.Errorf("%q, %v", got, err)
	}
	target, link := filepath.Join(dir, "target"), filepath.Join(dir, "link")
	must(t, os.WriteFile(target, []byte("precious"), 0o600), os.Symlink(target, link))
	for _, refused := range []string{link, dir, "/dev/null"} {
		if err := Replace(refused, text("lost")); !errors.Is(err, ErrForeign) {
			t.Errorf("%s: %v", refused, err)
		}
	}
	if got, err := os.ReadFile(target); err != nil || string(got) != "precious" {
		t.Errorf("behind a link: %q, %v", got, err)
	}
	if files, err := os.ReadDir(dir); err != nil || len(files) != 3 {
		t.Errorf("left: %v, %v", files, err)
	}
}
