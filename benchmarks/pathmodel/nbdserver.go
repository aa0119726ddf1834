package pathmodel

import (
	"context"
	"errors"
	"fmt"
	"net"
	"runtime"

	"golang.org/x/sys/unix"

	"github.com/farswap/farswap/offheap"
)

// serveNBD is the minimal server of nbd: an export of size bytes in memory, and a thread for
// each connection that l accepts, until ctx ends. It closes l.
func serveNBD(ctx context.Context, l net.Listener, size int64) error {
	defer context.AfterFunc(ctx, func() { _ = l.Close() })()
	memory, err := offheap.Map(int(size), offheap.Options{Huge: true, Populate: true})
	if err != nil {
		return errors.Join(err, l.Close())
	}
	keepProcs() // for as long as the process lives
	for {
		conn, err := l.Accept()
		if err != nil {
			if ctx.Err() != nil {
				err = nil
			}
			return err // the process ends, and with it threads and memory
		}
		if err := greetClient(conn, size); err != nil {
			_ = conn.Close() // a look whether somebody listens
			continue
		}
		s, err := newSocket(conn.(*net.TCPConn))
		if err != nil {
			return err
		}
		go serveConnection(s, memory)
	}
}

// serveConnection answers requests until the connection ends.
func serveConnection(s socket, memory []byte) {
	runtime.LockOSThread()
	defer s.close()
	var head [nbdRequestBytes]byte
	var reply [nbdReplyBytes]byte
	for {
		if s.receive(head[:]) != nil || answerNBD(s, memory, head[:], reply[:]) != nil {
			return // the client notices, and says so
		}
	}
}

// answerNBD carries one request out. What it cannot understand is an error: nobody knows where
// the next one would begin.
func answerNBD(s socket, memory, head, reply []byte) error {
	r, err := parseRequest(head)
	if err != nil {
		return err
	}
	answer := nbdReply{cookie: r.cookie}
	if end := r.offset + uint64(r.length); end < r.offset || end > uint64(len(memory)) {
		if r.write {
			return fmt.Errorf("write of %d bytes at %d, export of %d: %w", r.length, r.offset, len(memory), errProtocol)
		}
		answer.errno = uint32(unix.EINVAL)
		answer.put(reply)
		return s.send(reply, nil)
	}
	data := memory[r.offset : r.offset+uint64(r.length)]
	answer.put(reply)
	if !r.write {
		return s.send(reply, data)
	}
	if err := s.receive(data); err != nil {
		return err
	}
	return s.send(reply, nil)
}
