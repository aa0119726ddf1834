package tcp

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"testing"

	"github.com/farswap/farswap/verbs"
)

const testKey = verbs.Key(0x1234)

// looseEndpoint is an endpoint without socket and ring: work is a pure function of the
// bytes that come in and of the grants.
func looseEndpoint(lent []byte, depth int) *endpoint {
	w := &worker{}
	e := &endpoint{
		worker: w,
		grants: &grants{regions: map[verbs.Key][]byte{testKey: lent}},
		mem:    new(endpointMemory),
		data:   make([][]byte, depth), mask: uint64(depth - 1),
	}
	e.inbox.buf = e.mem.inbox[:]
	e.recv = vector{msg: &e.mem.recvMsg, iov: e.mem.recvIov[:]}
	return e
}

// outcome is what a stream of bytes has led to.
type outcome struct {
	replies []byte
	err     bool
	closing bool
}

// feed gives the stream to an endpoint in pieces whose sizes cut returns, as the
// kernel would: into the inbox or, when payload is missing, into lent memory.
func feed(e *endpoint, stream []byte, cut func(limit int) int) outcome {
	var out outcome
	for len(stream) > 0 && !out.err && !e.closing {
		e.landing = e.batch.n > 0
		if e.landing {
			e.scatter()
		} else {
			e.inbox.compact()
			e.recv.reset()
			e.recv.add(e.inbox.space())
		}
		n := min(cut(e.recv.len), len(stream), e.recv.len)
		e.recv.fill(stream[:n])
		e.arrived(n)
		stream = stream[n:]
		for {
			out.err = e.work() != nil
			if e.sent == e.ready {
				break
			}
			for ; e.sent < e.ready; e.sent++ {
				out.replies = append(out.replies, e.mem.replies[e.sent&e.mask][:]...)
				out.replies = append(out.replies, e.data[e.sent&e.mask]...)
			}
			if out.err || e.closing {
				break
			}
		}
	}
	out.closing = e.closing
	return out
}

func whole(limit int) int { return limit }

func TestEndpointAnswers(t *testing.T) {
	lent := bytes.Repeat([]byte{7}, 8192)
	op := func(o verbs.Opcode, key verbs.Key, offset uint64, length uint32) opHeader {
		return opHeader{op: o, key: key, offset: offset, length: length}
	}
	for _, c := range []struct {
		name    string
		op      opHeader
		refused bool
	}{
		{"read all", op(verbs.OpRead, testKey, 0, 8192), false},
		{"read the last byte", op(verbs.OpRead, testKey, 8191, 1), false},
		{"write all", op(verbs.OpWrite, testKey, 0, 8192), false},
		{"read past the end", op(verbs.OpRead, testKey, 8191, 2), true},
		{"write past the end", op(verbs.OpWrite, testKey, 1, 8192), true},
		{"read at the end", op(verbs.OpRead, testKey, 8192, 1), true},
		{"offset overflow", op(verbs.OpRead, testKey, ^uint64(0), 2), true},
		{"offset and length wrap to 0", op(verbs.OpWrite, testKey, ^uint64(0)-4095, 4096), true},
		{"foreign key", op(verbs.OpRead, testKey+1, 0, 1), true},
		{"key 0", op(verbs.OpWrite, 0, 0, 1), true},
	} {
		t.Run(c.name, func(t *testing.T) {
			mine := bytes.Clone(lent)
			e := looseEndpoint(mine, 4)
			out := feed(e, marshalBatch(9, c.op), whole)
			if out.err || out.closing != c.refused || len(out.replies) < replySize {
				t.Fatalf("%d bytes of reply, error %v, closing %v", len(out.replies), out.err, out.closing)
			}
			want := verbs.StatusOK
			if c.refused {
				want = verbs.StatusRemoteAccess
			}
			length := uint32(0)
			if c.op.op == verbs.OpRead {
				length = c.op.length
			}
			if got, _ := parseReply(out.replies, length, 0); got != want {
				t.Errorf("status %v, want %v", got, want)
			}
			if c.refused && !bytes.Equal(mine, lent) {
				t.Error("a refused operation changed memory")
			}
		})
	}
}

