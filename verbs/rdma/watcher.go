//go:build cgo

package rdma

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// pollable is a file of a C library as Go's poller sees it: a duplicate, so that
// each side closes its own.
type pollable struct {
	file *os.File
	conn syscall.RawConn
}

// newPollable takes a file descriptor that does not block.
func newPollable(fd int) (*pollable, error) {
	dup, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("duplicate an RDMA file descriptor: %w", err)
	}
	file := os.NewFile(uintptr(dup), "rdma")
	conn, err := file.SyscallConn()
	if err != nil {
		_ = file.Close()
		return nil, err
	}
	return &pollable{file, conn}, nil
}

// until calls ready, and again whenever the file can be read, until it says yes
// or ctx ends or the file is closed.
func (p *pollable) until(ctx context.Context, ready func() bool) error {
	if err := p.file.SetReadDeadline(time.Time{}); err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { _ = p.file.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	err := p.conn.Read(func(uintptr) bool { return ready() })
	if errors.Is(err, os.ErrDeadlineExceeded) && ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

func (p *pollable) close() { _ = p.file.Close() }

// watcher takes events off a file on a goroutine of its own.
type watcher struct {
	poll *pollable
	wg   sync.WaitGroup
}

// watch calls next whenever fd can be read, until it says that there is no more.
func watch(fd int, next func() bool) (*watcher, error) {
	poll, err := newPollable(fd)
	if err != nil {
		return nil, err
	}
	w := &watcher{poll: poll}
	w.wg.Go(func() {
		_ = poll.until(context.Background(), func() bool {
			for next() {
			}
			return false
		})
	})
	return w, nil
}

// close ends the goroutine and waits for it.
func (w *watcher) close() {
	w.poll.close()
	w.wg.Wait()
}
