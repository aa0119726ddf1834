package swapdev

import (
	"encoding/binary"
	"io"
	"maps"
	"net"
	"slices"
	"sync"
	"testing"
)

// Kinds of control messages, as package control numbers them on the wire.
const (
	frameMap    = 8
	frameMRInfo = 9 // answers Map
	frameUnmap  = 10
)

// frameHold holds a control message back: the n-th of its kind, from now on, on any wire that it is put to.
type frameHold struct {
	kind uint16
	n    int
	hit  chan struct{} // closed when it is held
	over chan struct{} // closed when its connection is to end
}

func newFrameHold(kind uint16, n int) *frameHold {
	return &frameHold{kind, n, make(chan struct{}), make(chan struct{})}
}

// wires pass control connections on to donors, frame by frame.
type wires struct {
	mu     sync.Mutex // guards what follows
	hold   *frameHold // nil: everything passes
	ended  chan struct{}
	ends   map[io.Closer]bool
	moving sync.WaitGroup
}

func newWires(t testing.TB) *wires {
	w := &wires{ended: make(chan struct{}), ends: make(map[io.Closer]bool)}
	t.Cleanup(func() {
		close(w.ended)
		w.mu.Lock()
		ends := slices.Collect(maps.Keys(w.ends))
		w.mu.Unlock()
		for _, c := range ends {
			_ = c.Close() // its end may have done it
		}
		w.moving.Wait()
	})
	return w
}

// to returns an address behind which another one is.
func (w *wires) to(t testing.TB, address string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w.keep(l)
	w.moving.Go(func() {
		for {
			near, err := l.Accept()
			if err != nil {
				return
			}
			far, err := net.Dial("tcp", address)
			if err != nil {
				_ = near.Close()
				continue
			}
			w.keep(near)
			w.keep(far)
			w.moving.Go(func() { w.pass(far, near) })
			w.moving.Go(func() { w.pass(near, far) })
		}
	})
	return l.Addr().String()
}

func (w *wires) keep(c io.Closer) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ends[c] = true
	select {
	case <-w.ended:
		_ = c.Close()
	default:
	}
}

func (w *wires) drop(c io.Closer) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.ends, c)
	_ = c.Close() // both ways of a connection do it
}

// set has a message be held back, nil: none. The connection of the one before ends.
func (w *wires) set(h *frameHold) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.hold != nil {
		close(w.hold.over)
	}
	w.hold = h
}

// held returns what holds a message back, nil if it may pass.
func (w *wires) held(kind uint16) *frameHold {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.hold == nil || w.hold.kind != kind || w.hold.n == 0 {
		return nil
	}
	w.hold.n--
	if w.hold.n > 0 {
		return nil
	}
	close(w.hold.hit)
	return w.hold
}

// pass passes frames on until either end breaks. A frame that is held back is lost with its connection.
func (w *wires) pass(to, from net.Conn) {
	defer w.drop(to)
	defer w.drop(from)
	const head = 12 // bytes: of the greeting, and of each frame before its body
	for first := true; ; first = false {
		frame := make([]byte, head)
		if _, err := io.ReadFull(from, frame); err != nil {
			return
		}
		if !first {
			frame = append(frame, make([]byte, binary.LittleEndian.Uint32(frame))...)
			if _, err := io.ReadFull(from, frame[head:]); err != nil {
				return
			}
			if h := w.held(binary.LittleEndian.Uint16(frame[4:])); h != nil {
				select {
				case <-h.over:
				case <-w.ended:
				}
				return
			}
		}
		if _, err := to.Write(frame); err != nil {
			return
		}
	}
}
