package devserver

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/farswap/farswap/status"
	"github.com/farswap/farswap/ublk"
)

const testID = 7

// testServer is a server that has got no further than its state folder.
func testServer(t *testing.T, root string) *Server {
	t.Helper()
	s := &Server{config: Config{StateRoot: root}}
	if err := s.takeFolder(testID); err != nil {
		t.Fatal(err)
	}
	return s
}

// TestFolderGoesWithTheDevice: a device that was not made leaves nothing.
func TestFolderGoesWithTheDevice(t *testing.T) {
	root := t.TempDir()
	s := testServer(t, root)
	second := &Server{config: s.config}
	if err := second.takeFolder(testID); !errors.Is(err, status.ErrStateInUse) {
		t.Errorf("a second server: %v", err)
	}
	if err := second.leaveFolder(true); err != nil {
		t.Errorf("a second server, which has no folder: %v", err)
	}
	if err := s.explain(ublk.ErrIDTaken); errors.Is(err, ErrLeft) || !errors.Is(err, ublk.ErrIDTaken) {
		t.Errorf("a number that another program has: %v", err)
	}
	if err := s.leaveFolder(true); err != nil {
		t.Fatal(err)
	}
	if files, err := os.ReadDir(root); err != nil || len(files) > 0 {
		t.Errorf("left behind: %v, %v", files, err)
	}
}

// TestFolderStaysWithTheDevice: `ublk del` needs the folder of a device that the kernel still
// has.
func TestFolderStaysWithTheDevice(t *testing.T) {
	root := t.TempDir()
	s := testServer(t, root)
	kept := filepath.Join(s.lock.Dir(), "map")
	if err := os.WriteFile(kept, []byte("pages"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := s.leaveFolder(false); err != nil {
		t.Fatal(err)
	}
	// The next server finds it, is told why, and leaves it as it was.
	next := testServer(t, root)
	if err := next.explain(ublk.ErrIDTaken); !errors.Is(err, ErrLeft) || !errors.Is(err, ublk.ErrIDTaken) || !strings.Contains(err.Error(), next.lock.Dir()) {
		t.Errorf("got %v", err)
	}
	if err := next.leaveFolder(true); err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(kept); err != nil || string(text) != "pages" {
		t.Errorf("%q, %v", text, err)
	}
	if _, alive, err := status.Holder(next.lock.Dir()); alive || err != nil {
		t.Errorf("still held: %v, %v", alive, err)
	}
}
