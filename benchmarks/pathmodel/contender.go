package pathmodel

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"github.com/farswap/farswap/benchmarks/backend"
)

// localhost is where servers listen.
const localhost = "127.0.0.1"

// Names of contenders.
const (
	Farswap    = "farswap"
	Nbdkit     = "nbd-nbdkit"
	NbdMinimal = "nbd-minimal"
)

// contender is farswap, or a model of nbd with a server.
type contender struct {
	name  string
	pages *pages
	// open opens the way of an application thread, on that thread.
	open func(i int) (way, error)
	// device and server list the threads of those parts.
	device, server func() ([]task, error)
	area           *area // of the requests
	closers
}

// begin starts a contender, and writes all of its pages. folder is for what it keeps. The calling
// goroutine is locked to its thread.
func begin(ctx context.Context, name string, cfg Config, folder string) (*contender, error) {
	c := &contender{name: name, pages: newPages(cfg.Size)}
	if err := c.begin(ctx, cfg, folder); err != nil {
		return nil, errors.Join(fmt.Errorf("set %s up: %w", name, err), c.close())
	}
	return c, nil
}

func (c *contender) begin(ctx context.Context, cfg Config, folder string) error {
	a, f, err := newArea(MaxThreads)
	if err != nil {
		return err
	}
	c.area = a
	c.add(a.close)
	c.add(f.Close)
	defer context.AfterFunc(ctx, func() { a.abort(ctx.Err()) })()
	switch c.name {
	case Farswap:
		err = c.beginFarswap(ctx, cfg, folder, f)
	case Nbdkit:
		err = c.beginNbdkit(ctx, cfg)
	default:
		err = c.beginMinimal(ctx, cfg)
	}
	if err != nil {
		return err
	}
	w, err := c.open(0)
	if err != nil {
		return err
	}
	return errors.Join(fillPages(c.pages, w), w.close())
}

// endWait is how long the end of a process may take to be noticed after the failure that it causes.
const endWait = 5 * time.Second

// explain adds to the error of a burst that a process has ended, if one has. A device without its
// donor may fail a request before the end of the donor is noticed.
func (c *contender) explain(err error) error {
	if errors.Is(err, ErrMismatch) || errors.Is(err, errAborted) || errors.Is(err, errNotCounted) {
		return err
	}
	select {
	case <-c.area.over:
		return fmt.Errorf("%w: %w", *c.area.cause.Load(), err)
	case <-time.After(endWait):
		return err
	}
}

// start starts a process that ends with the contender.
func (c *contender) start(name string, argv []string, files ...*os.File) (*process, error) {
	p, err := startProcess(name, argv, c.area.abort, files...)
	if err != nil {
		return nil, err
	}
	c.add(p.stop)
	return p, nil
}

// part starts a part and hears that it is ready.
func (c *contender) part(name string, cfg Config, o order, ready any, files ...*os.File) (*process, error) {
	text, err := json.Marshal(o)
	if err != nil {
		return nil, err
	}
	p, err := c.start("the "+name, append(cfg.Self[:len(cfg.Self):len(cfg.Self)], name, string(text)), files...)
	if err != nil {
		return nil, err
	}
	return p, p.hear(ready)
}

// spareSlabs are lent beyond the size of the device.
const spareSlabs = 2

// beginFarswap starts a donor, and a device that uses it.
func (c *contender) beginFarswap(ctx context.Context, cfg Config, folder string, f *os.File) error {
	port, err := backend.FreePorts(localhost, 3) // control, TCP, RDMA
	if err != nil {
		return err
	}
	address := net.JoinHostPort(localhost, strconv.Itoa(port))
	donor, err := c.start("the donor", append(cfg.Donor[:len(cfg.Donor):len(cfg.Donor)], "--config", "/dev/null",
		"--listen", address, "--insecure", "--transport", "tcp", "--name", "bench-path",
		"--memory", strconv.FormatInt(cfg.Size+spareSlabs*slabSize, 10), "--headroom", "1%", "--state-root", filepath.Join(folder, "donor")))
	if err != nil {
		return err
	}
	donor.watch()
	if err := donor.listens(ctx, address); err != nil {
		return err
	}
	c.server = donor.tasks
	o := order{Size: cfg.Size, Donor: address, Seal: cfg.Seal, State: filepath.Join(folder, "device")}
	if cfg.DeviceProcess {
		return c.beginDevice(cfg, o, f)
	}
	return c.openDevice(ctx, o)
}

