package add

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rs/zerolog"
	"golang.org/x/sys/unix"

	"github.com/farswap/farswap/internal/cli/usage"
	"github.com/farswap/farswap/swapdev"
)

const loopSize = 1 << 20

// openLoopAt opens a file as the command does with these options.
func openLoopAt(path string, o options) (io.Closer, error) {
	_, holds, err := o.openLoop(&plain{name: targetLoop, backing: path})
	return holds, err
}

// TestForeignLoopFilesAreRefused: what others may use, what is no file and what another device uses is
// left as it was, and so is what a swap area would overwrite.
func TestForeignLoopFilesAreRefused(t *testing.T) {
	dir := t.TempDir()
	fs := make([]byte, loopSize)
	copy(fs, "XFSB")
	inMemory := options{inMemory: true, swapon: true} // the folder of tests may be in memory
	for name, c := range map[string]struct {
		content []byte
		options options
		change  func(path string) error
		want    error // nil: any
		says    string
	}{
		"readable":  {nil, options{}, func(path string) error { return os.Chmod(path, 0o644) }, swapdev.ErrShared, "mode 0644"},
		"two names": {nil, options{}, func(path string) error { return os.Link(path, path+"2") }, swapdev.ErrShared, "2 names"},
		"link": {nil, options{}, func(path string) error {
			return errors.Join(os.Rename(path, path+".real"), os.Symlink(path+".real", path))
		}, unix.ELOOP, "link"},
		"FIFO":      {nil, options{}, func(path string) error { return errors.Join(os.Remove(path), unix.Mkfifo(path, 0o600)) }, nil, "neither a file nor a block device"},
		"device":    {nil, options{}, func(path string) error { return errors.Join(os.Remove(path), os.Symlink("/dev/zero", path)) }, nil, "neither a file nor a block device"},
		"folder":    {nil, options{}, func(path string) error { return errors.Join(os.Remove(path), os.Mkdir(path, 0o700)) }, nil, "neither a file nor a block device"},
		"swap":      {fs, inMemory, nil, swapdev.ErrContent, "xfs"},
		"too short": {nil, options{}, func(path string) error { return os.Truncate(path, 4095) }, nil, "4095 bytes"},
	} {
		path := filepath.Join(dir, strings.ReplaceAll(name, " ", "-"))
		content := c.content
		if content == nil {
			content = make([]byte, loopSize)
		}
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		if c.change != nil {
			if err := c.change(path); err != nil {
				t.Fatal(err)
			}
		}
		_, err := openLoopAt(path, c.options)
		if err == nil || c.want != nil && !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v", name, err)
		}
		if c.content == nil { // some of these are no files
			continue
		}
		if now, err := os.ReadFile(path); err != nil || !bytes.Equal(now, content) {
			t.Errorf("%s was changed: %v", name, err)
		}
	}
}

// TestLoopFileOfAnotherUser is of one that root alone can make.
func TestLoopFileOfAnotherUser(t *testing.T) {
	path := filepath.Join(t.TempDir(), "theirs")
	if err := os.WriteFile(path, make([]byte, loopSize), 0o600); err != nil {
		t.Fatal(err)
	}
	want := error(nil)
	if os.Geteuid() == 0 {
		want = swapdev.ErrShared
		if err := os.Chown(path, 12345, 12345); err != nil {
			t.Fatal(err)
		}
	}
	holds, err := openLoopAt(path, options{})
	if !errors.Is(err, want) {
		t.Error(err)
	}
	if holds != nil && holds.Close() != nil {
		t.Error("not closed")
	}
}

// TestLoopFileIsTaken: a file is one device's, until that is gone. What it holds is shown as it is, and
// overwritten where that is meant.
func TestLoopFileIsTaken(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	content := make([]byte, loopSize)
	copy(content, "XFSB")
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, o := range []options{{}, {inMemory: true, swapon: true, overwrite: true}} {
		holds, err := openLoopAt(path, o)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := openLoopAt(path, options{}); !errors.Is(err, swapdev.ErrShared) {
			t.Errorf("a file that is in use: %v", err)
		}
		if err := holds.Close(); err != nil {
			t.Error(err)
		}
	}
	if _, err := (&options{backing: path, overwrite: true}).prepareLoop(zerolog.Nop()); !errors.Is(err, usage.Err) {
		t.Errorf("overwriting nothing: %v", err)
	}
}
