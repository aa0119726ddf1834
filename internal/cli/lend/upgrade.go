package lend

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/sys/unix"

	"github.com/farswap/farswap/donor"
	"github.com/farswap/farswap/internal/cli/process"
	"github.com/farswap/farswap/status"
)

// inheritVar is the variable of the environment that tells a process which of its descriptors leads to the
// donor that it takes over.
const inheritVar = "FARSWAPD_INHERIT"

const (
	// lockTime is how long a new process may take until it has locked what is lent. A page takes it
	// a microsecond or a few, a TiB thus some minutes.
	lockTime = 15 * time.Minute
	// passTime is how long it may take from the stop of the old process until it could serve. Devices
	// wait for half a minute by default.
	passTime = 15 * time.Second
)

// inheritance is the connection to the process that this one takes over from, nil if there is none.
func inheritance() (*net.UnixConn, error) {
	text, given := os.LookupEnv(inheritVar)
	if !given {
		return nil, nil
	}
	if err := os.Unsetenv(inheritVar); err != nil { // it is for this process alone
		return nil, err
	}
	fd, err := strconv.ParseUint(text, 10, 16)
	if err != nil || fd < 3 {
		return nil, fmt.Errorf("%s=%q: want the number of a descriptor: a donor sets it for the process that takes it over, nobody else does", inheritVar, text)
	}
	return connOf(os.NewFile(uintptr(fd), inheritVar))
}

// connOf is the connection of a descriptor, which it closes.
func connOf(file *os.File) (*net.UnixConn, error) {
	conn, err := net.FileConn(file)
	if err = errors.Join(err, file.Close()); err != nil {
		return nil, fmt.Errorf("take over a donor: %w", err)
	}
	local, ok := conn.(*net.UnixConn)
	if !ok {
		return nil, errors.Join(fmt.Errorf("take over a donor: %s is a %T", file.Name(), conn), conn.Close())
	}
	return local, nil
}

// upgrades hands a donor over to a new process of its program, when somebody asks for it.
type upgrades struct {
	mu      sync.Mutex // guards the fields below
	passing *passing   // under way; nil: none
	over    bool       // the donor ends
	last    *status.DonorUpgrade
}

// passing is one upgrade.
type passing struct {
	cancel     context.CancelFunc
	done       chan struct{} // closed when it is over; the fields below are constant then
	succession *donor.Succession
	stopped    bool      // the donor has stopped serving for it
	begun      time.Time // when it did
	err        error     // nil: the new process serves
}

// took notes that this process has taken over.
func (u *upgrades) took(from int, paused time.Duration) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.last = &status.DonorUpgrade{At: time.Now(), From: from, Paused: int64(paused)}
}

// failed notes that the donor goes on in this process.
func (u *upgrades) failed(err error, paused time.Duration) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.passing = nil
	u.last = &status.DonorUpgrade{At: time.Now(), Paused: int64(paused), Error: err.Error()}
}

func (u *upgrades) lastOne() *status.DonorUpgrade {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.last
}

// wait returns the upgrade for which the donor has stopped, once it is over, nil if the donor has stopped
// for another reason. It ends one that has not come so far.
func (u *upgrades) wait() *passing {
	u.mu.Lock()
	p := u.passing
	u.over = p == nil
	u.mu.Unlock()
	if p == nil {
		return nil
	}
	p.cancel()
	<-p.done
	if !p.stopped {
		return u.wait()
	}
	return p
}

// upgrade begins to hand the donor over.
func (s *server) upgrade(d *donor.Donor) error {
	u := &s.upgrades
	u.mu.Lock()
	defer u.mu.Unlock()
	switch {
	case u.passing != nil:
		return fmt.Errorf("%w: an upgrade is under way", status.ErrRefused)
	case u.over:
		return fmt.Errorf("%w: the donor ends", status.ErrRefused)
	}
	ctx, cancel := context.WithTimeout(context.Background(), lockTime)
	p := &passing{cancel: cancel, done: make(chan struct{})}
	u.passing = p
	go func() {
		defer close(p.done)
		defer cancel()
		s.pass(ctx, d, p)
	}()
	return nil
}

// pass starts the new process and hands over to it. If that fails, the new process does not run any more when
// pass returns.
func (s *server) pass(ctx context.Context, d *donor.Donor, p *passing) {
	log := s.app.Log
	log.Info().Msg("upgrade: a new process is started")
	child, conn, err := startSuccessor(log)
	if err == nil {
		p.succession, err = d.Offer(ctx, conn)
	}
	if err == nil {
		p.stopped, p.begun = true, time.Now()
		err = s.passOn(p)
	}
	if err == nil {
		log.Info().Int("to", child.Process.Pid).Dur("paused", time.Since(p.begun)).Msg("the donor is handed over; this process ends")
		process.Succeeded(log, child.Process.Pid)
		return
	}
	if child != nil {
		_ = child.Process.Kill()
		if end := child.Wait(); end != nil && child.ProcessState.Exited() {
			err = fmt.Errorf("%w: the new process ended by itself (%w): the log has its words", err, end)
		}
		_ = conn.Close() // not before: see donor.Succession
	}
	p.err = err
	log.Error().Err(err).Bool("stopped", p.stopped).Msg("the upgrade has failed: this process goes on")
	if !p.stopped {
		s.upgrades.failed(err, 0)
	}
}

// passOn stops the donor and hands it over.
func (s *server) passOn(p *passing) error {
	ctx, cancel := context.WithTimeout(context.Background(), passTime)
	defer cancel()
	return p.succession.Pass(ctx, s.leave)
}

// startSuccessor starts this program anew, from the file that it has now, with the same arguments. The new
// process writes to the same log.
func startSuccessor(log zerolog.Logger) (*exec.Cmd, *net.UnixConn, error) {
	path, err := os.Executable()
	if err != nil {
		return nil, nil, fmt.Errorf("find this program's file: %w", err)
	}
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("make a connection to a new process: %w", err)
	}
	theirs := os.NewFile(uintptr(fds[1]), "successor")
	conn, err := connOf(os.NewFile(uintptr(fds[0]), "successor"))
	if err != nil {
		return nil, nil, errors.Join(err, theirs.Close())
	}
	cmd := exec.Command(path, os.Args[1:]...)
	cmd.Args[0] = os.Args[0]
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.ExtraFiles = []*os.File{theirs} // descriptor 3
	cmd.Env = append(os.Environ(), inheritVar+"=3")
	err = cmd.Start()
	if err = errors.Join(err, theirs.Close()); err != nil {
		return nil, nil, errors.Join(fmt.Errorf("start %s: %w", path, err), conn.Close())
	}
	log.Info().Int("process", cmd.Process.Pid).Str("program", path).Msg("the new process runs")
	return cmd, conn, nil
}
