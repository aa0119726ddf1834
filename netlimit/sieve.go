package netlimit

import (
	"encoding/binary"
	"errors"
	"net"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// An origin of which more than mostOverflow connections find the lobby full within a window is shut out
	// for shutFor: 500 a second too many, after the lobby's places, is more than a host with many devices begins.
	mostOverflow = 50
	window       = 100 * time.Millisecond
	shutFor      = 500 * time.Millisecond
	// maxShut bounds the origins that are shut out at once. The kernel compares a new connection with each.
	maxShut = 64
)

// sieve shuts out origins that open connections faster than their server could even reset them. The kernel
// drops their first packet (SYN), by a filter on the listening socket, so that it makes no connection at all. A
// peer there sends it again a second later. Connections that exist are not concerned.
//
// It belongs to the goroutine that accepts.
type sieve struct {
	raw      syscall.RawConn // the listening socket
	begun    time.Time       // of the window
	overflow map[Origin]int  // in the window
	shut     map[Origin]time.Time
	used     bool // the socket has had a filter
	changed  bool // the filter is not what shut says
}

func newSieve(raw syscall.RawConn) *sieve {
	return &sieve{raw: raw, overflow: make(map[Origin]int), shut: make(map[Origin]time.Time)}
}

// count counts a connection that found the lobby full.
func (s *sieve) count(o Origin, now time.Time) {
	if now.Sub(s.begun) >= window {
		s.begun = now
		clear(s.overflow)
	}
	s.overflow[o]++
	if _, is := s.shut[o]; s.overflow[o] > mostOverflow && !is && len(s.shut) < maxShut && o.prefix.IsValid() {
		s.shut[o] = now.Add(shutFor)
		s.changed = true
	}
}

// settle lets those in again whose time is over, and tells the kernel.
func (s *sieve) settle(now time.Time) {
	for o, until := range s.shut {
		if now.After(until) {
			delete(s.shut, o)
			s.changed = true
		}
	}
	if !s.changed {
		return
	}
	s.changed = false
	if err := attachFilter(s.raw, program(s.shut)); err != nil {
		clear(s.shut) // without the filter the lobby resets them
		return
	}
	s.used = true
}

// Places in a packet. Offsets are from the TCP header; those from netOffset on are from the IP header.
const (
	netOffset  = 1<<32 - 0x100000 // SKF_NET_OFF of linux/filter.h
	tcpFlags   = 13
	flagSYN    = 0x02
	flagACK    = 0x10
	sourceV4   = netOffset + 12
	sourceV6   = netOffset + 8
	passPacket = 1<<32 - 1 // all of its bytes
	dropPacket = 0
)

// program is the filter, in classic BPF, which no privilege is needed for. It drops the packets that open a
// connection (SYN without ACK) from the origins.
func program(shut map[Origin]time.Time) []unix.SockFilter {
	load := func(size uint16, at uint32) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_LD | size | unix.BPF_ABS, K: at}
	}
	calculate := func(op uint16, with uint32) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_ALU | op | unix.BPF_K, K: with}
	}
	// Skips if the value is not k.
	unless := func(k uint32, skip uint8) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: k, Jf: skip}
	}
	end := func(k uint32) unix.SockFilter { return unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: k} }
	var v4, v6 []unix.SockFilter
	for o := range shut {
		address := o.prefix.Addr().AsSlice()
		if o.prefix.Addr().Is4() {
			v4 = append(v4, unless(binary.BigEndian.Uint32(address), 1), end(dropPacket))
			continue
		}
		v6 = append(v6,
			load(unix.BPF_W, sourceV6), unless(binary.BigEndian.Uint32(address), 3),
			load(unix.BPF_W, sourceV6+4), unless(binary.BigEndian.Uint32(address[4:]), 1), end(dropPacket))
	}
	p := []unix.SockFilter{
		load(unix.BPF_B, tcpFlags), calculate(unix.BPF_AND, flagSYN|flagACK),
		unless(flagSYN, 1),
		{Code: unix.BPF_JMP | unix.BPF_JA, K: 1},
		end(passPacket),
		load(unix.BPF_B, netOffset), calculate(unix.BPF_RSH, 4), // the version of IP
		unless(4, 1),
		{Code: unix.BPF_JMP | unix.BPF_JA, K: uint32(len(v6) + 1)},
	}
	p = append(append(p, v6...), end(passPacket), load(unix.BPF_W, sourceV4))
	return append(append(p, v4...), end(passPacket))
}

// attachFilter puts a filter in the place of the one before.
func attachFilter(raw syscall.RawConn, p []unix.SockFilter) error {
	var failure error
	err := raw.Control(func(fd uintptr) {
		failure = unix.SetsockoptSockFprog(int(fd), unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &unix.SockFprog{Len: uint16(len(p)), Filter: &p[0]})
	})
	return errors.Join(err, failure)
}

// detachFilter removes what a connection has inherited, so that its packets pass no filter.
func detachFilter(c *net.TCPConn) error {
	raw, err := c.SyscallConn()
	if err != nil {
		return err
	}
	var failure error
	err = raw.Control(func(fd uintptr) {
		failure = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_DETACH_FILTER, 0)
	})
	if errors.Is(failure, unix.ENOENT) { // it came before the filter
		failure = nil
	}
	return errors.Join(err, failure)
}
