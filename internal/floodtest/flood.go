// Package floodtest plays strangers who open connections to a server as fast as they can. Tests measure with
// it what such a flood costs. It works on Linux, over IPv4.
package floodtest

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// DefaultHeld is Config.Held if that is 0.
	DefaultHeld = 500
	// step is the time in which a stranger makes its next connections at once.
	step = time.Millisecond
)

// Config says who floods what.
type Config struct {
	Targets []string      // HOST:PORT, IPv4
	Sources []string      // IPv4 addresses of this machine, such as 127.9.0.1; they take turns
	Rate    int           // connections per second to each target, at least 1
	For     time.Duration // more than 0
	Held    int           // connections to each target that stay open before the oldest is reset; 0: DefaultHeld
}

// Result counts what strangers have done to one target.
type Result struct {
	Target  string
	Tried   int // connections
	Made    int // connections that the target's machine has accepted at once
	Seconds float64
}

// PerSecond is the rate of attempts.
func (r Result) PerSecond() float64 { return float64(r.Tried) / max(r.Seconds, 1e-9) }

// Run floods all targets, each from a goroutine of its own, until the time is over or the context ends. A
// stranger that falls behind does not catch up. Of four connections, one ends at once, one sends nothing, one
// sends what is no protocol, and one begins a TLS handshake. All but the first stay open until they are the
// oldest of Held.
func Run(ctx context.Context, cfg Config) ([]Result, error) {
	if cfg.Held == 0 {
		cfg.Held = DefaultHeld
	}
	hello, err := clientHello()
	if err != nil {
		return nil, err
	}
	strangers := make([]*stranger, 0, len(cfg.Targets))
	for _, target := range cfg.Targets {
		s := &stranger{target: target, sends: [][]byte{nil, nil, garbage(), hello}, held: make([]int, cfg.Held)}
		to, err := netip.ParseAddrPort(target)
		if err != nil {
			return nil, fmt.Errorf("flood %s: %w", target, err)
		}
		s.to = unix.SockaddrInet4{Port: int(to.Port()), Addr: to.Addr().Unmap().As4()}
		for _, source := range cfg.Sources {
			from, err := netip.ParseAddr(source)
			if err != nil {
				return nil, fmt.Errorf("flood from %s: %w", source, err)
			}
			s.from = append(s.from, unix.SockaddrInet4{Addr: from.As4()})
		}
		strangers = append(strangers, s)
	}
	results := make([]Result, len(strangers))
	var all sync.WaitGroup
	for i, s := range strangers {
		all.Go(func() { results[i] = s.run(ctx, cfg) })
	}
	all.Wait()
	return results, nil
}

// stranger floods one target.
type stranger struct {
	target string
	to     unix.SockaddrInet4
	from   []unix.SockaddrInet4
	sends  [][]byte // by kind of connection
	held   []int    // descriptors, a ring; 0: none
	tried  int
	made   int
}

func (s *stranger) run(ctx context.Context, cfg Config) Result {
	begun := time.Now()
	next, owed := begun, 0.0
	for now := begun; ctx.Err() == nil && now.Sub(begun) < cfg.For; now = time.Now() {
		if now.Before(next) {
			time.Sleep(next.Sub(now))
		} else if now.Sub(next) > 20*step {
			next = now // what was missed stays missed
		}
		next = next.Add(step)
		for owed += float64(cfg.Rate) * step.Seconds(); owed >= 1; owed-- {
			s.connect()
		}
	}
	for i := range s.held {
		s.drop(i)
	}
	return Result{Target: s.target, Tried: s.tried, Made: s.made, Seconds: time.Since(begun).Seconds()}
}

// connect makes the next connection. What fails is only not counted as made.
func (s *stranger) connect() {
	n := s.tried
	s.tried++
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return
	}
	slot := n % len(s.held)
	kind := n % len(s.sends)
	s.drop(slot)
	s.held[slot] = fd
	// A reset leaves no port in TIME_WAIT, so that a flood does not run out of them.
	_ = unix.SetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1})
	_ = unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1)
	if err := unix.Bind(fd, &s.from[n/len(s.sends)%len(s.from)]); err != nil {
		return
	}
	_ = unix.Connect(fd, &s.to) // EINPROGRESS, also where the loopback has made the connection already
	if _, err := unix.Getpeername(fd); err == nil {
		s.made++
	}
	if send := s.sends[kind]; send != nil {
		_, _ = unix.Write(fd, send)
	}
	if kind == 0 {
		s.drop(slot)
	}
}

func (s *stranger) drop(slot int) {
	if fd := s.held[slot]; fd != 0 {
		_ = unix.Close(fd)
		s.held[slot] = 0
	}
}

// garbage begins no protocol of this project, nor TLS, nor HTTP.
func garbage() []byte {
	b := make([]byte, 256)
	for i := range b {
		b[i] = byte(0xee ^ i)
	}
	return b
}

// clientHello is the first message of a TLS client.
func clientHello() ([]byte, error) {
	near, far := net.Pipe()
	defer far.Close()
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = tls.Client(near, &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS13}).Handshake()
	}()
	head := make([]byte, 5)
	if _, err := io.ReadFull(far, head); err != nil {
		return nil, fmt.Errorf("make a TLS ClientHello: %w", err)
	}
	body := make([]byte, int(head[3])<<8|int(head[4]))
	if _, err := io.ReadFull(far, body); err != nil {
		return nil, fmt.Errorf("make a TLS ClientHello: %w", err)
	}
	_ = near.Close()
	<-done
	return append(head, body...), nil
}
