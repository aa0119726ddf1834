package pathmodel

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"

	"github.com/rs/zerolog"

	"github.com/farswap/farswap/internal/devserver"
	"github.com/farswap/farswap/swapdev"
	"github.com/farswap/farswap/uring"
)

// Parts, which are processes of their own.
const (
	devicePart = "device"
	serverPart = "server" // the minimal one of nbd
)

// areaFD is the descriptor under which a part gets the area.
const areaFD = 3

// order is what a part has to know. It is an argument of its command.
type order struct {
	Size  int64
	Donor string // address
	Seal  swapdev.Seal
	State string // folder for the device's state
}

// deviceReady is what the device says when it takes requests.
type deviceReady struct {
	Ring  int         // descriptor of the queue's ring, in that process
	Class uring.Class // of messages to it
}

// serverReady is what the server says when it listens.
type serverReady struct{ Address string }

// Part is what a process does that Run has started with Config.Self: args are the name of a
// part and its order. It serves until in ends.
func Part(args []string, in io.Reader, out io.Writer) error {
	if len(args) != 2 {
		return fmt.Errorf("%d arguments, want a part and its order: %w", len(args), ErrConfig)
	}
	var o order
	if err := json.Unmarshal([]byte(args[1]), &o); err != nil {
		return fmt.Errorf("order %q: %w: %w", args[1], err, ErrConfig)
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() {
		_, _ = io.Copy(io.Discard, in)
		cancel()
	}()
	switch args[0] {
	case devicePart:
		return o.device(ctx, out)
	case serverPart:
		return o.server(ctx, out)
	}
	return fmt.Errorf("part %q: want %s or %s: %w", args[0], devicePart, serverPart, ErrConfig)
}

// device serves a device whose driver is a model.
func (o order) device(ctx context.Context, out io.Writer) (err error) {
	a, err := mapArea(os.NewFile(areaFD, "area"))
	if err != nil {
		return err
	}
	k := &kernel{area: a}
	d, err := o.openDevice(ctx, k)
	if err != nil {
		return err
	}
	if err := json.NewEncoder(out).Encode(deviceReady{k.made.ring(), k.made.messages}); err != nil {
		return errors.Join(err, d.Stop(ctx))
	}
	select {
	case <-ctx.Done():
	case <-d.Done():
		return fmt.Errorf("the device has ended: %w", d.Err())
	}
	return d.Stop(context.Background())
}

// openDevice opens a device whose driver is k.
func (o order) openDevice(ctx context.Context, k *kernel) (*swapdev.Device, error) {
	return swapdev.Open(ctx, swapdev.Config{
		ID: -1, Size: o.Size, SlabSize: slabSize, Queues: 1, Donors: []string{o.Donor}, Transport: "tcp",
		Backing: swapdev.NoBacking, AcceptLoss: true, // one copy, as with nbd
		Seal: o.Seal, Insecure: true, Probes: swapdev.ProbesOff, StateRoot: o.State,
		Driver: func() (devserver.Driver, error) { return k, nil },
		Log:    zerolog.New(os.Stderr).Level(zerolog.ErrorLevel),
	})
}

// server is the minimal server of nbd.
func (o order) server(ctx context.Context, out io.Writer) error {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", localhost+":0")
	if err != nil {
		return err
	}
	if err := json.NewEncoder(out).Encode(serverReady{l.Addr().String()}); err != nil {
		return errors.Join(err, l.Close())
	}
	return serveNBD(ctx, l, o.Size)
}
