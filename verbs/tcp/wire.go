package tcp

import (
	"encoding/binary"
	"fmt"

	"github.com/farswap/farswap/verbs"
)

// The data protocol, all little-endian. The device sends batches:
//
//	batch   magic u32 · operations u32 (1 to 256) · payload u64 (bytes)
//	op      opcode u8 · zero u8×3 · length u32 · key u64 · offset u64 · sequence u64   (× operations)
//	payload the data of the WRITEs, in order
//
// The server answers every operation, in order:
//
//	reply   status u8 · zero u8×3 · length u32 · sequence u64
//	data    length bytes, for a READ that was carried out
//
// Sequence numbers count the operations of a connection from 0. After a reply
// with another status than OK the server ends the connection.
const (
	batchMagic  = 0x62575346 // "FSWb"
	batchSize   = 16
	opSize      = 32
	replySize   = 16
	maxBatchOps = verbs.MaxDepth
	// maxHeaders is the longest run of headers at the start of a batch.
	maxHeaders = batchSize + maxBatchOps*opSize
)

// wireStatus values of a reply. They are fixed by the protocol.
const (
	replyOK           = 0
	replyRemoteAccess = 1
)

var le = binary.LittleEndian

// opHeader is one operation as the server sees it.
type opHeader struct {
	op     verbs.Opcode
	length uint32
	key    verbs.Key
	offset uint64
	seq    uint64
}

func putBatch(b []byte, ops int, payload uint64) {
	_ = b[batchSize-1]
	le.PutUint32(b[0:], batchMagic)
	le.PutUint32(b[4:], uint32(ops))
	le.PutUint64(b[8:], payload)
}

// parseBatch reads a batch header of batchSize bytes.
func parseBatch(b []byte) (ops int, payload uint64, err error) {
	_ = b[batchSize-1]
	if m := le.Uint32(b[0:]); m != batchMagic {
		return 0, 0, fmt.Errorf("batch begins with %#x, want %#x: %w", m, batchMagic, verbs.ErrProtocol)
	}
	n := le.Uint32(b[4:])
	payload = le.Uint64(b[8:])
	if n < 1 || n > maxBatchOps {
		return 0, 0, fmt.Errorf("batch of %d operations, want 1 to %d: %w", n, maxBatchOps, verbs.ErrProtocol)
	}
	if payload > uint64(n)*verbs.MaxLength {
		return 0, 0, fmt.Errorf("batch of %d operations with %d bytes of payload: %w", n, payload, verbs.ErrProtocol)
	}
	return int(n), payload, nil
}

func putOp(b []byte, h opHeader) {
	_ = b[opSize-1]
	le.PutUint32(b[0:], uint32(h.op))
	le.PutUint32(b[4:], h.length)
	le.PutUint64(b[8:], uint64(h.key))
	le.PutUint64(b[16:], h.offset)
	le.PutUint64(b[24:], h.seq)
}

// parseOp reads an operation's header of opSize bytes. Key and bounds are not
// its matter.
func parseOp(b []byte) (opHeader, error) {
	_ = b[opSize-1]
	word := le.Uint32(b[0:])
	h := opHeader{
		op:     verbs.Opcode(word),
		length: le.Uint32(b[4:]),
		key:    verbs.Key(le.Uint64(b[8:])),
		offset: le.Uint64(b[16:]),
		seq:    le.Uint64(b[24:]),
	}
	if word != uint32(verbs.OpRead) && word != uint32(verbs.OpWrite) {
		return h, fmt.Errorf("operation %d: %w: %w", word, verbs.ErrOpcode, verbs.ErrProtocol)
	}
	if h.length < 1 || h.length > verbs.MaxLength {
		return h, fmt.Errorf("%v of %d bytes, want 1 to %d: %w", h.op, h.length, verbs.MaxLength, verbs.ErrProtocol)
	}
	return h, nil
}

// parseOps reads the len(ops) headers that follow a batch header whose payload
// count is given; the first must have sequence number seq.
// Preconditions: len(b) >= len(ops)*opSize.
func parseOps(b []byte, ops []opHeader, payload, seq uint64) error {
	var sum uint64
	for i := range ops {
		h, err := parseOp(b[i*opSize:])
		if err != nil {
			return err
		}
		if h.seq != seq+uint64(i) {
			return fmt.Errorf("operation with sequence number %d, want %d: %w", h.seq, seq+uint64(i), verbs.ErrProtocol)
		}
		if h.op == verbs.OpWrite {
			sum += uint64(h.length)
		}
		ops[i] = h
	}
	if sum != payload {
		return fmt.Errorf("batch announces %d bytes of payload, its writes have %d: %w", payload, sum, verbs.ErrProtocol)
	}
	return nil
}

func putReply(b []byte, status uint8, length uint32, seq uint64) {
	_ = b[replySize-1]
	le.PutUint32(b[0:], uint32(status))
	le.PutUint32(b[4:], length)
	le.PutUint64(b[8:], seq)
}

// parseReply reads the reply header for the operation with sequence number seq,
// of whose data length bytes are expected.
func parseReply(b []byte, length uint32, seq uint64) (verbs.Status, error) {
	_ = b[replySize-1]
	if got := le.Uint64(b[8:]); got != seq {
		return verbs.StatusTransport, fmt.Errorf("reply to operation %d, want %d: %w", got, seq, verbs.ErrProtocol)
	}
	switch status := le.Uint32(b[0:]); status {
	case replyOK:
		if got := le.Uint32(b[4:]); got != length {
			return verbs.StatusTransport, fmt.Errorf("reply of %d bytes, want %d: %w", got, length, verbs.ErrProtocol)
		}
		return verbs.StatusOK, nil
	case replyRemoteAccess:
		return verbs.StatusRemoteAccess, fmt.Errorf("operation %d: %w", seq, verbs.ErrRemoteAccess)
	default:
		return verbs.StatusTransport, fmt.Errorf("reply with status %d: %w", status, verbs.ErrProtocol)
	}
}
