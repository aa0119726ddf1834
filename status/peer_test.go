package status

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// readerEnv names a root. With it the test binary lists the root as a monitor does, asks the server of
// device 3, tells it to stop, and prints what came of it.
const readerEnv = "STATUS_TEST_READER"

// Another user, and the group that may read. Neither exists here.
const (
	monitor      = 65534
	monitorGroup = 12345
)

func readerHelper() int {
	root := os.Getenv(readerEnv)
	folders, err := Folders(root)
	fmt.Printf("listed %d %v\n", len(folders), err)
	path := Socket(StateDir(root, 3))
	d, err := Fetch(context.Background(), path)
	fmt.Printf("asked %d %v\n", d.ID, err)
	err = Stop(context.Background(), path)
	fmt.Printf("stopped %v %v\n", err == nil, errors.Is(err, os.ErrPermission))
	return 0
}

// read runs the reader as another user where the kernel lets this one start it.
func read(t *testing.T, root string, gid uint32) string {
	t.Helper()
	child := exec.Command("/proc/self/exe")
	child.Env = append(os.Environ(), readerEnv+"="+root)
	if os.Geteuid() == 0 {
		child.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: monitor, Gid: gid}}
	}
	out, err := child.CombinedOutput()
	must(t, err)
	return string(out)
}

// serveShared serves device 3 in a root that is shared with a group, as its administrator makes it.
func serveShared(t *testing.T) (root string, stops *int) {
	t.Helper()
	folder, err := os.MkdirTemp("/tmp", "farswap-status") // its parents let other users through
	must(t, err)
	t.Cleanup(func() { must(t, os.RemoveAll(folder)) })
	root, stops = filepath.Join(folder, "run"), new(int)
	must(t, os.Chmod(folder, 0o755), os.Mkdir(root, 0o755))
	if os.Geteuid() == 0 {
		must(t, os.Chown(root, 0, monitorGroup))
	}
	must(t, os.Chmod(root, 0o775|os.ModeSticky))
	lock, err := Acquire(StateDir(root, 3))
	must(t, err)
	s, err := ServeDevice(Socket(lock.Dir()), device{shows: Device{Schema: Schema, ID: 3}, stops: func() error { *stops++; return nil }})
	must(t, err)
	t.Cleanup(func() { must(t, s.Close(), lock.Remove()) })
	return root, stops
}

// TestGroupAsksAndChangesNothing: the group of a shared root sees what there is, and a server obeys
// root and its own user only.
func TestGroupAsksAndChangesNothing(t *testing.T) {
	root, stops := serveShared(t)
	want, obeyed := "listed 1 <nil>\nasked 3 <nil>\nstopped false true\n", 0
	if os.Geteuid() != 0 { // the reader is the server's own user
		want, obeyed = "listed 1 <nil>\nasked 3 <nil>\nstopped true false\n", 1
	}
	if got := read(t, root, monitorGroup); got != want || *stops != obeyed {
		t.Errorf("the reader said %q, want %q; %d stops", got, want, *stops)
	}
	if os.Geteuid() == 0 {
		if got := read(t, root, monitor); !strings.Contains(got, "permission denied") || strings.Contains(got, "asked 3") {
			t.Errorf("a stranger to the group said %q", got)
		}
	}
}

// TestOnlyOwnerChanges: who is unknown may ask.
func TestOnlyOwnerChanges(t *testing.T) {
	own := uint32(os.Geteuid())
	for _, c := range []struct {
		who    any
		method string
		want   int
	}{
		{own, http.MethodPost, http.StatusOK},
		{uint32(0), http.MethodPost, http.StatusOK},
		{own + monitor, http.MethodGet, http.StatusOK},
		{own + monitor, http.MethodPost, http.StatusForbidden},
		{own + monitor, http.MethodPut, http.StatusForbidden},
		{nobody, http.MethodPost, http.StatusForbidden},
		{nil, http.MethodPost, http.StatusForbidden},
		{nil, http.MethodGet, http.StatusOK},
	} {
		w, r := httptest.NewRecorder(), httptest.NewRequest(c.method, "/stop", nil)
		handler := onlyOwnerChanges(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
		handler.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), peerKey{}, c.who)))
		if w.Code != c.want {
			t.Errorf("%s by %v: %d, want %d", c.method, c.who, w.Code, c.want)
		}
	}
}
