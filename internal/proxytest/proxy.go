// Package proxytest is a TCP proxy for tests. It holds bytes back and cuts connections, as a
// network does that stalls.
package proxytest

import (
	"net"
	"sync"
	"testing"
)

// Proxy passes connections on to an address. Its methods may be called from any goroutine.
type Proxy struct {
	to       string
	listener net.Listener
	passing  sync.WaitGroup

	mu    sync.Mutex    // guards the fields below; never held across I/O
	open  chan struct{} // closed while bytes pass
	deaf  bool          // new connections are ended at once
	ended bool
	conns map[net.Conn]struct{}
}

// Start passes connections on to an address until the test ends.
func Start(t testing.TB, to string) *Proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &Proxy{to: to, listener: l, open: make(chan struct{}), conns: make(map[net.Conn]struct{})}
	close(p.open)
	p.passing.Go(p.accept)
	t.Cleanup(p.stop)
	return p
}

// Addr is where the proxy listens, host:port.
func (p *Proxy) Addr() string { return p.listener.Addr().String() }

// Hold holds all bytes back from now on, those of new connections included.
func (p *Proxy) Hold() {
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case <-p.open:
		p.open = make(chan struct{})
	default:
	}
}

// Release lets held bytes pass, in order, and all that follow.
func (p *Proxy) Release() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.release()
}

func (p *Proxy) release() {
	select {
	case <-p.open:
	default:
		close(p.open)
	}
}

// Cut ends all connections that there are. Bytes that are held back are lost.
func (p *Proxy) Cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.conns {
		_ = c.Close()
	}
}

// Shut has new connections ended at once, or no more.
func (p *Proxy) Shut(shut bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.deaf = shut
}

func (p *Proxy) stop() {
	p.mu.Lock()
	p.ended = true
	p.release()
	p.mu.Unlock()
	_ = p.listener.Close()
	p.Cut()
	p.passing.Wait()
}

func (p *Proxy) accept() {
	for {
		near, err := p.listener.Accept()
		if err != nil {
			return
		}
		p.passing.Go(func() { p.pass(near) })
	}
}

// pass connects one connection with the address behind the proxy.
func (p *Proxy) pass(near net.Conn) {
	if !p.keep(near) {
		return
	}
	defer p.drop(near)
	far, err := net.Dial("tcp", p.to)
	if err != nil || !p.keep(far) {
		return
	}
	defer p.drop(far)
	Pass(near, far, p.await)
}

// await waits until bytes pass.
func (p *Proxy) await([]byte) {
	p.mu.Lock()
	open := p.open
	p.mu.Unlock()
	<-open
}

// keep remembers a connection, unless it is to end at once.
func (p *Proxy) keep(c net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.deaf || p.ended {
		_ = c.Close()
		return false
	}
	p.conns[c] = struct{}{}
	return true
}

func (p *Proxy) drop(c net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.conns, c)
	_ = c.Close()
}
