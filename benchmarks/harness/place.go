package harness

import (
	"context"
	"fmt"
	"os/exec"
	"sync"
	"syscall"
)

// place is where one run's application lives. It implements workload.Place.
type place struct {
	group group
	dir   string
	log   *runLog
}

// Command starts its process in the control group, and in a process group of its own:
// an interrupt from the terminal is the runner's to handle.
func (p *place) Command(ctx context.Context, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if fd := p.group.FD(); fd >= 0 {
		cmd.SysProcAttr.UseCgroupFD, cmd.SysProcAttr.CgroupFD = true, fd
	}
	return cmd
}

func (p *place) Dir() string                    { return p.dir }
func (p *place) Log(format string, args ...any) { p.log.add(format, args...) }

// keptLines of what a run said stay with it if it fails.
const keptLines = 50

// runLog passes on what is said and keeps the last of it. Its methods may be called from
// any goroutine.
type runLog struct {
	say func(format string, args ...any)

	mu    sync.Mutex // guards lines
	lines []string
}

func (l *runLog) add(format string, args ...any) {
	l.say(format, args...)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, fmt.Sprintf(format, args...))
	if len(l.lines) > keptLines {
		l.lines = l.lines[1:]
	}
}

func (l *runLog) kept() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]string{}, l.lines...)
}
