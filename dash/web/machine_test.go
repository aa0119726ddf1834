//go:build browser

package web

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/farswap/farswap/status"
)

var (
	liveURL = flag.String("live.url", "", "address of the dashboard of the virtual machine of vmtest/dash-live")
	liveDir = flag.String("live.dir", "", "folder that this process and that machine share")
)

// orderPatience is how long the emulated machine may take to carry out an order.
const orderPatience = time.Minute

// machine is the virtual machine that vmtest/dash-live started, which says what it can be
// told.
type machine struct {
	t   *testing.T
	dir string
}

// order tells it something, and returns what came of it.
func (m *machine) order(words ...string) []byte {
	m.t.Helper()
	path := filepath.Join(m.dir, "order")
	text := strings.Join(words, " ")
	if err := errors.Join(os.WriteFile(path+".new", []byte(text+"\n"), 0o644), os.Rename(path+".new", path)); err != nil {
		m.t.Fatal(err)
	}
	for deadline := time.Now().Add(orderPatience); ; time.Sleep(50 * time.Millisecond) {
		if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
			break
		}
		if time.Now().After(deadline) {
			m.t.Fatalf("the machine does not do %q within %v", text, orderPatience)
		}
	}
	answer, err := os.ReadFile(filepath.Join(m.dir, "answer"))
	if err != nil {
		m.t.Fatal(err)
	}
	return answer
}

// status is what `farswap ublk status --json` says there now.
func (m *machine) status() *status.Device {
	m.t.Helper()
	var d status.Device
	answer := m.order("status")
	if err := json.Unmarshal(answer, &d); err != nil {
		m.t.Fatalf("%v: %.300s", err, answer)
	}
	return &d
}

// token is the dashboard's.
func (m *machine) token() string {
	m.t.Helper()
	token, err := os.ReadFile(filepath.Join(m.dir, "token"))
	if err != nil {
		m.t.Fatal(err)
	}
	return string(bytes.TrimSpace(token))
}

// await waits for what tells nothing, and fails with what it told last.
func await(t *testing.T, what string, patience time.Duration, wrong func() []string) {
	t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(200 * time.Millisecond) {
		left := wrong()
		if len(left) == 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Errorf("%s: after %v there is still\n%s", what, patience, strings.Join(left, "\n"))
			return
		}
	}
}
