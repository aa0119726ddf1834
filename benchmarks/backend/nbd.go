package backend

import (
	"context"
	"errors"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"github.com/farswap/farswap/internal/human"
)

// nbd is swap on the kernel's network block device, with a server in memory.
func nbd() Backend {
	return Backend{
		Name:  "nbd",
		About: "the kernel's nbd over TCP on loopback, to nbdkit with its memory behind it",
		Lacks: lacks(hasModule("nbd"), hasCommands("nbdkit", "nbd-client")),
		Up:    brings("nbd", nbdUp),
	}
}

func nbdUp(ctx context.Context, b *bringUp) error {
	if err := module(ctx, "nbd"); err != nil {
		return err
	}
	path, err := freeNBD("/sys/block")
	if err != nil {
		return err
	}
	port, err := FreePorts(localhost, 1)
	if err != nil {
		return err
	}
	server, err := b.start(donorSide, "nbdkit", "nbdkit", "--foreground", "--ipaddr", localhost, "--port", strconv.Itoa(port),
		"memory", strconv.FormatInt(b.Size, 10), "allocator=malloc,mlock=true")
	if err != nil {
		return err
	}
	if err := server.ready(ctx, func() bool { return listens(localhost, port) }); err != nil {
		return err
	}
	if err := b.then("nbd-client -d %s", path); err != nil {
		return err
	}
	connections := runtime.NumCPU()
	_, err = command(ctx, "nbd-client", "-persist", localhost, strconv.Itoa(port), path, "-b", strconv.Itoa(pageSize), "-C", strconv.Itoa(connections))
	if err != nil {
		return err
	}
	b.fact("server", "nbdkit memory, locked, %s", human.Bytes(b.Size))
	b.fact("network", "TCP on loopback, %d connections", connections)
	b.fact("CPU of the device", "not told: kernel workers")
	return b.swapOn(ctx, path)
}

// freeNBD finds the first nbd device, below sys, that is not connected.
func freeNBD(sys string) (string, error) {
	dirs, err := filepath.Glob(filepath.Join(sys, "nbd*"))
	if err != nil {
		return "", err
	}
	slices.SortFunc(dirs, func(a, b string) int { // nbd10 after nbd9
		if len(a) != len(b) {
			return len(a) - len(b)
		}
		return strings.Compare(a, b)
	})
	for _, dir := range dirs {
		if size, err := get(filepath.Join(dir, "size")); err == nil && size == "0" {
			return filepath.Join("/dev", filepath.Base(dir)), nil
		}
	}
	return "", errors.New("no free nbd device: disconnect one with `nbd-client -d /dev/nbdN`")
}
