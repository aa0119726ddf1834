package swapdev

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"github.com/farswap/farswap/internal/devserver"
	"github.com/farswap/farswap/ublk"
	"github.com/farswap/farswap/ublk/ublktest"
)

// simKernel plays the kernel's driver for servers that are killed. What it knows of the device is in a file, because
// that outlives them. The queues are simulated. It has one device, of number 0.
type simKernel struct {
	path string
	// passes is told each step of a device's life when it is done. It may end the process.
	passes func(step string)
	made   *simDevice // by this process, of the last Add or Recover
}

// Steps of the life of a device in the driver.
const (
	stepAdded     = "ADD_DEV is done"
	stepFetches   = "the queues of a new server are about to fetch"
	stepQueues    = "the queues of a new server have fetched"
	stepStarted   = "START_DEV is done"
	stepRecovers  = "START_USER_RECOVERY is done"
	stepRecovered = "END_USER_RECOVERY is done"
	stepStops     = "a stop was asked for"
	stepStopped   = "STOP_DEV is done"
	stepDeleted   = "DEL_DEV is done"
)

func newSimKernel(folder string, passes func(step string)) *simKernel {
	return &simKernel{path: filepath.Join(folder, "kernel"), passes: passes}
}

// simInfo is what the driver knows.
type simInfo struct {
	State ublk.State
	PID   int
}

// known returns what the driver knows. Errors wrap ublk.ErrNoDevice.
func (k *simKernel) known() (i simInfo, err error) {
	text, err := os.ReadFile(k.path)
	if errors.Is(err, os.ErrNotExist) {
		return i, ublk.ErrNoDevice
	}
	if err == nil {
		err = json.Unmarshal(text, &i)
	}
	if i.State == ublk.StateLive && errors.Is(unix.Kill(i.PID, 0), unix.ESRCH) {
		i.State = ublk.StateQuiesced
	}
	return i, err
}

func (k *simKernel) learn(i simInfo) error {
	text, err := json.Marshal(i)
	if err != nil {
		return err
	}
	// By another name first: its server may be killed in between, and the kernel would not.
	return errors.Join(os.WriteFile(k.path+".new", text, 0o600), os.Rename(k.path+".new", k.path))
}

func (k *simKernel) open() (devserver.Driver, error) { return k, nil }

// Add implements devserver.Driver.
func (k *simKernel) Add(spec ublk.Spec) (devserver.Device, error) {
	if _, err := k.known(); !errors.Is(err, ublk.ErrNoDevice) {
		return nil, errors.Join(ublk.ErrIDTaken, err)
	}
	if err := k.learn(simInfo{State: ublk.StateDead}); err != nil {
		return nil, err
	}
	k.passes(stepAdded)
	k.made = &simDevice{kernel: k, spec: spec, done: make(chan struct{})}
	return k.made, nil
}

// Recover implements devserver.Driver.
func (k *simKernel) Recover(spec ublk.Spec) (devserver.Device, error) {
	switch i, err := k.known(); {
	case err != nil:
		return nil, err
	case i.State == ublk.StateLive:
		return nil, ublk.ErrInUse
	case i.State == ublk.StateDead:
		return nil, ublk.ErrState
	}
	k.passes(stepRecovers)
	k.made = &simDevice{kernel: k, spec: spec, recovered: true, done: make(chan struct{})}
	return k.made, nil
}

// Info implements devserver.Driver.
func (k *simKernel) Info(int) (ublk.DevInfo, error) {
	i, err := k.known()
	return ublk.DevInfo{State: i.State, ServerPID: int32(i.PID)}, err
}

// Close implements devserver.Driver.
func (k *simKernel) Close() error { return nil }

// simDevice is a device of a simKernel.
type simDevice struct {
	kernel    *simKernel
	spec      ublk.Spec
	recovered bool

	queues *ublktest.Device // nil: not started, or stopped
	done   chan struct{}
	err    error // valid after done
}

func (d *simDevice) ID() int                       { return 0 }
func (d *simDevice) Path() string                  { return "/dev/simulated" }
func (d *simDevice) Failed() bool                  { return false }
func (d *simDevice) Refused() uint64               { return 0 }
func (d *simDevice) Refusals() <-chan ublk.Refusal { return nil }
func (d *simDevice) Done() <-chan struct{}         { return d.done }
func (d *simDevice) Err() error                    { return d.err }
func (d *simDevice) Leave() error                  { return nil }
func (d *simDevice) Batches() (_, _ uint64)        { return 0, 0 }

func (d *simDevice) Info() ublk.DevInfo {
	return ublk.DevInfo{Queues: uint16(d.spec.Queues), Depth: uint16(d.spec.Depth), MaxIO: uint32(d.spec.MaxIO)}
}

func (d *simDevice) Quiesce(time.Duration) error {
	return fmt.Errorf("quiesce a simulated device: %w", ublk.ErrUnsupported)
}

func (d *simDevice) Start(target ublk.Target) error {
	d.kernel.passes(stepFetches)
	d.queues = ublktest.Open(&childT{}, target, d.spec)
	d.kernel.passes(stepQueues)
	if err := d.kernel.learn(simInfo{ublk.StateLive, os.Getpid()}); err != nil {
		return err
	}
	if d.recovered {
		d.kernel.passes(stepRecovered)
	} else {
		d.kernel.passes(stepStarted)
	}
	return nil
}

func (d *simDevice) Stop() error {
	if d.queues == nil {
		return nil
	}
	d.kernel.passes(stepStops)
	d.err = d.queues.Close()
	d.queues = nil
	if err := d.kernel.learn(simInfo{State: ublk.StateDead}); err != nil {
		return err
	}
	d.kernel.passes(stepStopped)
	close(d.done)
	return nil
}

func (d *simDevice) Delete() error {
	if err := errors.Join(d.Stop(), os.Remove(d.kernel.path)); err != nil {
		return err
	}
	d.kernel.passes(stepDeleted)
	return nil
}