// openDevice opens the device in this process.
func (c *contender) openDevice(ctx context.Context, o order) error {
	k := &kernel{area: c.area}
	d, err := o.openDevice(ctx, k)
	if err != nil {
		return err
	}
	c.add(func() error { return d.Stop(context.Background()) })
	go func() { // it may end by itself
		<-d.Done()
		c.area.abort(fmt.Errorf("the device has ended: %w", d.Err()))
	}()
	c.open = func(i int) (way, error) { return openRingWay(c.area, i, int32(k.made.ring()), k.made.messages) }
	c.device = func() ([]task, error) { return []task{{os.Getpid(), k.made.tid}}, nil }
	return nil
}

// beginDevice starts the device as a process of its own. f is the file of the area.
func (c *contender) beginDevice(cfg Config, o order, f *os.File) error {
	var ready deviceReady
	device, err := c.part(devicePart, cfg, o, &ready, f)
	if err != nil {
		return err
	}
	ring, err := fileOf(device.cmd.Process.Pid, ready.Ring)
	if err != nil {
		return err
	}
	c.add(func() error { return unix.Close(ring) })
	c.open = func(i int) (way, error) { return openRingWay(c.area, i, int32(ring), ready.Class) }
	c.device = device.tasks
	return nil
}

// fileOf is this process's descriptor of a file of a child. Rings do not go over sockets.
func fileOf(pid, fd int) (int, error) {
	process, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return -1, fmt.Errorf("open process %d: %w", pid, err)
	}
	defer unix.Close(process)
	own, err := unix.PidfdGetfd(process, fd, 0)
	if err != nil {
		return -1, fmt.Errorf("get descriptor %d of process %d: %w", fd, pid, err)
	}
	return own, nil
}

// beginNbdkit starts nbdkit, with its defaults.
func (c *contender) beginNbdkit(ctx context.Context, cfg Config) error {
	port, err := backend.FreePorts(localhost, 1)
	if err != nil {
		return err
	}
	p, err := c.start("nbdkit", []string{
		cfg.Nbdkit, "--foreground", "--ipaddr", localhost, "--port", strconv.Itoa(port),
		"memory", strconv.FormatInt(cfg.Size, 10), "allocator=malloc",
	})
	if err != nil {
		return err
	}
	p.watch()
	address := net.JoinHostPort(localhost, strconv.Itoa(port))
	if err := p.listens(ctx, address); err != nil {
		return err
	}
	return c.connect(ctx, cfg, address, p)
}

// beginMinimal starts the minimal server.
func (c *contender) beginMinimal(ctx context.Context, cfg Config) error {
	var ready serverReady
	p, err := c.part(serverPart, cfg, order{Size: cfg.Size}, &ready)
	if err != nil {
		return err
	}
	return c.connect(ctx, cfg, ready.Address, p)
}

// connect connects a model of the kernel's client to a server.
func (c *contender) connect(ctx context.Context, cfg Config, address string, server *process) error {
	client, err := dialNBD(ctx, address, cfg.Size, c.area)
	if err != nil {
		return err
	}
	c.add(client.close)
	c.open = func(i int) (way, error) { return client.open(i), nil }
	c.device = func() ([]task, error) { return []task{{os.Getpid(), client.tid}}, nil }
	c.server = server.tasks
	return nil
}
