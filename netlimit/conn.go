package netlimit

import (
	"container/list"
	"net"
	"sync/atomic"
)

// Conn is a connection that has passed a Door. Besides the methods of net.Conn, Prove and Idle may be
// called from any goroutine.
type Conn struct {
	*net.TCPConn
	door    *Door
	origin  Origin
	evicted atomic.Bool

	// Door.mu guards what follows. Both are zero once the connection is closed or evicted.
	place  *list.Element // among the unproven ones
	proven bool
	number uint64 // rising with the time at which connections of all origins came
}

// Prove says that the peer has shown who it is: from now on the door does not evict the connection. The
// error is ErrEvicted if it has done so already, ErrFull if the door has no place for one more proven
// connection, or net.ErrClosed. A proven connection stays what it is. For a nil Conn, of a connection that
// has passed no door, it does nothing.
func (c *Conn) Prove() error {
	if c == nil {
		return nil
	}
	d := c.door
	d.mu.Lock()
	defer d.mu.Unlock()
	switch from := d.origins[c.origin]; {
	case c.proven:
		return nil
	case c.evicted.Load():
		return ErrEvicted
	case c.place == nil:
		return net.ErrClosed
	case d.limits.Proven > 0 && d.stats.Proven >= d.limits.Proven,
		d.limits.ProvenPerOrigin > 0 && from.proven >= d.limits.ProvenPerOrigin:
		return ErrFull
	default:
		from.proven++
		d.stats.Proven++
		from.unproven.Remove(c.place)
		c.place, c.proven = nil, true
		d.stats.Unproven--
		d.remember(c.origin)
	}
	return nil
}

// Idle takes Prove back: the connection counts as the newest unproven one of its origin. It does nothing
// for an unproven connection and for a nil Conn. It may evict another connection.
func (c *Conn) Idle() {
	if c == nil {
		return
	}
	d := c.door
	d.mu.Lock()
	var victim *Conn
	if c.proven {
		d.take(c)
		victim = d.await(c, d.last.Add(1))
	}
	d.mu.Unlock()
	if victim != nil {
		victim.reset()
	}
}

// Read is part of net.Conn.
func (c *Conn) Read(b []byte) (int, error) {
	n, err := c.TCPConn.Read(b)
	return n, c.why(err)
}

// Write is part of net.Conn.
func (c *Conn) Write(b []byte) (int, error) {
	n, err := c.TCPConn.Write(b)
	return n, c.why(err)
}

// why replaces the error of a closed connection by the reason why it was closed.
func (c *Conn) why(err error) error {
	if err != nil && c.evicted.Load() {
		return ErrEvicted
	}
	return err
}

// Close is part of net.Conn. It gives the connection's place back.
func (c *Conn) Close() error {
	c.door.mu.Lock()
	c.door.take(c)
	c.door.mu.Unlock()
	return c.TCPConn.Close()
}

// reset closes a connection that is no longer counted. The peer gets a reset, so that the kernel keeps
// nothing of the connection.
func (c *Conn) reset() {
	_ = c.SetLinger(0)
	_ = c.TCPConn.Close()
}

// Of returns the Conn that a connection is, or that a TLS connection runs over. It is nil if there is none.
func Of(conn net.Conn) *Conn {
	if over, ok := conn.(interface{ NetConn() net.Conn }); ok {
		conn = over.NetConn()
	}
	c, _ := conn.(*Conn)
	return c
}