// However a stream is cut into pieces, the outcome is the same.
func TestEndpointCutsDoNotMatter(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		var stream []byte
		var seq uint64
		for range 1 + rnd.IntN(4) {
			ops := make([]opHeader, 1+rnd.IntN(20))
			for i := range ops {
				ops[i] = opHeader{op: verbs.OpRead, key: testKey, offset: uint64(rnd.IntN(2048)), length: uint32(1 + rnd.IntN(2048)), seq: seq}
				if rnd.IntN(2) == 0 {
					// Elsewhere: a read may see a later write of the same bytes.
					ops[i].op, ops[i].offset = verbs.OpWrite, 4096+ops[i].offset
				}
				seq++
			}
			if rnd.IntN(20) == 0 {
				ops[rnd.IntN(len(ops))].key++
			}
			stream = append(stream, marshalBatch(byte(rnd.Uint32()), ops...)...)
		}
		a := bytes.Repeat([]byte("0123456789abcdef"), 512)
		b := bytes.Clone(a)
		depth := 1 << rnd.IntN(6)
		want := feed(looseEndpoint(a, 256), stream, whole)
		got := feed(looseEndpoint(b, depth), stream, func(limit int) int { return 1 + rnd.IntN(min(limit, 1+rnd.IntN(5000))) })
		if want.err || got.err {
			t.Fatal("good stream refused")
		}
		if !bytes.Equal(a, b) || !bytes.Equal(want.replies, got.replies) || want.closing != got.closing {
			t.Fatal("the outcome depends on how the stream was cut")
		}
	}
}

// FuzzEndpoint: no stream makes the server panic, answer more than was asked, or
// touch memory beside what it lent.
func FuzzEndpoint(f *testing.F) {
	read := opHeader{op: verbs.OpRead, key: testKey, offset: 16, length: 100}
	write := opHeader{op: verbs.OpWrite, key: testKey, offset: 8, length: 64, seq: 1}
	f.Add(marshalBatch(1, read, write), uint8(1))
	f.Add(marshalBatch(1, read), uint8(16))
	f.Add(marshalBatch(1, opHeader{op: verbs.OpWrite, key: testKey, offset: 200, length: 100}), uint8(3))
	f.Add(bytes.Repeat([]byte{0xff}, 100), uint8(7))
	f.Fuzz(func(t *testing.T, stream []byte, step uint8) {
		guarded := bytes.Repeat([]byte{0xee}, 256+2*64)
		e := looseEndpoint(guarded[64:64+256:64+256], 4)
		out := feed(e, stream, func(int) int { return 1 + int(step) })
		for i, b := range guarded {
			if (i < 64 || i >= 64+256) && b != 0xee {
				t.Fatalf("byte %d outside the lent memory was written", i-64)
			}
		}
		if len(out.replies) > (replySize+256)*(1+len(stream)/opSize) {
			t.Fatalf("%d bytes of replies to %d bytes", len(out.replies), len(stream))
		}
	})
}

func TestEndpointEndsAtProtocolErrors(t *testing.T) {
	e := looseEndpoint(make([]byte, 64), 4)
	if out := feed(e, bytes.Repeat([]byte("GET / HTTP/1.1\r\n"), 4), whole); !out.err || len(out.replies) > 0 {
		t.Errorf("%+v", out)
	}
	e = looseEndpoint(make([]byte, 64), 4)
	e.inbox.filled(copy(e.inbox.space(), marshalBatch(0, opHeader{op: 9, length: 1})))
	if err := e.work(); !errors.Is(err, verbs.ErrProtocol) || !errors.Is(err, verbs.ErrOpcode) {
		t.Error(err)
	}
}
