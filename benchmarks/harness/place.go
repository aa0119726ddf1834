package harness

import (
	"context"
	"fmt"
	"os/exec"
	"sync"
	"syscall"
)

// place is where the application of one run lives. It implements workload.Place.
type place struct {
	group group
	dir   string
	log   *runLog
}

// Command makes a command whose process starts in the control group, and in a process group
// of its own, because the runner handles an interrupt from the terminal.
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

// keptLines is how many of its last lines a failed run keeps.
const keptLines = 50

// runLog passes lines on and keeps the last of them. Any goroutine may call its methods.
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
