package control

import (
	"errors"
	"net"
	"os"
	"testing"
	"time"
)

// jumpy is a connection whose first reads pass their deadlines, as after a pause of the process.
type jumpy struct {
	net.Conn
	late int // reads
	read int
}

func (c *jumpy) SetReadDeadline(time.Time) error { return nil }

func (c *jumpy) Read(b []byte) (int, error) {
	if c.read++; c.read <= c.late {
		return 0, os.ErrDeadlineExceeded
	}
	return copy(b, "x"), nil
}

func TestPulse(t *testing.T) {
	now := func() time.Time { return time.Now().Add(time.Minute) }
	never := func() time.Time { return time.Time{} }
	for _, c := range []struct {
		name  string
		late  int
		alive func() time.Time
		reads int // 0: the peer is given up
	}{
		{"well", 0, nil, 1},
		{"what came during a pause is read first", 2, nil, 3},
		{"silent", 3, nil, 0},
		{"silent everywhere", 3, never, 0},
		{"heard elsewhere", 10, now, 11},
	} {
		conn := &jumpy{late: c.late}
		p := &pulse{conn: conn, every: time.Millisecond, most: 3, alive: c.alive}
		n, err := p.Read(make([]byte, 1))
		switch {
		case c.reads == 0 && (n != 0 || !errors.Is(err, os.ErrDeadlineExceeded) || conn.read != 3):
			t.Errorf("%s: %d bytes, %v, after %d reads", c.name, n, err, conn.read)
		case c.reads > 0 && (n != 1 || err != nil || conn.read != c.reads):
			t.Errorf("%s: %d bytes, %v, after %d reads", c.name, n, err, conn.read)
		}
	}
}
