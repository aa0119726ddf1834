package add

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/sys/unix"

	"github.com/farswap/farswap/internal/inuse"
)

// A standby is a process of the same program that has all in memory that it needs to take the device over. It
// waits for the end of its server. Nothing can be started from a disk once the machine waits for its swap.
//
// The server starts it, with the server's end as a pidfd in place of file 3, and a pipe as file 4, on which the
// standby says that it is ready. It lives as long as its server.

// Files that a standby has from its server.
const (
	serverFile = 3
	readyFile  = 4
)

// Pauses of a server that keeps a standby.
const (
	standbyLook  = 2 * time.Second // between looks whether the device is swap
	standbyFirst = time.Second     // before a standby is started that has ended, longer each time
	standbyMost  = time.Minute
	standbyReady = time.Minute // within which one has to be ready
)

// Settings of --supervise.
const (
	superviseAuto = "auto" // while the device is swap
	superviseOn   = "on"
	superviseOff  = "off"
)

// standby keeps a standby for the server that this process is. Its methods may be called from any goroutine.
type standby struct {
	path   string // of the device
	id     int
	root   string
	always bool // not only while the device is in use
	log    zerolog.Logger
	tell   func(pid int) // hears which standby is ready, 0 for none

	mu      sync.Mutex // guards what follows
	now     *exec.Cmd  // the one that is ready; nil: none
	renewed bool       // another one has taken the place of the one that run keeps
}

// run keeps a standby until ctx ends. A standby that runs then ends with this process.
func (s *standby) run(ctx context.Context) {
	for pause := standbyFirst; s.awaitUse(ctx); pause = min(2*pause, standbyMost) {
		begun := time.Now()
		err := s.one()
		if ctx.Err() != nil || s.isRenewed() {
			return
		}
		if time.Since(begun) > standbyMost {
			pause = standbyFirst
		}
		s.log.Error().Err(err).Stringer("again", pause).Msg("the device has no standby: if this server dies, somebody has to recover the device by hand")
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
	}
}

// awaitUse waits until the device needs a standby. It reports false if ctx has ended.
func (s *standby) awaitUse(ctx context.Context) bool {
	for ctx.Err() == nil {
		if uses, err := inuse.Find(s.path); s.always || err == nil && len(uses) > 0 {
			return true
		}
		select {
		case <-ctx.Done():
		case <-time.After(standbyLook):
		}
	}
	return false
}

func (s *standby) isRenewed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.renewed
}

// one keeps one standby, and returns why it has ended.
func (s *standby) one() error {
	cmd, ended, err := s.launch()
	if err != nil {
		return err
	}
	s.log.Info().Str("device", s.path).Int("standby", cmd.Process.Pid).Msg("a standby is ready: it takes the device over if this server dies")
	s.set(cmd)
	defer s.set(nil)
	return fmt.Errorf("the standby has ended: %w", <-ended)
}

func (s *standby) set(cmd *exec.Cmd) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.renewed {
		return
	}
	s.now = cmd
	if cmd == nil {
		s.tell(0)
	} else {
		s.tell(cmd.Process.Pid)
	}
}

// renew has a standby of the program that is installed now take the place of the one before. After an error that
// one stays.
func (s *standby) renew() error {
	cmd, _, err := s.launch()
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	before := s.now
	s.now, s.renewed = cmd, true
	if before == nil {
		return nil
	}
	if err := before.Process.Kill(); !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	return nil
}

// launch starts a standby and waits until it is ready. ended hears why it has ended.
func (s *standby) launch() (_ *exec.Cmd, ended <-chan error, err error) {
	cmd, ready, err := s.start()
	if err != nil {
		return nil, nil, err
	}
	defer ready.Close()
	end := make(chan error, 1)
	go func() { end <- cmd.Wait() }()
	if err := ready.SetReadDeadline(time.Now().Add(standbyReady)); err != nil {
		return nil, nil, err
	}
	switch _, err := ready.Read(make([]byte, 1)); {
	case errors.Is(err, io.EOF):
		return nil, nil, fmt.Errorf("the standby has ended before it was ready: %w", <-end)
	case err != nil:
		return nil, nil, errors.Join(fmt.Errorf("the standby was not ready within %v: %w", standbyReady, err), cmd.Process.Kill(), <-end)
	}
	return cmd, end, nil
}

// start starts a standby. It returns the pipe on which it says that it is ready.
func (s *standby) start() (_ *exec.Cmd, ready *os.File, err error) {
	fd, err := unix.PidfdOpen(os.Getpid(), 0)
	if err != nil {
		return nil, nil, fmt.Errorf("watch over this process: %w", err)
	}
	self := os.NewFile(uintptr(fd), "pidfd")
	defer self.Close()
	ready, says, err := os.Pipe()
	if err != nil {
		return nil, nil, err
	}
	defer says.Close()
	program, err := os.Executable()
	if err != nil {
		return nil, nil, errors.Join(err, ready.Close())
	}
	cmd := exec.Command(program, "ublk", "recover", "--log-level", s.log.GetLevel().String(), "--state-root", s.root, strconv.Itoa(s.id))
	cmd.Env = append(os.Environ(), standbyVar+"=1")
	cmd.ExtraFiles = []*os.File{self, says}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		return nil, nil, errors.Join(fmt.Errorf("start a standby: %w", err), ready.Close())
	}
	return cmd, ready, nil
}

// sayReady tells the server of this standby that the standby is ready.
func sayReady() error {
	says := os.NewFile(readyFile, "ready")
	if says == nil {
		return errors.New("no server has started this standby")
	}
	_, err := says.Write([]byte{'\n'})
	if err := errors.Join(err, says.Close()); err != nil {
		return fmt.Errorf("tell the server that its standby is ready: %w", err)
	}
	return nil
}

// waitForServer waits for the end of the server of this standby.
func waitForServer() error {
	fds := []unix.PollFd{{Fd: serverFile, Events: unix.POLLIN}}
	for {
		_, err := unix.Poll(fds, -1)
		switch {
		case errors.Is(err, unix.EINTR):
		case err != nil:
			return fmt.Errorf("wait for the end of the server: %w", err)
		case fds[0].Revents&unix.POLLNVAL != 0:
			return errors.New("no server has started this standby")
		default:
			return unix.Close(serverFile)
		}
	}
}
