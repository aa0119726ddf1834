package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/farswap/farswap/status"
)

// server is a device, and whoever serves it.
type server struct {
	log  string
	path string // /dev/ublkbN
	id   int
}

// startServer makes a device of so many bytes. Its name is also that of its log.
func startServer(name, out, certs, backing string, size int) (*server, error) {
	s := &server{log: filepath.Join(out, name+".log")}
	argv := []string{
		"farswap", "ublk", "add", "--name", name, "--size", strconv.Itoa(size), "--slab", "8M", "--hot", "0.01", "--seal", "off", "--probes", "off", "--queues", "2",
		"--backing", backing, "--overwrite", "--cert", filepath.Join(certs, "device"), "--transport", "tcp",
	}
	for n := 1; n <= donorCount; n++ {
		argv = append(argv, "--donor", proxyHost(n)+":9400")
	}
	paths := filepath.Join("/run", name)
	path, err := os.Create(paths)
	if err != nil {
		return nil, err
	}
	defer path.Close()
	log, err := os.Create(s.log)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Stdout, cmd.Stderr = path, log
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	for end := time.Now().Add(2 * time.Minute); s.path == ""; time.Sleep(50 * time.Millisecond) {
		text, _ := os.ReadFile(paths)
		s.path = strings.TrimSpace(string(text))
		select {
		case err := <-ended:
			return nil, fmt.Errorf("farswap ublk add has ended: %w: see %s", err, s.log)
		default:
		}
		if time.Now().After(end) {
			return nil, fmt.Errorf("farswap ublk add makes no device: see %s", s.log)
		}
	}
	s.id, err = strconv.Atoi(strings.TrimPrefix(s.path, "/dev/ublkb"))
	return s, err
}

// status is what the server says.
func (s *server) status() (status.Device, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	return status.Fetch(ctx, status.Socket(status.StateDir(status.DefaultRoot, s.id)))
}

// current is what the server says, once there is one: the other fault of a pair may have stopped or killed it.
func (s *server) current() (now status.Device, err error) {
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if now, err = s.status(); err == nil {
			return now, nil
		}
	}
	return now, fmt.Errorf("no server answers for a minute: %w", err)
}

// stopped stops the server for a while.
func (s *server) stopped(while time.Duration) error {
	now, err := s.current()
	if err != nil {
		return err
	}
	_ = syscall.Kill(now.PID, syscall.SIGSTOP) // it may end meanwhile, by the other fault
	time.Sleep(while)
	_ = syscall.Kill(now.PID, syscall.SIGCONT)
	return nil
}

// killed kills the server, and its standby takes over. Or it kills both, and after a while somebody runs recover.
func (s *server) killed(f Fault) error {
	now, err := s.current()
	if err != nil {
		return err
	}
	if f.Dice%3 > 0 && now.StandbyPID != 0 {
		_ = syscall.Kill(now.PID, syscall.SIGKILL) // the other fault may have ended it
		return s.replaced(now.PID)
	}
	if now.StandbyPID != 0 {
		_ = syscall.Kill(now.StandbyPID, syscall.SIGKILL)
	}
	_ = syscall.Kill(now.PID, syscall.SIGKILL)
	time.Sleep(f.For)
	cmd, err := start(s.log, "farswap", "ublk", "recover", strconv.Itoa(s.id))
	if err != nil {
		return err
	}
	go func() { _ = cmd.Wait() }() // it serves the device
	return s.replaced(now.PID)
}

// upgraded has a new process take the server's place.
func (s *server) upgraded() error {
	now, err := s.current()
	if err != nil {
		return err
	}
	_, err = run("farswap", "ublk", "upgrade", strconv.Itoa(s.id))
	if other := s.replaced(now.PID); other != nil {
		return errors.Join(err, other)
	}
	return nil // if the command failed, the other fault of a pair has had the server replaced
}

// replaced waits until another process serves the device.
func (s *server) replaced(old int) error {
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if now, err := s.status(); err == nil && now.PID != old {
			return nil
		}
	}
	return errors.New("no other process serves the device after a minute")
}

// stop takes the device away.
func (s *server) stop() error {
	return within(time.Minute, "farswap", "ublk", "stop", strconv.Itoa(s.id))
}

// well reports whether the device is as it was before any fault, but for pages that are lost.
func well(s status.Device, warm bool) bool {
	for _, d := range s.Donors {
		if d.State != "up" {
			return false
		}
	}
	if s.Swap && s.StandbyPID == 0 { // a server that dies now needs somebody who runs recover
		return false
	}
	return len(s.Donors) == donorCount && s.BackingOK && s.Scrub.Lacking <= s.Pages.Lost && (!warm || s.Pages.Backing == 0)
}
