package swapdev

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"io"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/farswap/farswap/verbs"
)

// Sizes of what goes over the wire, in bytes: see the comments of packages verbs/tcp and
// verbs/internal/handshake. A relay that reads it wrongly fails its test: nothing gets through.
const (
	greetingSize, claimSize, verdictSize = 40, 96, 40 // the handshake
	batchSize, opSize, replySize         = 16, 32, 16
)

// relay sits between a device and the page port of a donor. It knows no secret, and passes the
// handshake on as it is. Then it reads all operations and answers, learns from them the key of
// what the donor lends, changes what it is told to change, and puts operations of its own in
// between. Its methods may be called from any goroutine.
type relay struct {
	to   string
	spy  *spy
	work sync.WaitGroup
	port net.Listener

	mu      sync.Mutex // guards what follows; never held across I/O
	ends    []net.Conn
	wires   []*wire
	key     uint64                       // of the last operation
	writes  map[uint64][]byte            // by offset: what was last written to a page
	answers map[uint64][]byte            // the same, of what was read
	onWrite map[uint64]func(page []byte) // by offset: changes what the device writes to a page
	onRead  map[uint64]func(page []byte) // by offset: changes what the device reads from a page
}

func startRelay(t testing.TB, to string, spy *spy) *relay {
	r := &relay{
		to: to, spy: spy, writes: make(map[uint64][]byte), answers: make(map[uint64][]byte),
		onWrite: make(map[uint64]func([]byte)), onRead: make(map[uint64]func([]byte)),
	}
	var err error
	if r.port, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		t.Error(err)
		return r
	}
	r.work.Go(func() {
		for {
			near, err := r.port.Accept()
			if err != nil {
				return
			}
			r.work.Go(func() { r.pass(near) })
		}
	})
	return r
}

func (r *relay) stop() {
	_ = r.port.Close()
	r.mu.Lock()
	for _, end := range r.ends {
		_ = end.Close()
	}
	r.mu.Unlock()
	r.work.Wait()
}

// pass passes one connection on, until either side ends it.
func (r *relay) pass(near net.Conn) {
	defer near.Close()
	far, err := net.Dial("tcp", r.to)
	if err != nil {
		return
	}
	defer far.Close()
	r.mu.Lock()
	r.ends = append(r.ends, near, far)
	r.mu.Unlock()
	w := &wire{
		relay: r, near: near, far: far, expected: make(chan wireOp, 4*verbs.MaxDepth),
		fromNear: bufio.NewReader(io.TeeReader(near, r.spy.hears())), fromFar: bufio.NewReader(io.TeeReader(far, r.spy.hears())),
	}
	if pump(near, w.fromFar, greetingSize) != nil || pump(far, w.fromNear, claimSize) != nil || pump(near, w.fromFar, verdictSize) != nil {
		return
	}
	r.mu.Lock()
	r.wires = append(r.wires, w)
	r.mu.Unlock()
	var both sync.WaitGroup
	both.Go(func() { _ = w.up(); _ = far.Close() })
	both.Go(func() { _ = w.down(); _ = near.Close() })
	both.Wait()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.wires = slices.DeleteFunc(r.wires, func(other *wire) bool { return other == w })
}

// pump passes n bytes on.
func pump(to io.Writer, from io.Reader, n int64) error {
	_, err := io.CopyN(to, from, n)
	return err
}

// wire is a connection that a relay reads.
type wire struct {
	relay             *relay
	near, far         net.Conn
	fromNear, fromFar *bufio.Reader

	sending  sync.Mutex  // makes batches take turns; guards sent
	sent     uint64      // operations
	expected chan wireOp // what the donor answers next
}

// wireOp is an operation, the device's or the relay's own.
type wireOp struct {
	op     verbs.Opcode
	length uint32
	key    uint64
	offset uint64
	seq    uint64      // the device's
	own    chan []byte // hears the answer, nil after a failure; nil: the device's
}

// up reads batches of the device.
func (w *wire) up() error {
	for {
		head := make([]byte, batchSize)
		if _, err := io.ReadFull(w.fromNear, head); err != nil {
			return err
		}
		ops := make([]wireOp, binary.LittleEndian.Uint32(head[4:]))
		heads := make([]byte, opSize*len(ops))
		payload := make([]byte, binary.LittleEndian.Uint64(head[8:]))
		if _, err := io.ReadFull(w.fromNear, heads); err != nil {
			return err
		}
		if _, err := io.ReadFull(w.fromNear, payload); err != nil {
			return err
		}
		rest := payload
		for i := range ops {
			b := heads[i*opSize:]
			ops[i] = wireOp{
				op: verbs.Opcode(b[0]), length: binary.LittleEndian.Uint32(b[4:]), key: binary.LittleEndian.Uint64(b[8:]),
				offset: binary.LittleEndian.Uint64(b[16:]), seq: binary.LittleEndian.Uint64(b[24:]),
			}
			if ops[i].op == verbs.OpWrite {
				w.relay.sees(&ops[i], rest[:ops[i].length])
				rest = rest[ops[i].length:]
			}
		}
		if err := w.send(ops, payload); err != nil {
			return err
		}
	}
}

// send sends a batch to the donor.
func (w *wire) send(ops []wireOp, payload []byte) error {
	w.sending.Lock()
	defer w.sending.Unlock()
	b := binary.LittleEndian.AppendUint32(nil, 0x62575346) // "FSWb"
	b = binary.LittleEndian.AppendUint32(b, uint32(len(ops)))
	b = binary.LittleEndian.AppendUint64(b, uint64(len(payload)))
	for _, a := range ops {
		b = binary.LittleEndian.AppendUint32(b, uint32(a.op))
		b = binary.LittleEndian.AppendUint32(b, a.length)
		for _, word := range []uint64{a.key, a.offset, w.sent} {
			b = binary.LittleEndian.AppendUint64(b, word)
		}
		w.sent++
		w.expected <- a
	}
	_, err := w.far.Write(append(b, payload...))
	return err
}

