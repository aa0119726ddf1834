package add

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"strconv"
	"time"

	backing "github.com/farswap/farswap/swapdev/path"
)

// swaponTimeout bounds mkswap and swapon together. Both do little I/O, on a
// device that answers.
const swaponTimeout = time.Minute

// swapOn makes the device swap, with discards of freed pages. mkswap and swapon run as
// processes of their own. A thread of the server would wait in swapon(2) for the server's own
// device. If that device stopped answering, nobody could end the thread, nor the server.
func swapOn(path string, priority int) error {
	ctx, cancel := context.WithTimeout(context.Background(), swaponTimeout)
	defer cancel()
	if err := runTool(ctx, "mkswap", "--label", backing.SwapLabel, path); err != nil {
		return err
	}
	args := []string{"--discard=pages"}
	if priority >= 0 {
		args = append(args, "--priority", strconv.Itoa(priority))
	}
	return runTool(ctx, "swapon", append(args, path)...)
}

// runTool runs a tool of util-linux and makes what it printed the error.
func runTool(ctx context.Context, name string, args ...string) error {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.WaitDelay = time.Second
	output, err := cmd.CombinedOutput()
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("%s did not end within %v and was killed", cmd, swaponTimeout)
	case err != nil:
		return fmt.Errorf("%s: %w: %s", cmd, err, bytes.TrimSpace(output))
	default:
		return nil
	}
}
