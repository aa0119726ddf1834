package backend

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// startTimeout bounds the start of a server on an emulated machine.
const startTimeout = time.Minute

// process is a server of the area.
type process struct {
	name           string
	cmd            *exec.Cmd
	stdout, stderr string // files
	done           chan struct{}
}

// start starts a server in the control group of a side. The server outlives ctx and does not
// get the signals of this process's terminal. If a person interrupts a run, the server must
// not end before its swap.
func (b *bringUp) start(side, name string, argv ...string) (*process, error) {
	group, err := os.Open(sideOf(side))
	if err != nil {
		return nil, err
	}
	defer group.Close()
	p := &process{name: name, stdout: filepath.Join(b.dir, name+".out"), stderr: filepath.Join(b.dir, name+".log"), done: make(chan struct{})}
	p.cmd = exec.Command(argv[0], argv[1:]...)
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, UseCgroupFD: true, CgroupFD: int(group.Fd())}
	stdout, err := os.Create(p.stdout)
	if err != nil {
		return nil, err
	}
	defer stdout.Close()
	stderr, err := os.Create(p.stderr)
	if err != nil {
		return nil, err
	}
	defer stderr.Close()
	p.cmd.Stdout, p.cmd.Stderr = stdout, stderr
	if err := b.add(step{shell: "ends " + sideOf(side), run: p.stop}); err != nil {
		return nil, err
	}
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	b.servers = append(b.servers, p)
	go func() {
		_ = p.cmd.Wait() // the exit code says as much as the error
		close(p.done)
	}()
	return p, nil
}

// running returns whether the process has not ended yet.
func (p *process) running() bool {
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

// alive returns an error if the process has ended by itself.
func (p *process) alive() error {
	if p.running() {
		return nil
	}
	return fmt.Errorf("%s ended by itself: %v: %s", p.name, p.cmd.ProcessState, p.lastWords())
}

// ready waits until the server is ready. If the server ends before, the error has the end of
// its log.
func (p *process) ready(ctx context.Context, is func() bool) error {
	return until(ctx, startTimeout, p.name+" to start", func() (bool, error) {
		if err := p.alive(); err != nil {
			return false, err
		}
		return is(), nil
	})
}

// stop ends the process by a signal, and kills it if it has not ended after 20 s.
func (p *process) stop(ctx context.Context) error {
	if p.cmd.Process == nil || !p.running() {
		return nil
	}
	// The process may be ending just now, as that of a stopped device does.
	if err := p.cmd.Process.Signal(unix.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("end %s: %w", p.name, err)
	}
	select {
	case <-p.done:
		return nil
	case <-ctx.Done():
	case <-time.After(20 * time.Second):
	}
	if err := p.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("kill %s: %w", p.name, err)
	}
	select {
	case <-p.done:
	case <-time.After(10 * time.Second):
		return fmt.Errorf("%s, process %d, does not end, even killed", p.name, p.cmd.Process.Pid)
	}
	return fmt.Errorf("%s did not end in 20 s and was killed: %s", p.name, p.lastWords())
}

// said returns what the server has printed so far, without space around it.
func (p *process) said() string {
	data, _ := os.ReadFile(p.stdout) // the file exists: start made it
	return strings.TrimSpace(string(data))
}

// lastWords returns the end of the server's log, as one line.
func (p *process) lastWords() string {
	data, err := os.ReadFile(p.stderr)
	if err != nil {
		return err.Error()
	}
	lines := slices.Collect(strings.Lines(string(data)))
	for i := range lines {
		lines[i] = strings.TrimSpace(lines[i])
	}
	return strings.Join(lines[max(0, len(lines)-3):], "; ")
}
