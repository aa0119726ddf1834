package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"github.com/farswap/farswap/status"
	"github.com/farswap/farswap/verbs"
	"github.com/farswap/farswap/verbs/rdma"
	"github.com/farswap/farswap/verbs/tcp"
)

// openTransport opens this machine's side of a transport.
func openTransport(name string) (verbs.Device, error) {
	if name == transportRDMA {
		return rdma.Open(rdma.DefaultConfig())
	}
	return tcp.Open(tcp.Config{})
}

// ownDonor is a donor in a process of its own. In one process one Go runtime would serve both
// ends, unlike on two machines.
type ownDonor struct {
	address string
	cmd     *exec.Cmd
	log     bytes.Buffer
	root    string     // its state folders
	ended   chan error // how the process ended
}

const (
	ownDonorName  = "bench-verbs"
	ownDonorStart = 20 * time.Second
	ownDonorEnd   = 10 * time.Second
	ownDonorPoll  = 10 * time.Millisecond
)

// startOwnDonor starts a donor on a free loopback port and waits until it
// serves. After an error nothing of it is left.
func startOwnDonor(ctx context.Context, transport string) (*ownDonor, error) {
	root, err := os.MkdirTemp("", "farswap-bench-")
	if err != nil {
		return nil, err
	}
	d := &ownDonor{root: root, ended: make(chan error, 1)}
	d.cmd = exec.Command("/proc/self/exe", "donor", "--config", "/dev/null", "--insecure", "--listen", "127.0.0.1:0",
		"--memory", strconv.Itoa(verbsSlab), "--ahead=-1", "--name", ownDonorName, "--transport", transport, "--state-root", root)
	d.cmd.Stderr = &d.log
	// A terminal's Ctrl-C is for this process, which ends the donor; if this one
	// is killed, the kernel does.
	d.cmd.SysProcAttr = &unix.SysProcAttr{Setpgid: true, Pdeathsig: unix.SIGTERM}
	if err := d.cmd.Start(); err != nil {
		return nil, errors.Join(fmt.Errorf("start a donor: %w", err), os.RemoveAll(root))
	}
	go func() { d.ended <- d.cmd.Wait() }()
	if err := d.await(ctx); err != nil {
		return nil, errors.Join(err, d.end())
	}
	return d, nil
}

// await waits until the donor answers.
func (d *ownDonor) await(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, ownDonorStart)
	defer cancel()
	ticker := time.NewTicker(ownDonorPoll)
	defer ticker.Stop()
	for {
		select {
		case err := <-d.ended:
			d.ended <- err
			return fmt.Errorf("the donor of this command ended: %s", lastLine(d.log.Bytes()))
		case <-ctx.Done():
			return fmt.Errorf("the donor of this command does not start: %w", ctx.Err())
		case <-ticker.C:
		}
		s, err := status.FetchDonor(ctx, status.Socket(status.DonorDir(d.root, ownDonorName)))
		if err == nil {
			d.address = s.Address
			return nil
		}
	}
}

// end stops the process and waits for it; then nothing of it is left.
func (d *ownDonor) end() error {
	_ = d.cmd.Process.Signal(unix.SIGTERM) // it may have ended
	timer := time.AfterFunc(ownDonorEnd, func() { _ = d.cmd.Process.Kill() })
	defer timer.Stop()
	<-d.ended
	return os.RemoveAll(d.root)
}

// lastLine is what a process said last: why it ended.
func lastLine(log []byte) string {
	lines := bytes.Split(bytes.TrimSpace(log), []byte("\n"))
	return string(lines[len(lines)-1])
}
