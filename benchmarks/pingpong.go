package benchmarks

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"runtime"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	"golang.org/x/sys/unix"
)

// Sizes of a ping-pong: a request for a page over TCP, and the page.
const (
	pingBytes = 64
	pongBytes = 4096
)

// PingPong is how long a bare exchange over TCP takes: 64 bytes there and 4 KiB back, one
// exchange at a time, by blocking system calls of one thread at each end. A page that comes
// over TCP cannot take less.
type PingPong struct {
	Count   int64   `json:"count"`
	Seconds float64 `json:"seconds"`
	P50NS   int64   `json:"p50_ns"`
	P99NS   int64   `json:"p99_ns"`
}

// ServePingPong answers on l, one connection after the other, until ctx ends. It closes l.
func ServePingPong(ctx context.Context, l net.Listener) error {
	defer context.AfterFunc(ctx, func() { _ = l.Close() })()
	for {
		conn, err := l.Accept()
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		pong := make([]byte, pongBytes)
		err = bare(ctx, conn, func(fd int) error {
			for {
				if err := receive(fd, pong[:pingBytes]); err != nil {
					return err
				}
				if err := send(fd, pong); err != nil {
					return err
				}
			}
		})
		if ctx.Err() != nil {
			return nil
		}
		if !errors.Is(err, errHungUp) {
			return err
		}
	}
}

// RunPingPong does exchanges with the server at address for d.
func RunPingPong(ctx context.Context, address string, d time.Duration) (PingPong, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
	if err != nil {
		return PingPong{}, err
	}
	latency, page := hdrhistogram.New(1, int64(maxVerbsLatency), verbsLatencyDigits), make([]byte, pongBytes)
	begin := time.Now()
	err = bare(ctx, conn, func(fd int) error {
		for now := begin; now.Sub(begin) < d; {
			if err := send(fd, page[:pingBytes]); err != nil {
				return err
			}
			if err := receive(fd, page); err != nil {
				return err
			}
			then := now
			now = time.Now()
			_ = latency.RecordValue(int64(min(max(now.Sub(then), 1), maxVerbsLatency))) // within its bounds
		}
		return nil
	})
	if err != nil {
		return PingPong{}, fmt.Errorf("ping-pong with %s: %w", address, err)
	}
	return PingPong{
		Count: latency.TotalCount(), Seconds: time.Since(begin).Seconds(),
		P50NS: latency.ValueAtQuantile(50), P99NS: latency.ValueAtQuantile(99),
	}, nil
}

// errHungUp means that the other end has closed the connection.
var errHungUp = errors.New("the connection was closed")

// bare calls f on a thread of its own, with a blocking descriptor of conn, and closes it
// afterwards. The end of ctx shuts the connection down.
func bare(ctx context.Context, conn net.Conn, f func(fd int) error) error {
	fd, err := TakeSocket(conn.(*net.TCPConn))
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	defer context.AfterFunc(ctx, func() { _ = unix.Shutdown(fd, unix.SHUT_RDWR) })()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := f(fd); err != nil {
		return errors.Join(ctx.Err(), err)
	}
	return ctx.Err()
}

func send(fd int, b []byte) error {
	for len(b) > 0 {
		n, err := unix.Write(fd, b)
		if err != nil && !errors.Is(err, unix.EINTR) {
			return os.NewSyscallError("write", err)
		}
		b = b[max(n, 0):]
	}
	return nil
}

func receive(fd int, b []byte) error {
	for len(b) > 0 {
		n, err := unix.Read(fd, b)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case err != nil:
			return os.NewSyscallError("read", err)
		case n == 0:
			return errHungUp
		}
		b = b[n:]
	}
	return nil
}
