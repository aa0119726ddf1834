package cli

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestWithoutFarswapd: farswap says what it looked for, and commands that do not serve work.
func TestWithoutFarswapd(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	dir := t.TempDir()
	bad("device", 1, addNull, "cannot find farswapd|beside farswap|PATH").spawn(t, dir)
	bad("donor", 1, runDonor, "cannot find farswapd|beside farswap").spawn(t, dir)
	bad("a wrong flag is found all the same", 2, addNull+" --fast", "unknown flag: --fast|farswap ublk add --help").spawn(t, dir)
	if got := spawn(t, dir, "ublk", "add", "--help"); got.code != 0 || !strings.Contains(got.stdout, "farswap ublk add --size") {
		t.Errorf("help: %+v", got)
	}
	if got := spawn(t, dir, "donor", "status", "--state-root", dir); got.code != 1 || !strings.Contains(got.stderr, "no donor runs here") {
		t.Errorf("donor status: %+v", got)
	}
}

// TestFarswapdBeside: farswap finds farswapd beside its own file, through a symbolic link in
// another folder, and whatever PATH is.
func TestFarswapdBeside(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	folder, links := t.TempDir(), t.TempDir()
	binary, err := os.ReadFile(self)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"farswap", "farswapd"} {
		if err := os.WriteFile(filepath.Join(folder, name), binary, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(filepath.Join(folder, "farswap"), filepath.Join(links, "swap")); err != nil {
		t.Fatal(err)
	}
	for _, argv0 := range []string{filepath.Join(folder, "farswap"), filepath.Join(links, "swap")} {
		cmd := exec.Command(argv0, strings.Fields("donor"+noConfig)...)
		cmd.Dir = t.TempDir()
		cmd.Env = append(os.Environ(), mainEnv+"=1", "PATH=/nowhere")
		out, _ := cmd.CombinedOutput() // the exit code is looked at
		if code := cmd.ProcessState.ExitCode(); code != 2 || !strings.Contains(string(out), "--memory is missing") {
			t.Errorf("%s: exit code %d, %s", argv0, code, out)
		}
	}
}

// TestConfigFromPipe: a configuration that can be read once only reaches farswapd.
func TestConfigFromPipe(t *testing.T) {
	cmd := farswap(t.TempDir(), "donor", "--config", "/dev/stdin")
	cmd.Stdin = strings.NewReader("memory = '1M'\ninsecure = true\nlisten = '127.0.0.1:0'\n")
	out, _ := cmd.CombinedOutput() // the exit code is looked at
	if code := cmd.ProcessState.ExitCode(); code != 2 || !strings.Contains(string(out), "memory of 1048576 bytes") {
		t.Errorf("exit code %d, %s", code, out)
	}
}
