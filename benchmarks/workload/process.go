package workload

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"time"

	"github.com/farswap/farswap/benchmarks/lastwords"
)

const (
	// stopPatience is how long a process may take to end when asked. A process that is mostly
	// swapped out has to come back in first.
	stopPatience = 30 * time.Second
	// pollInterval is how often a starting server is asked whether it is up.
	pollInterval = 20 * time.Millisecond
)

// process is a process that a workload has started, the leader of its process group.
type process struct {
	name string
	cmd  *exec.Cmd
	said *lastwords.Tail
	done chan struct{} // closed when it has ended
	err  error         // how it ended; to be read when done is closed
}

// launch starts cmd. Errors call it by name. launch keeps its standard error, and its standard
// output, too, unless cmd already has one.
func launch(name string, cmd *exec.Cmd) (*process, error) {
	p := &process{name: name, cmd: cmd, said: &lastwords.Tail{}, done: make(chan struct{})}
	cmd.Stderr = p.said
	if cmd.Stdout == nil {
		cmd.Stdout = p.said
	}
	attr(cmd).Setpgid = true
	// A process that inherited its output may live on.
	cmd.WaitDelay = time.Second
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", p.name, err)
	}
	go func() {
		p.err = cmd.Wait()
		close(p.done)
	}()
	return p, nil
}

// finish starts cmd as launch does, and waits for its end. When ctx ends, finish ends cmd and all
// that cmd has started.
func finish(ctx context.Context, name string, cmd *exec.Cmd) error {
	p, err := launch(name, cmd)
	if err != nil {
		return err
	}
	select {
	case <-p.done:
	case <-ctx.Done():
		return errors.Join(fmt.Errorf("%s: %w", p.name, ctx.Err()), p.kill())
	}
	if p.err != nil {
		return p.ended()
	}
	return nil
}

// attr returns cmd's attributes, and makes them if there are none.
func attr(cmd *exec.Cmd) *syscall.SysProcAttr {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	return cmd.SysProcAttr
}

// ended returns an error that says how the process ended, and what it said last.
//
// Preconditions: p.done is closed.
func (p *process) ended() error {
	err := p.err
	if err == nil {
		err = errors.New("exit status 0")
	}
	if said := p.said.String(); said != "" {
		return fmt.Errorf("%s ended: %w; it said: %s", p.name, err, said)
	}
	return fmt.Errorf("%s ended: %w", p.name, err)
}

// orEnded returns err, and adds how the process ended if it has.
func (p *process) orEnded(err error) error {
	select {
	case <-p.done:
		return errors.Join(err, p.ended())
	default:
		return err
	}
}

// until calls try until it succeeds. It fails if the process or ctx ends.
func (p *process) until(ctx context.Context, try func(context.Context) error) error {
	for {
		err := try(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-p.done:
			return p.ended()
		case <-ctx.Done():
			return fmt.Errorf("wait for %s: %w; at last: %w", p.name, ctx.Err(), err)
		case <-time.After(pollInterval):
		}
	}
}

// stop ends the process with the signal. After stopPatience it kills what is left of the
// process's group.
func (p *process) stop(signal syscall.Signal) error {
	select {
	case <-p.done:
		return nil
	default:
	}
	if err := p.cmd.Process.Signal(signal); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("stop %s: %w", p.name, err)
	}
	select {
	case <-p.done:
		return nil
	case <-time.After(stopPatience):
	}
	return p.kill()
}

// kill kills the process's group, and waits for the process.
func (p *process) kill() error {
	err := syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
	if err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("kill %s: %w", p.name, err)
	}
	<-p.done
	return nil
}
