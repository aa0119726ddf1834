package main

import (
	"errors"
	"math/rand/v2"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/farswap/farswap/internal/proxytest"
)

// weather is what a proxy does to the bytes that it passes on.
type weather struct {
	Refuse  bool          // connections are ended, and new ones at once
	Hold    bool          // bytes wait
	Delay   time.Duration // each piece waits so long
	Jitter  time.Duration // and up to this long more, each connection for itself
	Corrupt float64       // share of pieces in which a bit is flipped
}

// and is both weathers at once.
func (w weather) and(o weather) weather {
	return weather{
		Refuse: w.Refuse || o.Refuse, Hold: w.Hold || o.Hold,
		Delay: w.Delay + o.Delay, Jitter: max(w.Jitter, o.Jitter), Corrupt: max(w.Corrupt, o.Corrupt),
	}
}

// proxy passes connections on to an address, in a weather that can be changed. It ends TCP: a bit that it flips
// has a right checksum of TCP afterwards. Its methods may be called from any goroutine.
type proxy struct {
	to       string
	listener net.Listener

	mu      sync.Mutex    // guards the fields below; never held across I/O
	faults  []*weather    // that are on
	changed chan struct{} // closed when the weather changes
	random  *rand.Rand
	conns   map[net.Conn]struct{}
	flipped int64
}

// startProxy passes connections to an address on to another.
func startProxy(listen, to string, seed uint64) (*proxy, error) {
	l, err := net.Listen("tcp", listen)
	if err != nil {
		return nil, err
	}
	p := &proxy{
		to: to, listener: l, changed: make(chan struct{}), conns: make(map[net.Conn]struct{}),
		random: rand.New(rand.NewPCG(seed, 0xb175)),
	}
	go p.accept()
	return p, nil
}

// begin adds a weather to what there is, until end is called.
func (p *proxy) begin(w weather) (end func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	fault := &w
	p.faults = append(p.faults, fault)
	p.change()
	if w.Refuse {
		for c := range p.conns {
			_ = c.Close()
		}
	}
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.faults = slices.DeleteFunc(p.faults, func(f *weather) bool { return f == fault })
		p.change()
	}
}

// change tells those who wait that the weather is another.
func (p *proxy) change() {
	close(p.changed)
	p.changed = make(chan struct{})
}

// now is the weather.
func (p *proxy) now() (w weather) {
	for _, f := range p.faults {
		w = w.and(*f)
	}
	return w
}

// flips is how many bits were flipped so far.
func (p *proxy) flips() int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.flipped
}

func (p *proxy) accept() {
	for {
		near, err := p.listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		} else if err != nil {
			time.Sleep(10 * time.Millisecond)
			continue
		}
		go p.pass(near)
	}
}

// pass connects one connection with the address behind the proxy.
func (p *proxy) pass(near net.Conn) {
	if !p.keep(near) {
		return
	}
	defer p.drop(near)
	far, err := net.DialTimeout("tcp", p.to, 10*time.Second)
	if err != nil || !p.keep(far) {
		return
	}
	defer p.drop(far)
	proxytest.Pass(near, far, p.wait)
}

// keep remembers a connection, unless it is to end at once.
func (p *proxy) keep(c net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.now().Refuse {
		_ = c.Close()
		return false
	}
	p.conns[c] = struct{}{}
	return true
}

func (p *proxy) drop(c net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.conns, c)
	_ = c.Close()
}

// wait lets a piece wait as long as the weather wants, and flips a bit of it.
func (p *proxy) wait(piece []byte) {
	for {
		p.mu.Lock()
		w, changed := p.now(), p.changed
		late := w.Delay
		if w.Jitter > 0 {
			late += time.Duration(p.random.Int64N(int64(w.Jitter)))
		}
		if !w.Hold && len(piece) > 0 && p.random.Float64() < w.Corrupt {
			piece[p.random.IntN(len(piece))] ^= 1 << p.random.IntN(8)
			p.flipped++
		}
		p.mu.Unlock()
		if !w.Hold {
			time.Sleep(late)
			return
		}
		<-changed
	}
}