// down reads answers of the donor.
func (w *wire) down() error {
	for {
		head := make([]byte, replySize, replySize+verbs.MaxLength)
		if _, err := io.ReadFull(w.fromFar, head); err != nil {
			return err
		}
		a, good := <-w.expected, head[0] == 0
		answer := head
		if good && a.op == verbs.OpRead {
			answer = head[:replySize+a.length]
			if _, err := io.ReadFull(w.fromFar, answer[replySize:]); err != nil {
				return err
			}
		}
		if a.own != nil {
			if !good {
				answer = nil
			}
			a.own <- answer
			continue
		}
		if good && a.op == verbs.OpRead {
			w.relay.sees(&a, answer[replySize:])
		}
		binary.LittleEndian.PutUint64(answer[8:], a.seq)
		if _, err := w.near.Write(answer); err != nil {
			return err
		}
	}
}

// sees takes note of pages that go by, and changes them.
func (r *relay) sees(a *wireOp, data []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.key = a.key
	kept, change := r.answers, r.onRead
	if a.op == verbs.OpWrite {
		kept, change = r.writes, r.onWrite
	}
	for at := uint64(0); at+testPage <= uint64(len(data)); at += testPage {
		page, offset := data[at:at+testPage], a.offset+at
		kept[offset] = bytes.Clone(page)
		if f := change[offset]; f != nil {
			f(page)
		}
	}
}

// change has what the device reads from a page changed from now on, or what it writes there. nil ends that.
func (r *relay) change(op verbs.Opcode, offset uint64, f func(page []byte)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if op == verbs.OpRead {
		r.onRead[offset] = f
	} else {
		r.onWrite[offset] = f
	}
}

// written is what the device has written to a page last.
func (r *relay) written(offset uint64) []byte { return r.last(r.writes, offset) }

// answered is what the device has read from a page last, as the donor sent it.
func (r *relay) answered(offset uint64) []byte { return r.last(r.answers, offset) }

func (r *relay) last(of map[uint64][]byte, offset uint64) []byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	return bytes.Clone(of[offset])
}

// do carries out an operation of the relay's own, with the key that it has read. It returns what the
// donor answers to a READ.
func (r *relay) do(t testing.TB, op verbs.Opcode, offset uint64, page []byte) []byte {
	t.Helper()
	r.mu.Lock()
	key, w := r.key, r.wires[len(r.wires)-1]
	r.mu.Unlock()
	own := make(chan []byte, 1)
	if err := w.send([]wireOp{{op: op, length: testPage, key: key, offset: offset, own: own}}, page); err != nil {
		t.Fatal(err)
	}
	select {
	case answer := <-own:
		if answer == nil {
			t.Fatal("the donor refuses the key")
		}
		return answer[replySize:]
	case <-time.After(time.Minute):
		t.Fatal("the donor does not answer")
	}
	return nil
}

// relayed is a device whose connections go through a relay for each address.
type relayed struct {
	verbs.Device
	test testing.TB
	spy  *spy

	mu     sync.Mutex // guards relays
	relays map[string]*relay
}

// relays makes the relays of a test. They end after the rig that is made after them.
func relays(t testing.TB) *relayed {
	d := &relayed{test: t, spy: &spy{}, relays: make(map[string]*relay)}
	t.Cleanup(func() {
		for _, r := range d.relays {
			r.stop()
		}
	})
	return d
}

// over has the connections of a device go through the relays.
func (d *relayed) over(device verbs.Device) verbs.Device {
	d.Device = device
	return d
}

// at is the relay to an address.
func (d *relayed) at(address string) *relay {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.relays[address] == nil {
		d.relays[address] = startRelay(d.test, address, d.spy)
	}
	return d.relays[address]
}

func (d *relayed) Connect(ctx context.Context, address string, cred verbs.Credential, cfg verbs.QPConfig) (verbs.Conn, error) {
	return d.Device.Connect(ctx, d.at(address).port.Addr().String(), cred, cfg)
}

// mark is in each piece of 16 bytes of a known page.
const mark = "a known "

// knownPage is a page that can be recognised by each piece of 16 bytes. They are all different.
func knownPage(page int64, version uint64) []byte {
	b := make([]byte, 0, testPage)
	for piece := range uint64(testPage / 16) {
		b = append(b, mark...)
		b = binary.LittleEndian.AppendUint64(b, uint64(page)<<40|version<<16|piece)
	}
	return b
}

// spy looks for known pages in streams of bytes.
type spy struct {
	mu    sync.Mutex // guards what follows
	bytes int64      // that were looked through
	found int        // pieces of known pages
}

// ear is the spy's, for one stream. It is an io.Writer.
type ear struct {
	spy  *spy
	tail []byte // of the stream so far: a mark may begin there
}

func (s *spy) hears() *ear { return &ear{spy: s} }

func (e *ear) Write(b []byte) (int, error) {
	all := append(e.tail, b...)
	found := bytes.Count(all, []byte(mark))
	e.tail = append(e.tail[:0:0], all[max(0, len(all)-len(mark)+1):]...)
	e.spy.mu.Lock()
	defer e.spy.mu.Unlock()
	e.spy.bytes += int64(len(b))
	e.spy.found += found
	return len(b), nil
}

// heard is how many bytes were looked through, and how many pieces of known pages were in them.
func (s *spy) heard() (bytes int64, found int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.bytes, s.found
}
