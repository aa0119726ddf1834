package vmtest

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// Process is a program that a scenario started. It ends with the scenario.
type Process struct {
	w              *World
	name           string
	cmd            *exec.Cmd
	stdout, stderr string // files
	done           chan struct{}
}

// Result is a program that has ended.
type Result struct {
	Name           string // its command line
	Code           int    // -1 if a signal ended it
	Stdout, Stderr string
}

// Start starts a program. attr may be nil.
func (w *World) Start(attr *syscall.SysProcAttr, argv ...string) *Process {
	w.Helper()
	w.count++
	base := filepath.Join(w.logs, fmt.Sprintf("%03d-%s", w.count, logName(argv)))
	p := &Process{w: w, name: strings.Join(argv, " "), stdout: base + ".out", stderr: base + ".err", done: make(chan struct{})}
	p.cmd = exec.Command(argv[0], argv[1:]...)
	p.cmd.SysProcAttr = attr
	p.cmd.Dir = w.Dir
	stdout, err := os.Create(p.stdout)
	if err != nil {
		w.Fatal(err)
	}
	defer stdout.Close()
	stderr, err := os.Create(p.stderr)
	if err != nil {
		w.Fatal(err)
	}
	defer stderr.Close()
	p.cmd.Stdout, p.cmd.Stderr = stdout, stderr
	if err := p.cmd.Start(); err != nil {
		w.Fatalf("%s: %v", p.name, err)
	}
	go func() {
		p.cmd.Wait() // the exit code says all that its error would
		close(p.done)
	}()
	w.Defer(p.end)
	return p
}

// logName makes a file name of a command: its words without options and paths.
func logName(argv []string) string {
	if argv[0] == "nsenter" {
		argv = argv[2:]
	}
	words := []string{filepath.Base(argv[0])}
	for _, word := range argv[1:] {
		if strings.HasPrefix(word, "-") && len(words) > 1 || len(words) == 4 {
			break
		}
		words = append(words, filepath.Base(strings.TrimPrefix(word, "--name=")))
	}
	return strings.Join(words, "-")
}

// end kills the process if it still lives.
func (p *Process) end() {
	if !p.Running() {
		return
	}
	p.cmd.Process.Kill()
	if !p.ends(10 * time.Second) {
		p.w.Errorf("%s: process %d does not end, even killed:\n%s", p.name, p.PID(), waiting(p.PID()))
	}
}

// PID is the process id.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Running says whether the process has not ended yet.
func (p *Process) Running() bool {
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

// ends waits for the end of the process, and says whether it has come.
func (p *Process) ends(timeout time.Duration) bool {
	ctx, cancel := context.WithTimeout(p.w.ctx, timeout)
	defer cancel()
	select {
	case <-p.done:
	case <-ctx.Done():
	}
	return !p.Running()
}

// Signal sends a signal.
func (p *Process) Signal(s syscall.Signal) {
	p.w.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		p.w.Fatalf("%s: %v: %v", p.name, s, err)
	}
}

// Kill is kill -9, and returns when the process is gone.
func (p *Process) Kill() {
	p.w.Helper()
	p.Signal(syscall.SIGKILL)
	p.Wait(10 * time.Second)
}

// Wait waits for the process to end, and kills it if it does not in time.
func (p *Process) Wait(timeout time.Duration) Result {
	p.w.Helper()
	if !p.ends(timeout) {
		p.w.Errorf("%s: has not ended after %v; killing it", p.name, timeout)
		p.end()
	}
	r := Result{Name: p.name, Code: -1, Stdout: p.Stdout(), Stderr: p.Stderr()}
	if !p.Running() {
		r.Code = p.cmd.ProcessState.ExitCode()
	}
	return r
}

// Stdout is what the process has written so far.
func (p *Process) Stdout() string { return p.w.read(p.stdout) }

// Stderr is what the process has written so far.
func (p *Process) Stderr() string { return p.w.read(p.stderr) }

func (w *World) read(path string) string {
	data, err := os.ReadFile(path)
	if err != nil {
		w.Error(err)
	}
	return string(data)
}

// commandTimeout is for commands that do little.
const commandTimeout = 30 * time.Second

// Run runs a program that does little to its end.
func (w *World) Run(argv ...string) Result {
	w.Helper()
	return w.Start(nil, argv...).Wait(commandTimeout)
}

// Must is Run for a program that must succeed, and gives its output.
func (w *World) Must(argv ...string) string {
	w.Helper()
	return w.Start(nil, argv...).Succeed(commandTimeout)
}

// Succeed waits for the end of a program that must succeed, and gives its
// output.
func (p *Process) Succeed(timeout time.Duration) string {
	p.w.Helper()
	r := p.Wait(timeout)
	if r.Code != 0 {
		p.w.Fatalf("%s: exit code %d: %s", r.Name, r.Code, tail(r.Stderr+r.Stdout, 20))
	}
	return r.Stdout
}

// tail is the last n lines of a text.
func tail(text string, n int) string {
	lines := slices.Collect(strings.Lines(text))
	return strings.Join(lines[max(0, len(lines)-n):], "")
}
