package control

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/farswap/farswap/internal/owned"
)

// TestNoFile: a FIFO or a device in the place of any file is refused. Nobody waits for it.
func TestNoFile(t *testing.T) {
	f := newFolders(t)
	open := func() error { _, err := OpenIdentity(IdentityFiles{Dir: f.device, Revoked: f.list}); return err }
	issue := func() error { return Issue(f.ca, filepath.Join(t.TempDir(), "x"), "x", nil) }
	renew := func() error { _, err := Renew(f.ca, f.device); return err }
	list := func() error { _, err := ListIssued(f.ca); return err }
	show := func() error { _, _, _, err := ShowIdentity(f.device); return err }
	for path, uses := range map[string][]func() error{
		filepath.Join(f.device, certFile):   {open, show, renew},
		filepath.Join(f.device, keyFile):    {open},
		filepath.Join(f.device, caCertFile): {open, renew},
		f.list:                              {open},
		filepath.Join(f.ca, caCertFile):     {issue, renew, list},
		filepath.Join(f.ca, caKeyFile):      {issue, renew},
		filepath.Join(f.ca, recordFile):     {issue, list},
	} {
		if err := os.Rename(path, path+".was"); err != nil {
			t.Fatal(err)
		}
		for what, put := range map[string]func() error{
			"a FIFO":   func() error { return unix.Mkfifo(path, 0o600) },
			"a device": func() error { return os.Symlink("/dev/zero", path) },
			"a folder": func() error { return os.Mkdir(path, 0o700) },
		} {
			if err := put(); err != nil {
				t.Fatal(err)
			}
			for i, use := range uses {
				if err := use(); !errors.Is(err, owned.ErrNotRegular) || !strings.Contains(err.Error(), path) {
					t.Errorf("%s as %s, use %d: %v", what, path, i, err)
				}
			}
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.Rename(path+".was", path); err != nil {
			t.Fatal(err)
		}
	}
	if err := open(); err != nil {
		t.Error(err)
	}
}

// TestReloadRefusesNoFile: a FIFO that takes the place of a file that is in use changes nothing.
func TestReloadRefusesNoFile(t *testing.T) {
	f := newFolders(t)
	id := f.open(t, f.device)
	for _, path := range []string{filepath.Join(f.device, certFile), filepath.Join(f.device, caCertFile), f.list} {
		before := *id.now.Load()
		if err := os.Rename(path, path+".was"); err != nil {
			t.Fatal(err)
		}
		if err := unix.Mkfifo(path, 0o600); err != nil {
			t.Fatal(err)
		}
		if news, err := id.Reload(true); len(news) != 0 || !errors.Is(err, owned.ErrNotRegular) {
			t.Errorf("%s: %v, %v", path, news, err)
		}
		if now := *id.now.Load(); now.cert.Leaf != before.cert.Leaf || len(now.anchors) != len(before.anchors) || len(now.revoked) != len(before.revoked) {
			t.Errorf("%s: the identity has changed", path)
		}
		if err := os.Rename(path+".was", path); err != nil {
			t.Fatal(err)
		}
	}
}
