package backend

import (
	"context"
	"strconv"
	"strings"

	"github.com/farswap/farswap/ublk/targets"
)

// hardDisk is swap on the model of a hard disk that `farswap ublk add --target hdd` serves.
func hardDisk() Backend {
	return Backend{
		Name:  "hdd",
		About: "a hard disk: " + targets.Disk7200.String() + "; modelled by farswap's ublk target, in memory",
		Lacks: lacks(hasModule("ublk_drv")),
		Up:    brings("hdd", hardDiskUp),
	}
}

func hardDiskUp(ctx context.Context, b *bringUp) error {
	path, err := b.device(ctx, "hdd", "--target", "hdd", "--size", strconv.FormatInt(b.Size, 10))
	if err != nil {
		return err
	}
	b.fact("profile", "%v; one request at a time, sorted by mq-deadline", targets.Disk7200)
	b.fact("model", "ublk target in memory: one head and a track buffer, no write cache; the area is the whole disk")
	return b.swapOn(ctx, path)
}

// device starts `farswap ublk add` and returns the path of its device.
func (b *bringUp) device(ctx context.Context, name string, options ...string) (string, error) {
	if err := module(ctx, "ublk_drv"); err != nil {
		return "", err
	}
	server, err := b.start(deviceSide, name, append([]string{b.Farswap, "ublk", "add", "--config", "/dev/null"}, options...)...)
	if err != nil {
		return "", err
	}
	if err := server.ready(ctx, func() bool { return server.said() != "" }); err != nil {
		return "", err
	}
	path := server.said()
	err = b.then("[ ! -e %s ] || %s ublk stop %s", path, quote(b.Farswap), strings.TrimPrefix(path, "/dev/ublkb"))
	return path, err
}
