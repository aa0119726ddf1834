package pathmodel

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/farswap/farswap/benchmarks/lastwords"
)

// Times that a slow machine may take.
const (
	startTimeout = time.Minute
	stopTimeout  = 20 * time.Second
	pollPause    = 10 * time.Millisecond
)

// process is a part that runs beside this process.
type process struct {
	name  string
	cmd   *exec.Cmd
	input io.WriteCloser // its end ends a part
	says  *bufio.Reader
	log   *lastwords.Tail
	done  chan struct{} // closed when it has ended
	ended func(error)   // called then, with what there is to say about it
}

// startProcess starts a command with files from descriptor 3 on. It gets no signals of the
// terminal. ended is called with the reason when the process has ended, from another goroutine. It ends with the
// calling thread, to which the goroutine is locked: no process is left when this one is killed.
func startProcess(name string, argv []string, ended func(error), files ...*os.File) (*process, error) {
	p := &process{name: name, log: &lastwords.Tail{}, done: make(chan struct{}), ended: ended}
	p.cmd = exec.Command(argv[0], argv[1:]...)
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Pdeathsig: unix.SIGTERM}
	p.cmd.ExtraFiles, p.cmd.Stderr = files, p.log
	var err error
	if p.input, err = p.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	p.says = bufio.NewReader(out)
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	return p, nil
}

// watch notices the end of the process. What it says is read before, if at all.
func (p *process) watch() {
	go func() {
		_, _ = io.Copy(io.Discard, p.says)
		_ = p.cmd.Wait() // the exit code says as much as the error
		p.ended(p.end())
		close(p.done)
	}()
}

// hear reads the line of JSON with which a part says that it is ready, and then watches it.
func (p *process) hear(v any) error {
	defer p.watch()
	line, err := p.says.ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, v)
	}
	if err != nil {
		return fmt.Errorf("%s does not say that it is ready: %w: %s", p.name, err, p.log.String())
	}
	return nil
}

// listens waits until the process accepts connections at address.
func (p *process) listens(ctx context.Context, address string) error {
	for end := time.Now().Add(startTimeout); ; {
		conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
		if err == nil {
			return conn.Close()
		}
		if time.Now().After(end) || ctx.Err() != nil {
			return fmt.Errorf("%s does not listen at %s: %w: %s", p.name, address, err, p.log.String())
		}
		select {
		case <-p.done:
			return p.end()
		case <-time.After(pollPause):
		}
	}
}

// end says how the process has ended. Preconditions: it has.
func (p *process) end() error {
	return fmt.Errorf("%s has ended: %v: %s", p.name, p.cmd.ProcessState, p.log.String())
}

// tasks are the threads of the process.
func (p *process) tasks() ([]task, error) { return tasksOf(p.cmd.Process.Pid) }

// stop ends the process: a part by the end of its input, others by SIGTERM.
func (p *process) stop() error {
	_ = p.input.Close()
	for _, signal := range []os.Signal{nil, unix.SIGTERM, unix.SIGKILL} {
		if signal != nil {
			_ = p.cmd.Process.Signal(signal) // it may have ended just now
		}
		wait := stopTimeout
		if signal == nil {
			wait = time.Second
		}
		select {
		case <-p.done:
			if signal == unix.SIGKILL {
				return fmt.Errorf("%s did not end in %v and was killed: %s", p.name, stopTimeout, p.log.String())
			}
			return nil
		case <-time.After(wait):
		}
	}
	return fmt.Errorf("%s, process %d, does not end", p.name, p.cmd.Process.Pid)
}

// closers are what is to be undone, the last first.
type closers []func() error

func (c *closers) add(f func() error) { *c = append(*c, f) }

func (c closers) close() (err error) {
	for i := len(c) - 1; i >= 0; i-- {
		err = errors.Join(err, c[i]())
	}
	return err
}
