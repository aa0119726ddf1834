package doctor

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/farswap/farswap/internal/cli/launch"
	"github.com/farswap/farswap/internal/cli/program"
	"github.com/farswap/farswap/internal/machine"
)

// goodServer is the check of a farswapd that is as it should be.
var goodServer = check{Area: areaProgram, Name: program.Farswapd, State: machine.OK, Found: "/usr/bin/farswapd, of the same build"}

func TestServer(t *testing.T) {
	here := program.Info{Version: "v1.2.0", Commit: "abc"}
	for name, tc := range map[string]struct {
		findErr, askErr error
		there           program.Info
		state           machine.State
		found           string
	}{
		"same":           {there: program.Info{Version: "v1.2.0", Commit: "abc", Go: "go1.0"}, state: machine.OK, found: "/usr/bin/farswapd, of the same build"},
		"another commit": {there: program.Info{Version: "v1.2.0", Commit: "def"}, state: machine.Warn, found: "v1.2.0 commit def, and farswap is v1.2.0 commit abc"},
		"older":          {there: program.Info{Version: "v1.1.0"}, state: machine.Warn, found: "v1.1.0, and farswap is v1.2.0"},
		"not there":      {findErr: launch.ErrNotFound, state: machine.Missing, found: "cannot find farswapd"},
		"does not run":   {askErr: errors.New("exec format error"), state: machine.Missing, found: "exec format error"},
	} {
		s := server{
			find: func() (string, error) { return "/usr/bin/farswapd", tc.findErr },
			ask:  func(context.Context, string) (program.Info, error) { return tc.there, tc.askErr },
		}
		c := s.check(t.Context(), here)
		if c.State != tc.state || !strings.Contains(c.Found, tc.found) || (c.Advice == "") != (c.State == machine.OK) {
			t.Errorf("%s: got %+v", name, c)
		}
	}
}
