package tcp

import (
	"bytes"
	"errors"
	"testing"

	"pgregory.net/rapid"

	"github.com/farswap/farswap/verbs"
)

// marshalBatch builds a batch as a device would send it. Payload of writes is the
// byte fill.
func marshalBatch(fill byte, ops ...opHeader) []byte {
	var payload []byte
	b := make([]byte, batchSize+len(ops)*opSize)
	for i, h := range ops {
		putOp(b[batchSize+i*opSize:], h)
		if h.op == verbs.OpWrite {
			payload = append(payload, bytes.Repeat([]byte{fill}, int(h.length))...)
		}
	}
	putBatch(b, len(ops), uint64(len(payload)))
	return append(b, payload...)
}

func TestBatchHeader(t *testing.T) {
	for _, c := range []struct {
		name    string
		ops     int
		payload uint64
		ok      bool
	}{
		{"one", 1, 0, true},
		{"most", maxBatchOps, maxBatchOps * verbs.MaxLength, true},
		{"none", 0, 0, false},
		{"too many", maxBatchOps + 1, 0, false},
		{"negative", -1, 0, false},
		{"payload beyond the operations", 1, verbs.MaxLength + 1, false},
		{"payload wraps", 1, 1 << 63, false},
	} {
		b := make([]byte, batchSize)
		putBatch(b, c.ops, c.payload)
		n, payload, err := parseBatch(b)
		if c.ok && (err != nil || n != c.ops || payload != c.payload) {
			t.Errorf("%s: %d, %d, %v", c.name, n, payload, err)
		}
		if !c.ok && !errors.Is(err, verbs.ErrProtocol) {
			t.Errorf("%s: error %v, want ErrProtocol", c.name, err)
		}
	}
	if _, _, err := parseBatch(make([]byte, batchSize)); !errors.Is(err, verbs.ErrProtocol) {
		t.Errorf("wrong magic: %v", err)
	}
}

func TestOpHeaderRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := opHeader{
			op:     rapid.SampledFrom([]verbs.Opcode{verbs.OpRead, verbs.OpWrite}).Draw(t, "op"),
			length: rapid.Uint32Range(1, verbs.MaxLength).Draw(t, "length"),
			key:    verbs.Key(rapid.Uint64().Draw(t, "key")),
			offset: rapid.Uint64().Draw(t, "offset"),
			seq:    rapid.Uint64().Draw(t, "seq"),
		}
		b := make([]byte, opSize)
		putOp(b, h)
		if got, err := parseOp(b); err != nil || got != h {
			t.Fatalf("got %+v, %v, want %+v", got, err, h)
		}
	})
}

func TestParseOpsRefuses(t *testing.T) {
	read := opHeader{op: verbs.OpRead, length: 8, seq: 5}
	write := opHeader{op: verbs.OpWrite, length: 8, seq: 6}
	for _, c := range []struct {
		name    string
		first   opHeader
		second  opHeader
		payload uint64
		ok      bool
	}{
		{"good", read, write, 8, true},
		{"payload too small", read, write, 7, false},
		{"payload too large", read, write, 9, false},
		{"sequence repeats", read, opHeader{op: verbs.OpWrite, length: 8, seq: 5}, 8, false},
		{"sequence starts late", opHeader{op: verbs.OpRead, length: 8, seq: 6}, write, 8, false},
		{"opcode 0", opHeader{length: 8, seq: 5}, write, 8, false},
		{"opcode 3", opHeader{op: 3, length: 8, seq: 5}, write, 8, false},
		{"no length", opHeader{op: verbs.OpRead, seq: 5}, write, 8, false},
		{"too long", opHeader{op: verbs.OpRead, length: verbs.MaxLength + 1, seq: 5}, write, 8, false},
	} {
		b := make([]byte, 2*opSize)
		putOp(b, c.first)
		putOp(b[opSize:], c.second)
		var ops [2]opHeader
		err := parseOps(b, ops[:], c.payload, 5)
		if c.ok && err != nil || !c.ok && !errors.Is(err, verbs.ErrProtocol) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

func TestParseReply(t *testing.T) {
	for _, c := range []struct {
		name   string
		status uint8
		length uint32
		seq    uint64
		want   verbs.Status
	}{
		{"good", replyOK, 4096, 9, verbs.StatusOK},
		{"other length", replyOK, 4095, 9, verbs.StatusTransport},
		{"other sequence", replyOK, 4096, 8, verbs.StatusTransport},
		{"refused", replyRemoteAccess, 0, 9, verbs.StatusRemoteAccess},
		{"unknown status", 7, 4096, 9, verbs.StatusTransport},
	} {
		b := make([]byte, replySize)
		putReply(b, c.status, c.length, c.seq)
		got, err := parseReply(b, 4096, 9)
		if got != c.want || (err == nil) != (c.want == verbs.StatusOK) {
			t.Errorf("%s: %v, %v, want %v", c.name, got, err, c.want)
		}
	}
}

func FuzzReply(f *testing.F) {
	good := make([]byte, replySize)
	putReply(good, replyOK, 4096, 1)
	f.Add(good, uint32(4096), uint64(1))
	f.Fuzz(func(t *testing.T, b []byte, length uint32, seq uint64) {
		if len(b) < replySize {
			return
		}
		if status, err := parseReply(b, length, seq); (status == verbs.StatusOK) != (err == nil) {
			t.Fatalf("status %v with error %v", status, err)
		}
	})
}
