package control

import (
	"encoding/binary"
	"fmt"
	"io"
)

// Version is the version of the protocol. Two peers talk only if their versions are equal.
const Version = 1

const (
	maxFrame   = 64 << 10 // bytes, header included
	headerSize = 12       // bytes

	flagReply uint16 = 1
)

// frame is one message on the wire. id numbers the requests of the sender from 1. A reply has the id
// of its request. A message that ends a session has the id 0.
type frame struct {
	kind  kind
	reply bool
	id    uint32
	body  []byte
}

// appendFrame appends a message with its header to b. It fails only if the message is too long or
// the message's own check refuses it.
func appendFrame(b []byte, id uint32, reply bool, m Message) ([]byte, error) {
	if err := m.check(); err != nil {
		return b, fmt.Errorf("send %v: %w", m.kind(), err)
	}
	body, err := encMode.Marshal(m)
	if err != nil {
		return b, fmt.Errorf("send %v: %w: %w", m.kind(), ErrInvalid, err)
	}
	if headerSize+len(body) > maxFrame {
		return b, fmt.Errorf("send %v: %w: %d bytes in a frame of at most %d", m.kind(), ErrTooBig, headerSize+len(body), maxFrame)
	}
	var flags uint16
	if reply {
		flags = flagReply
	}
	b = binary.LittleEndian.AppendUint32(b, uint32(len(body)))
	b = binary.LittleEndian.AppendUint16(b, uint16(m.kind()))
	b = binary.LittleEndian.AppendUint16(b, flags)
	b = binary.LittleEndian.AppendUint32(b, id)
	return append(b, body...), nil
}

// readFrame reads one frame. It allocates maxFrame at most, and the caller owns the body. Errors wrap
// ErrTooBig and ErrProtocol, or are the reader's. It returns io.EOF only between frames.
func readFrame(r io.Reader) (frame, error) {
	var h [headerSize]byte
	if _, err := io.ReadFull(r, h[:]); err != nil {
		return frame{}, err
	}
	n := binary.LittleEndian.Uint32(h[0:])
	flags := binary.LittleEndian.Uint16(h[6:])
	f := frame{
		kind:  kind(binary.LittleEndian.Uint16(h[4:])),
		reply: flags&flagReply != 0,
		id:    binary.LittleEndian.Uint32(h[8:]),
	}
	if n > maxFrame-headerSize {
		return frame{}, fmt.Errorf("%w: %w: %v of %d bytes, at most %d", ErrProtocol, ErrTooBig, f.kind, n, maxFrame-headerSize)
	}
	if flags&^flagReply != 0 {
		return frame{}, fmt.Errorf("%w: %v with unknown flags %#x", ErrProtocol, f.kind, flags)
	}
	f.body = make([]byte, n)
	if _, err := io.ReadFull(r, f.body); err != nil {
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		return frame{}, err
	}
	return f, nil
}

// magic is the first data on every connection, in all versions of the protocol.
const (
	magic        = "farswap\n"
	preambleSize = len(magic) + 4 // version uint16, reserved uint16
)

func preamble() []byte {
	b := binary.LittleEndian.AppendUint16([]byte(magic), Version)
	return append(b, 0, 0)
}

// readPreamble returns the version of the peer. Errors wrap ErrProtocol, or are the reader's.
func readPreamble(r io.Reader) (uint16, error) {
	var p [preambleSize]byte
	_, err := io.ReadFull(r, p[:])
	switch {
	case p[1] == 0x03 && (p[0] == 0x15 || p[0] == 0x16): // a TLS alert or handshake record
		return 0, fmt.Errorf("%w: %w", ErrProtocol, ErrPeerTLS)
	case err != nil:
		return 0, err
	case string(p[:len(magic)]) == magic:
		return binary.LittleEndian.Uint16(p[len(magic):]), nil
	}
	return 0, fmt.Errorf("%w: the peer is not farswap: it begins with %q", ErrProtocol, p[:len(magic)])
}
