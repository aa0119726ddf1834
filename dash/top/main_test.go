package top

import (
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/farswap/farswap/dash/dashtest"
	"github.com/farswap/farswap/dash/feed"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// start is the time at which the worlds of tests begin, on a clock that tests turn.
var start = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// rig is a world with its servers and a feed that looks at them.
type rig struct {
	world   *dashtest.World
	servers *dashtest.Servers
	feed    *feed.Feed
	root    string
}

func newRig(t *testing.T) *rig {
	t.Helper()
	dir, err := os.MkdirTemp("", "top") // short: the path of a socket may have 107 bytes
	if err != nil {
		t.Fatal(err)
	}
	w := dashtest.New(1, start)
	s, err := dashtest.Serve(dir, w)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		os.RemoveAll(dir)
	})
	return &rig{w, s, feed.New(feed.Config{Root: dir}), dir}
}

// run lets seconds of the world pass, with a poll after each.
func (r *rig) run(t *testing.T, seconds int) {
	t.Helper()
	for range seconds {
		r.world.Step(time.Second)
		r.feed.Poll(t.Context())
	}
}

// snapshot is what there is to show now.
func (r *rig) snapshot() *snapshot {
	return take(r.feed, dashtest.DeviceID, 4000, time.Now())
}

// requireMatch wants a regular expression to match.
func requireMatch(t *testing.T, text, want string) {
	t.Helper()
	if !regexp.MustCompile(want).MatchString(text) {
		t.Errorf("nothing matches %q in:\n%s", want, text)
	}
}

// lines are those of a frame, without styles.
func lines(frame string) []string { return strings.Split(stripped(frame), "\n") }
