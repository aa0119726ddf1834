package netlimit

import (
	"net"
	"net/netip"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

const ample = time.Minute

// knock begins a connection to a listener, and says whether it exists. The loopback carries every packet before
// the call returns.
func knock(t *testing.T, l *Listener, source string) (fd int, made func() bool) {
	t.Helper()
	to, from := netip.MustParseAddrPort(l.Addr().String()), netip.MustParseAddr(source)
	var target, local unix.Sockaddr
	family := unix.AF_INET
	if from.Is4() {
		target = &unix.SockaddrInet4{Port: int(to.Port()), Addr: to.Addr().Unmap().As4()}
		local = &unix.SockaddrInet4{Addr: from.As4()}
	} else {
		family = unix.AF_INET6
		target = &unix.SockaddrInet6{Port: int(to.Port()), Addr: to.Addr().As16()}
		local = &unix.SockaddrInet6{Addr: from.As16()}
	}
	fd, err := unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Close(fd) })
	if err := unix.Bind(fd, local); err != nil {
		t.Fatal(err)
	}
	if err := unix.Connect(fd, target); err != nil && err != unix.EINPROGRESS {
		t.Fatal(err)
	}
	return fd, func() bool {
		_, err := unix.Getpeername(fd)
		return err == nil
	}
}

func (l *Listener) wantMade(t *testing.T, source string, want bool) {
	t.Helper()
	_, made := knock(t, l, source)
	if want {
		// A packet may wait for the kernel's thread.
		for end := time.Now().Add(ample); !made() && time.Now().Before(end); time.Sleep(time.Millisecond) {
		}
	}
	if made() != want {
		t.Errorf("a connection from %s is made: %v, want %v", source, !want, want)
	}
}

// The kernel makes no connection with an origin that is shut out, until its time is over. Others are not
// concerned, nor are connections that exist.
func TestTheKernelShutsOut(t *testing.T) {
	l, err := Listen("127.0.0.1:0", Limits{Unproven: 100, PerSecond: 1000, AtOnce: 1000})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	far, err := (&net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 3)}, Timeout: ample}).Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer far.Close()
	near, err := l.AcceptConn()
	if err != nil {
		t.Fatal(err)
	}
	defer near.Close()

	now := time.Now()
	for range mostOverflow {
		l.sieve.count(from("127.0.0.3"), now)
		l.sieve.count(from("127.0.0.4"), now)
	}
	l.sieve.settle(now)
	l.wantMade(t, "127.0.0.3", true)
	l.sieve.count(from("127.0.0.3"), now)
	l.sieve.settle(now)
	if len(l.sieve.shut) != 1 || !l.sieve.used {
		t.Fatal("the kernel has no filter")
	}
	_, shut := knock(t, l, "127.0.0.3")
	l.wantMade(t, "127.0.0.2", true)
	l.wantMade(t, "127.0.0.4", true)
	if shut() {
		t.Error("an origin that is shut out gets a connection")
	}
	if _, err := near.Write([]byte{1}); err != nil {
		t.Error(err)
	}
	_ = far.SetDeadline(now.Add(ample))
	if _, err := far.Read(make([]byte, 1)); err != nil {
		t.Errorf("a connection that exists: %v", err)
	}

	l.sieve.settle(now.Add(2 * shutFor))
	l.wantMade(t, "127.0.0.3", true)
	// The peer's kernel tries again by itself.
	for end := time.Now().Add(ample); !shut(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the origin stays shut out")
		}
	}
	// What was let in while there was a filter works without it.
	for range 5 {
		c, err := l.AcceptConn()
		if err != nil {
			t.Fatal(err)
		}
		if err := detachFilter(c.TCPConn); err != nil {
			t.Errorf("a filter is left: %v", err)
		}
		_ = c.Close()
	}
}

// The overflow of a window is counted, and not what came before.
func TestAWindowForgets(t *testing.T) {
	s := newSieve(nil)
	now := time.Unix(1, 0)
	for range 10 {
		for range mostOverflow {
			s.count(from("10.0.0.1"), now)
		}
		now = now.Add(window)
	}
	if len(s.shut) > 0 {
		t.Error("an origin is shut out that is slow enough")
	}
}

// A filter of addresses of both families compares each with its own.
func TestFilterOfManyOrigins(t *testing.T) {
	l, err := Listen("127.0.0.1:0", Limits{Unproven: 100, PerSecond: 1000, AtOnce: 1000})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	shut := map[Origin]time.Time{from("2001:db8::1"): {}, from("2001:db8:7f00:1::1"): {}}
	for i := range maxShut {
		shut[originOf(netip.AddrFrom4([4]byte{127, 0, 1, byte(i)}))] = time.Time{}
	}
	if err := attachFilter(l.raw, program(shut)); err != nil {
		t.Fatal(err)
	}
	var made []func() bool
	for i := range maxShut {
		_, m := knock(t, l, netip.AddrFrom4([4]byte{127, 0, 1, byte(i)}).String())
		made = append(made, m)
	}
	l.wantMade(t, "127.0.1.200", true)
	l.wantMade(t, "127.0.2.1", true)
	for i, m := range made {
		if m() {
			t.Errorf("origin %d gets in", i)
		}
	}
}
