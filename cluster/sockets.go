package cluster

import (
	"errors"
	"net"
	"strconv"
	"sync"
	"time"

	"github.com/hashicorp/memberlist"

	"github.com/farswap/farswap/netlimit"
)

const (
	maxPacket = 64 << 10 // of UDP, in bytes
	// packetBuffer is what the kernel keeps of packets that nobody has read, in bytes: what memberlist's own
	// transport asks for. The kernel gives less where its limit is lower.
	packetBuffer = 2 << 20
	// socketPause is how long a socket rests after a failure that may pass, such as a shortage of memory.
	socketPause = 50 * time.Millisecond
)

// sockets are a member's, over UDP and TCP at one port. They do what memberlist's own transport does, and
// bound the connections of strangers before anybody reads from them.
type sockets struct {
	udp     *net.UDPConn
	tcp     *netlimit.Listener
	packets chan *memberlist.Packet
	ended   chan struct{}
	reading sync.WaitGroup
}

// listenOn opens the sockets at host:port; "" is every address, and port 0 takes one that both have free.
func listenOn(host string, port int) (s *sockets, err error) {
	for range 10 {
		if s, err = listenOnce(host, port); err == nil || port != 0 {
			break
		}
	}
	return s, err
}

func listenOnce(host string, port int) (*sockets, error) {
	tcp, err := netlimit.Listen(net.JoinHostPort(host, strconv.Itoa(port)), streamLimits)
	if err != nil {
		return nil, err
	}
	s := &sockets{tcp: tcp, packets: make(chan *memberlist.Packet), ended: make(chan struct{})}
	if s.udp, err = net.ListenUDP("udp", &net.UDPAddr{IP: net.ParseIP(host), Port: s.port()}); err != nil {
		return nil, errors.Join(err, tcp.Close())
	}
	for size := packetBuffer; size > 0 && s.udp.SetReadBuffer(size) != nil; size /= 2 {
	}
	s.reading.Go(s.read)
	return s, nil
}

func (s *sockets) port() int { return s.tcp.Addr().(*net.TCPAddr).Port }

// read brings packets to memberlist.
func (s *sockets) read() {
	buffer := make([]byte, maxPacket)
	for {
		n, from, err := s.udp.ReadFromUDP(buffer)
		at := time.Now()
		switch {
		case errors.Is(err, net.ErrClosed):
			return
		case err != nil:
			time.Sleep(socketPause)
			continue
		case n == 0:
			continue
		}
		select {
		case s.packets <- &memberlist.Packet{Buf: append([]byte(nil), buffer[:n]...), From: from, Timestamp: at}:
		case <-s.ended:
			return
		}
	}
}

// PacketCh is part of memberlist.Transport.
func (s *sockets) PacketCh() <-chan *memberlist.Packet { return s.packets }

// FinalAdvertiseAddr is part of memberlist.Transport. Gossip has decided on the address before.
func (s *sockets) FinalAdvertiseAddr(ip string, port int) (net.IP, int, error) {
	address := net.ParseIP(ip)
	if four := address.To4(); four != nil {
		address = four
	}
	return address, port, nil
}

// WriteTo is part of memberlist.Transport.
func (s *sockets) WriteTo(b []byte, address string) (time.Time, error) {
	to, err := net.ResolveUDPAddr("udp", address)
	if err != nil {
		return time.Time{}, err
	}
	_, err = s.udp.WriteToUDP(b, to)
	return time.Now(), err
}

// WriteToAddress is part of memberlist.NodeAwareTransport.
func (s *sockets) WriteToAddress(b []byte, a memberlist.Address) (time.Time, error) {
	return s.WriteTo(b, a.Addr)
}

// close ends both sockets, and waits until no packet is brought any more.
func (s *sockets) close() error {
	close(s.ended)
	err := errors.Join(s.tcp.Close(), s.udp.Close())
	s.reading.Wait()
	return err
}
