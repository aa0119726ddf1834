package control

import (
	"errors"
	"net"
	"os"
	"time"
)

// pulse reads frames from a connection, and gives the peer up when a frame is late by most steps, in
// each of which a sign of life is due. It counts the steps one by one: a process that has not run for
// a while, whose clock has passed several at once, first reads what came meanwhile.
type pulse struct {
	conn  net.Conn
	every time.Duration    // a step; 0: the connection's own deadline counts
	most  int              // steps
	alive func() time.Time // when the peer was last heard elsewhere; nil: nowhere
	until time.Time        // the end of all reads; zero: none

	missed int       // steps of this frame
	begun  time.Time // of this step
}

// frame begins a frame. It asks whether the peer was heard elsewhere: whoever answers that by
// comparing counts is to count from here.
func (p *pulse) frame() {
	p.missed, p.begun = 0, time.Now()
	if p.alive != nil {
		p.alive()
	}
}

// Read implements io.Reader. The error is os.ErrDeadlineExceeded when the peer is given up.
func (p *pulse) Read(b []byte) (int, error) {
	if p.every == 0 {
		return p.conn.Read(b)
	}
	for {
		deadline := p.begun.Add(p.every)
		if !p.until.IsZero() {
			deadline = p.until
		}
		_ = p.conn.SetReadDeadline(deadline)
		n, err := p.conn.Read(b)
		if n > 0 || !errors.Is(err, os.ErrDeadlineExceeded) || !p.until.IsZero() {
			return n, err
		}
		if p.alive != nil && p.alive().After(p.begun) {
			p.missed = 0
		} else if p.missed++; p.missed >= p.most {
			return 0, err
		}
		p.begun = time.Now()
	}
}
