package bench

import (
	"fmt"
	"io"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/farswap/farswap/benchmarks/harness"
	"github.com/farswap/farswap/internal/cli/command"
)

// benchProgress says how far a plan is. On a terminal it is one line, which is updated every
// second; elsewhere it is a line for each run.
type benchProgress struct {
	w        io.Writer
	terminal bool
	stop     chan struct{}
	done     sync.WaitGroup

	mu    sync.Mutex // guards what follows
	now   harness.Progress
	at    time.Time // of now
	shown bool
}

func newBenchProgress(w io.Writer) *benchProgress {
	p := &benchProgress{w: w, terminal: command.IsTerminal(w), stop: make(chan struct{})}
	if p.terminal {
		p.done.Go(p.tick)
	}
	return p
}

func (p *benchProgress) tick() {
	second := time.NewTicker(time.Second)
	defer second.Stop()
	for {
		select {
		case <-p.stop:
			return
		case <-second.C:
			p.mu.Lock()
			if p.shown {
				p.draw()
			}
			p.mu.Unlock()
		}
	}
}

// show is told of a new phase.
func (p *benchProgress) show(now harness.Progress) {
	p.mu.Lock()
	defer p.mu.Unlock()
	another := now.What != p.now.What || now.Run != p.now.Run
	p.now, p.at = now, time.Now()
	switch {
	case p.terminal:
		p.draw()
	case another:
		fmt.Fprintln(p.w, benchLine(now, 0))
	}
}

// draw writes the line, no wider than the terminal. p.mu is held.
func (p *benchProgress) draw() {
	p.shown = true
	line := []rune(benchLine(p.now, time.Since(p.at)) + " · " + p.now.Phase)
	if f, ok := p.w.(interface{ Fd() uintptr }); ok {
		if size, err := unix.IoctlGetWinsize(int(f.Fd()), unix.TIOCGWINSZ); err == nil && size.Col > 1 {
			line = line[:min(len(line), int(size.Col)-1)]
		}
	}
	fmt.Fprintf(p.w, "\r\x1b[K%s", string(line))
}

// benchLine is what is run, since after it was told.
func benchLine(now harness.Progress, since time.Duration) string {
	left := "time left not known yet"
	switch ran := now.Ran + since; {
	case now.Known && ran > now.Whole: // it takes longer than those before
		left = fmt.Sprintf("more than %v left", now.Later.Round(time.Second))
	case now.Known:
		left = fmt.Sprintf("%v left", (now.Whole - ran + now.Later).Round(time.Second))
	}
	return fmt.Sprintf("run %d of %d · %v elapsed, %s · %s", now.Run, now.Of, (now.Elapsed + since).Round(time.Second), left, now.What)
}

// hide takes the line off the terminal until the next second, so that something else can be
// written.
func (p *benchProgress) hide() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.shown {
		fmt.Fprint(p.w, "\r\x1b[K")
	}
}

func (p *benchProgress) close() {
	close(p.stop)
	p.done.Wait()
	p.hide()
}
