package doctor

import (
	"context"
	"encoding/json"
	"fmt"
	"os/exec"
	"time"

	"github.com/farswap/farswap/internal/cli/command"
	"github.com/farswap/farswap/internal/cli/launch"
	"github.com/farswap/farswap/internal/cli/program"
	"github.com/farswap/farswap/internal/machine"
)

// serverAnswer bounds the question to farswapd for its version.
const serverAnswer = 10 * time.Second

// server is the program that serves, as doctor looks for it. Tests make one up.
type server struct {
	find func() (path string, err error)
	ask  func(ctx context.Context, path string) (program.Info, error)
}

var installed = server{find: launch.Find, ask: askVersion}

// askVersion executes `farswapd version`, which changes nothing.
func askVersion(ctx context.Context, path string) (program.Info, error) {
	var info program.Info
	ctx, cancel := context.WithTimeout(ctx, serverAnswer)
	defer cancel()
	out, err := exec.CommandContext(ctx, path, "version", "--json").Output()
	if err != nil {
		return info, fmt.Errorf("execute %s version: %w", path, err)
	}
	if err := json.Unmarshal(out, &info); err != nil {
		return info, fmt.Errorf("%s version does not answer as farswapd does: %w", path, err)
	}
	return info, nil
}

// check is about the program that serves: it is there, runs, and is of this program's build.
func (s server) check(ctx context.Context, here program.Info) check {
	const advice = "install farswap and farswapd of one build in one folder"
	c := check{Area: areaProgram, Name: program.Farswapd, State: machine.Missing, Advice: advice}
	path, err := s.find()
	if err != nil {
		c.Found = command.OneLine(err)
		return c
	}
	there, err := s.ask(ctx, path)
	switch {
	case err != nil:
		c.Found = command.OneLine(err)
	case there.Version != here.Version || there.Commit != here.Commit:
		c.State, c.Found = machine.Warn, fmt.Sprintf("%s is of another build: %s, and farswap is %s", path, build(there), build(here))
	default:
		c.State, c.Found, c.Advice = machine.OK, path+", of the same build", ""
	}
	return c
}

// build names a build as far as it is known.
func build(i program.Info) string {
	if i.Commit == "" {
		return i.Version
	}
	return i.Version + " commit " + i.Commit
}
