package cli

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/farswap/farswap/internal/cli/command"
	"github.com/farswap/farswap/internal/cli/daemon"
	"github.com/farswap/farswap/internal/cli/program"
)

// mainEnv makes the test binary be farswap, or farswapd where it is called by that name.
const mainEnv = "FARSWAP_TEST_MAIN"

func TestMain(m *testing.M) {
	if os.Getenv(mainEnv) != "" {
		acts := Program(program.Stamp{})
		if filepath.Base(os.Args[0]) == program.Farswapd {
			acts = daemon.Program(program.Stamp{})
		}
		os.Exit(command.Run(acts, os.Args[1:], command.Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr}))
	}
	folder, err := installFarswapd()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		_ = os.RemoveAll(folder)
		os.Exit(code)
	}))
}

// installFarswapd makes the test binary the farswapd of PATH, in a folder of its own.
func installFarswapd() (string, error) {
	folder, err := os.MkdirTemp("", "farswapd")
	if err != nil {
		return "", err
	}
	self, err := os.Executable()
	if err != nil {
		return "", err
	}
	if err := os.Symlink(self, filepath.Join(folder, program.Farswapd)); err != nil {
		return "", err
	}
	return folder, os.Setenv("PATH", folder+":"+os.Getenv("PATH"))
}

// commandTimeout is far above what a command needs that is right or refused.
const commandTimeout = time.Minute

// farswap is the program with its arguments, in a folder of its own.
func farswap(dir string, args ...string) *exec.Cmd {
	cmd := exec.Command(os.Args[0], args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), mainEnv+"=1")
	return cmd
}

// start starts a command, and kills it when it has run for too long. Stop the timer when it has ended.
func start(t testing.TB, cmd *exec.Cmd) *time.Timer {
	t.Helper()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return time.AfterFunc(commandTimeout, func() { _ = cmd.Process.Kill() })
}

// result is what a command line did.
type result struct {
	code           int
	stdout, stderr string
}

// spawn runs a command line in a process of its own.
func spawn(t *testing.T, dir string, args ...string) result {
	t.Helper()
	cmd := farswap(dir, args...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	timer := start(t, cmd)
	defer timer.Stop()
	err := cmd.Wait()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return result{cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()}
}

// badCase is a command line that has to fail: with this exit code, exactly one
// line on standard error that has each part in it, nothing on standard output,
// and no file made, changed in size or removed.
type badCase struct {
	name  string
	code  int
	args  []string
	parts []string
}

func bad(name string, code int, args, parts string) badCase {
	return badCase{name, code, strings.Fields(args), strings.Split(parts, "|")}
}

// run runs the case in this process.
func (c badCase) run(t *testing.T, dir string) {
	t.Helper()
	c.check(t, dir, func() result { return execute(t, dir, c.args...) })
}

// spawn runs the case in a process of its own.
func (c badCase) spawn(t *testing.T, dir string) {
	t.Helper()
	c.check(t, dir, func() result { return spawn(t, dir, c.args...) })
}

// execute runs a command line in this process, in a folder. A command that serves goes on as
// farswapd, as it would in a process of its own. To start a program for each command line
// would take minutes with the race detector.
func execute(t *testing.T, dir string, args ...string) (got result) {
	t.Helper()
	t.Chdir(dir)
	var stdout, stderr bytes.Buffer
	streams := command.Streams{In: strings.NewReader(""), Out: &stdout, Err: &stderr}
	became := false
	farswap := becoming(program.Stamp{}, func(args []string) error {
		became, got.code = true, command.Run(daemon.Program(program.Stamp{}), args, streams)
		return nil
	})
	if code := command.Run(farswap, args, streams); !became {
		got.code = code
	}
	got.stdout, got.stderr = stdout.String(), stderr.String()
	return got
}

func (c badCase) check(t *testing.T, dir string, run func() result) {
	t.Helper()
	before := tree(t, dir)
	got := run()
	if got.code != c.code {
		t.Errorf("exit code %d, want %d", got.code, c.code)
	}
	if strings.Count(got.stderr, "\n") != 1 || !strings.HasSuffix(got.stderr, "\n") || !strings.HasPrefix(got.stderr, "farswap: ") {
		t.Errorf("standard error is not one line: %q", got.stderr)
	}
	for _, part := range c.parts {
		if !strings.Contains(got.stderr, part) {
			t.Errorf("%q lacks %q", got.stderr, part)
		}
	}
	if got.stdout != "" {
		t.Errorf("standard output: %q", got.stdout)
	}
	if after := tree(t, dir); !slices.Equal(before, after) {
		t.Errorf("files before %q, after %q", before, after)
	}
}

// tree lists the files below dir with their modes and sizes.
func tree(t *testing.T, dir string) []string {
	t.Helper()
	var files []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err == nil {
			files = append(files, fs.FormatFileInfo(info)[:20]+" "+path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func write(t *testing.T, path, content string, mode os.FileMode) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
}
