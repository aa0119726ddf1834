package pathmodel

import (
	"context"
	"errors"
	"fmt"
	"net"
	"runtime"

	"golang.org/x/sys/unix"

	"github.com/farswap/farswap/ublk"
)

// nbdClient is a connection to a server of nbd, and the thread that receives its answers. It
// is what the kernel's client is with one connection.
type nbdClient struct {
	socket socket
	sends  lock // one request goes out at a time
	area   *area
	tid    int // of the thread that receives
	ended  chan struct{}
	err    error // why it ended, valid after ended
}

// dialNBD connects to the export at address, which must have size bytes at least.
func dialNBD(ctx context.Context, address string, size int64, a *area) (*nbdClient, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	has, err := greetServer(conn)
	if err == nil && has < size {
		err = fmt.Errorf("the export has %d bytes, want %d", has, size)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("connect to the server of nbd at %s: %w", address, err), conn.Close())
	}
	c := &nbdClient{area: a, ended: make(chan struct{})}
	if c.socket, err = newSocket(conn.(*net.TCPConn)); err != nil {
		return nil, err
	}
	ready := make(chan int)
	go c.receive(ready)
	c.tid = <-ready
	return c, nil
}

// receive is the thread that receives.
func (c *nbdClient) receive(ready chan<- int) {
	runtime.LockOSThread() // never unlocked: the thread is bound to CPUs
	defer close(c.ended)
	ready <- unix.Gettid()
	var head [nbdReplyBytes]byte
	for {
		if c.err = c.answer(head[:]); c.err != nil {
			c.area.abort(fmt.Errorf("the connection to the server of nbd: %w", c.err))
			return
		}
	}
}

// answer receives one answer and wakes who waits for it.
func (c *nbdClient) answer(head []byte) error {
	if err := c.socket.receive(head); err != nil {
		return err
	}
	r, err := parseReply(head)
	if err != nil {
		return err
	}
	if r.cookie >= uint64(c.area.slots()) {
		return fmt.Errorf("answer for request %d, which nobody made: %w", r.cookie, errProtocol)
	}
	s, page := c.area.slot(int(r.cookie))
	res := int32(pageSize)
	if r.errno != 0 {
		res = -int32(r.errno)
	} else if !isWrite(ublk.Op(s.op)) {
		if err := c.socket.receive(page); err != nil {
			return err
		}
	}
	s.answer(res)
	futexWake(&s.word)
	return nil
}

// close ends the connection and the thread.
func (c *nbdClient) close() error {
	c.socket.shut()
	<-c.ended
	return c.socket.close()
}

// nbdWay sends requests over the connection of a client.
type nbdWay struct {
	client *nbdClient
	index  int
	slot   *slot
	page   []byte
	head   [nbdRequestBytes]byte
}

func (c *nbdClient) open(i int) *nbdWay {
	s, page := c.area.slot(i)
	return &nbdWay{client: c, index: i, slot: s, page: page}
}

func (w *nbdWay) data() []byte { return w.page }

func (w *nbdWay) do(op ublk.Op, page int64) error {
	c := w.client
	w.slot.ask(uint32(op), uint64(page))
	nbdRequest{write: isWrite(op), cookie: uint64(w.index), offset: uint64(page) * pageSize, length: pageSize}.put(w.head[:])
	var data []byte
	if isWrite(op) {
		data = w.page
	}
	c.sends.lock()
	err := c.socket.send(w.head[:], data)
	c.sends.unlock()
	if err != nil {
		return err
	}
	return c.area.result(w.slot, op, page)
}

func (w *nbdWay) close() error { return nil }
