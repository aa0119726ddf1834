package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"time"
)

// program is the workload's process, with less memory than it uses.
type program struct {
	cmd    *exec.Cmd
	orders io.WriteCloser
	limit  string // file of the control group's limit

	mu     sync.Mutex // guards what follows
	lines  []said     // all but counts
	latest said       // the last count
	swept  int        // sweeps that have ended
	ended  error      // why there are no more lines; nil while there may be
}

// startProgram starts the workload. It may have so many bytes of RAM.
func startProgram(log string, size, limit int64, seed uint64) (*program, error) {
	const group = "/sys/fs/cgroup/chaos"
	if err := os.Mkdir(group, 0o755); err != nil {
		return nil, err
	}
	p := &program{limit: filepath.Join(group, "memory.max")}
	if err := p.setLimit(strconv.FormatInt(limit, 10)); err != nil {
		return nil, err
	}
	dir, err := os.Open(group)
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	file, err := os.Create(log)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	p.cmd = exec.Command("/proc/self/exe", "work", "-size", strconv.FormatInt(size, 10), "-seed", strconv.FormatUint(seed, 10))
	p.cmd.SysProcAttr = &syscall.SysProcAttr{UseCgroupFD: true, CgroupFD: int(dir.Fd())}
	p.cmd.Stderr = file
	p.orders, err = p.cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start the workload: %w", err)
	}
	go p.read(out)
	return p, nil
}

// setLimit sets how much RAM the workload may have, in bytes or "max".
func (p *program) setLimit(limit string) error {
	if err := os.WriteFile(p.limit, []byte(limit), 0); err != nil {
		return fmt.Errorf("limit the memory of the workload: %w", err)
	}
	return nil
}

// read reads the lines of the workload until it ends.
func (p *program) read(out io.Reader) {
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		var s said
		err := json.Unmarshal(lines.Bytes(), &s)
		p.mu.Lock()
		switch {
		case err != nil:
			p.ended = fmt.Errorf("the workload said %q: %w", lines.Text(), err)
		case s.What == "count":
			p.latest = s
		case s.What == "swept":
			p.swept++
		default:
			p.lines = append(p.lines, s)
		}
		p.mu.Unlock()
	}
	err := p.cmd.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ended == nil {
		p.ended = errors.Join(errors.New("the workload has ended"), err)
	}
}

// said is what the workload has said so far, with the last count at the end.
func (p *program) said() []said {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append(append([]said(nil), p.lines...), p.latest)
}

// stuckSince is when the workload began with a page at which it still is, or from when on it said nothing, if that is
// longer ago than usual.
func (p *program) stuckSince() (since time.Duration, stuck bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.latest.At == 0 || p.ended != nil {
		return 0, false
	}
	since = p.latest.At - p.latest.For
	return since, monotonic()-since > longStall
}

// sweep has every page verified.
func (p *program) sweep(timeout time.Duration) error {
	p.mu.Lock()
	want := p.swept + 1
	p.mu.Unlock()
	if _, err := io.WriteString(p.orders, "sweep\n"); err != nil {
		return fmt.Errorf("have all pages verified: %w", err)
	}
	for end := time.Now().Add(timeout); ; time.Sleep(50 * time.Millisecond) {
		p.mu.Lock()
		swept, ended := p.swept, p.ended
		p.mu.Unlock()
		switch {
		case swept >= want:
			return nil
		case ended != nil:
			return ended
		case time.Now().After(end):
			return fmt.Errorf("the workload has not verified all pages after %v", timeout)
		}
	}
}

// end ends the workload.
func (p *program) end(timeout time.Duration) error {
	if _, err := io.WriteString(p.orders, "end\n"); err != nil {
		return fmt.Errorf("end the workload: %w", err)
	}
	for end := time.Now().Add(timeout); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		p.mu.Lock()
		ended := p.ended
		p.mu.Unlock()
		if ended != nil {
			if !p.cmd.ProcessState.Success() {
				return ended
			}
			return nil
		}
	}
	return fmt.Errorf("the workload has not ended after %v", timeout)
}
