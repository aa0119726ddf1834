package path

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/farswap/farswap/internal/owned"
	"github.com/farswap/farswap/offheap"
)

const testSize = 1 << 20

func mustAll(t *testing.T, errs ...error) {
	t.Helper()
	for _, err := range errs {
		if err != nil {
			t.Fatal(err)
		}
	}
}

func content(size int64, at int, text string) []byte {
	b := make([]byte, size)
	copy(b[at:], text)
	return b
}

// TestForeignBackingFilesAreRefused: what others may use, what is in memory and what holds something
// is left as it was.
func TestForeignBackingFilesAreRefused(t *testing.T) {
	dir := t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }
	for name, c := range map[string]struct {
		content []byte
		change  func(path string) error
		want    error
	}{
		"swap":         {content(testSize, 4086, "SWAPSPACE2"), nil, ErrContent},
		"xfs":          {content(testSize, 0, "XFSB"), nil, ErrContent},
		"LUKS":         {content(testSize, 0, "LUKS\xba\xbe"), nil, ErrContent},
		"readable":     {make([]byte, testSize), func(path string) error { return os.Chmod(path, 0o644) }, ErrShared},
		"of the group": {make([]byte, testSize), func(path string) error { return os.Chmod(path, 0o660) }, ErrShared},
		"two names":    {make([]byte, testSize), func(path string) error { return os.Link(path, path+"2") }, ErrShared},
		"link": {make([]byte, testSize), func(path string) error {
			return errors.Join(os.Rename(path, path+".real"), os.Symlink(path+".real", path))
		}, ErrShared},
		"dangling link": {make([]byte, testSize), func(path string) error {
			return errors.Join(os.Remove(path), os.Symlink("nowhere", path))
		}, nil},
		"another user's": {make([]byte, testSize), func(path string) error {
			if os.Geteuid() != 0 {
				return os.Chmod(path, 0o604) // no other user's file can be made
			}
			return os.Chown(path, 12345, 12345)
		}, ErrShared},
		"FIFO": {nil, func(path string) error { return errors.Join(os.Remove(path), unix.Mkfifo(path, 0o600)) }, ErrBacking},
	} {
		path := path(strings.ReplaceAll(name, " ", "-"))
		mustAll(t, os.WriteFile(path, c.content, 0o600))
		if c.change != nil {
			mustAll(t, c.change(path))
		}
		_, err := OpenBacking(t.Context(), BackingConfig{Path: path, Size: testSize})
		if !errors.Is(err, ErrBacking) || c.want != nil && !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
		if c.want == ErrShared && !strings.Contains(name, "link") && !errors.Is(err, owned.ErrForeign) {
			t.Errorf("%s: %v", name, err)
		}
		if c.want == nil || c.want == ErrBacking { // no file to read
			continue
		}
		if now, err := os.ReadFile(path); err != nil || !bytes.Equal(now, c.content) {
			t.Errorf("%s was changed: %v", name, err)
		}
	}
	if _, err := os.Lstat(path("nowhere")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("made behind a link: %v", err)
	}
}

// TestOverwrite: who says so overwrites what is there.
func TestOverwrite(t *testing.T) {
	path := filepath.Join(t.TempDir(), "swap")
	mustAll(t, os.WriteFile(path, content(testSize, 4086, "SWAPSPACE2"), 0o600))
	b, err := OpenBacking(t.Context(), BackingConfig{Path: path, Size: testSize, Overwrite: true})
	mustAll(t, err, b.Close())
}

// TestFormerBackingFile: the backing file of a server that was killed has the header of the swap area
// on the device, and is taken again.
func TestFormerBackingFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "backing")
	for round := range 3 {
		b, err := OpenBacking(t.Context(), BackingConfig{Path: path, Size: testSize})
		if err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
		mustAll(t, writePage(b, 0, content(4096, 4086, "SWAPSPACE2")), b.Close())
	}
	// A file that the user made, and a swap area that farswap made on the device.
	path += ".users"
	header := content(4096, 4086, "SWAPSPACE2")
	copy(header[1052:], SwapLabel)
	mustAll(t, os.WriteFile(path, append(header, make([]byte, testSize)...), 0o600))
	b, err := OpenBacking(t.Context(), BackingConfig{Path: path, Size: testSize})
	mustAll(t, err, b.Close())
}

func writePage(b *BackingFile, page int64, text []byte) error {
	mem, err := offheap.Map(4096, offheap.Options{})
	if err != nil {
		return err
	}
	copy(mem, text)
	return errors.Join(b.WritePages(mem, page), offheap.Unmap(mem))
}

func TestInMemory(t *testing.T) {
	dir, err := os.MkdirTemp("/dev/shm", "backing")
	mustAll(t, err)
	defer os.RemoveAll(dir)
	c := BackingConfig{Path: filepath.Join(dir, "file"), Size: testSize}
	b, err := OpenBacking(t.Context(), c)
	if err == nil {
		_ = b.Discard()
	}
	if !errors.Is(err, ErrInMemory) && !strings.Contains(err.Error(), "O_DIRECT") { // before Linux 6.6
		t.Errorf("got %v", err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left: %v, %v", left, err)
	}
}

// TestErase: nothing of a page is left when a device has ended.
func TestErase(t *testing.T) {
	dir := t.TempDir()
	secret := bytes.Repeat([]byte("secret.."), 512)
	for name, size := range map[string]int64{"full": testSize, "larger": testSize + 12345} {
		path := filepath.Join(dir, name)
		mustAll(t, os.WriteFile(path, bytes.Repeat([]byte{7}, int(size)), 0o600))
		before := allocated(t, path)
		b, err := OpenBacking(t.Context(), BackingConfig{Path: path, Size: testSize})
		mustAll(t, err, writePage(b, 3, secret), b.Erase())
		now, err := os.ReadFile(path)
		if err != nil || int64(len(now)) != size || !bytes.Equal(now[:testSize], make([]byte, testSize)) {
			t.Errorf("%s: %d bytes, %v; the secret is at %d", name, len(now), err, bytes.Index(now, secret[:8]))
		}
		if n := allocated(t, path); n < before {
			t.Errorf("%s: %d of %d allocated bytes are left", name, n, before)
		}
	}
	path := filepath.Join(dir, "made")
	b, err := OpenBacking(t.Context(), BackingConfig{Path: path, Size: testSize})
	mustAll(t, err, writePage(b, 3, secret), b.Erase(), (*BackingFile)(nil).Erase())
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the file that was made is left: %v", err)
	}
	// Somebody else's file has the name by now.
	b, err = OpenBacking(t.Context(), BackingConfig{Path: path, Size: testSize})
	mustAll(t, err, os.Remove(path), os.WriteFile(path, nil, 0o600), b.Erase())
	if _, err := os.Stat(path); err != nil {
		t.Errorf("another file of that name was removed: %v", err)
	}
}

// TestSparseFileWithoutRoom: a disk that has less than the device may write is told of at the start.
func TestSparseFileWithoutRoom(t *testing.T) {
	var told []string
	c := BackingConfig{Path: filepath.Join(t.TempDir(), "sparse"), Size: 1 << 42, Sparse: true, Warn: func(text string) { told = append(told, text) }}
	for range 2 {
		b, err := OpenBacking(t.Context(), c)
		mustAll(t, err, b.Close())
	}
	if len(told) != 2 || !strings.Contains(told[0], "lacks") {
		t.Errorf("told %q", told)
	}
}
