package awake

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"runtime"
	"time"

	"github.com/farswap/farswap/internal/flusher"
)

// Who is the name under which the locks are listed.
const Who = "farswap"

// ErrNone means that logind gives no lock: it is not there, or does not answer.
var ErrNone = errors.New("nothing keeps this machine from sleeping")

// answersWithin bounds the wait for logind, which may have to be started.
const answersWithin = 30 * time.Second

// Lock is an inhibitor lock of logind. It ends with this process, however that ends.
type Lock struct {
	stdin io.WriteCloser
	kill  func() error
	ended chan struct{}
}

// Hold takes a lock on sleep, and says why in a list of such locks. Errors wrap ErrNone.
//
// The tool of systemd holds the lock for as long as its child lives, and the child lives for as long
// as this process has the other end of its standard input. So no library for D-Bus is needed here,
// where every page is locked in memory; the tool is not locked, and nobody waits for it.
func Hold(why string) (*Lock, error) {
	cmd := exec.Command("systemd-inhibit", "--what=sleep", "--mode=block", "--who="+Who, "--why="+why, "cat")
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNone, err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNone, err)
	}
	said := &bytes.Buffer{}
	cmd.Stderr = said
	if err := start(cmd); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNone, err)
	}
	l := &Lock{stdin: stdin, kill: cmd.Process.Kill, ended: make(chan struct{})}
	// cat runs once the lock is held, and then says what it hears.
	held := make(chan bool, 1)
	go func() {
		defer close(l.ended)
		n, _ := io.ReadFull(stdout, make([]byte, 1))
		held <- n == 1
		_, _ = io.Copy(io.Discard, stdout)
		_ = cmd.Wait() // how it ended is no matter
	}()
	_, _ = stdin.Write([]byte{'\n'}) // the answer tells
	select {
	case ok := <-held:
		if ok {
			return l, nil
		}
		<-l.ended
		return nil, fmt.Errorf("%w: %s: %s", ErrNone, cmd.Args[0], oneLine(said.Bytes()))
	case <-time.After(answersWithin):
		l.Release()
		return nil, fmt.Errorf("%w: %s did not answer within %v", ErrNone, cmd.Args[0], answersWithin)
	}
}

// Ended is closed when the lock is not held any more.
func (l *Lock) Ended() <-chan struct{} { return l.ended }

// releasedWithin is how long the tool may take to end once nobody writes to it.
const releasedWithin = 2 * time.Second

// Release gives the lock back.
func (l *Lock) Release() {
	_ = l.stdin.Close() // it may have ended
	select {
	case <-l.ended:
	case <-time.After(releasedWithin):
		_ = l.kill() // likewise
	}
}

// start starts the tool as an ordinary process: no I/O flusher, and not real-time, as this one may be.
func start(cmd *exec.Cmd) error {
	started := make(chan error)
	go func() {
		runtime.LockOSThread() // for good: the thread ends with this goroutine
		flusher.Ordinary()
		started <- cmd.Start()
	}()
	return <-started
}

func oneLine(text []byte) []byte {
	first, _, _ := bytes.Cut(bytes.TrimSpace(text), []byte{'\n'})
	return first
}
