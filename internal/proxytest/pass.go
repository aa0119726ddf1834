package proxytest

import (
	"net"
	"sync"
)

// Pass passes bytes on between two connections until both ways have ended. The end of a stream is passed on, too.
// before gets each piece before it goes on, from the goroutine of its way: it may wait, and change the piece.
func Pass(a, b net.Conn, before func(piece []byte)) {
	var both sync.WaitGroup
	both.Go(func() { oneWay(a, b, before) })
	both.Go(func() { oneWay(b, a, before) })
	both.Wait()
}

// oneWay passes bytes on until either end breaks.
func oneWay(to, from net.Conn, before func(piece []byte)) {
	b := make([]byte, 64<<10)
	for {
		n, err := from.Read(b)
		before(b[:n])
		if n > 0 {
			if _, err := to.Write(b[:n]); err != nil {
				_ = from.Close()
				return
			}
		}
		if err != nil {
			if end, ok := to.(*net.TCPConn); ok {
				_ = end.CloseWrite()
			}
			return
		}
	}
}
