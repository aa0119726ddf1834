package handshake

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"fmt"

	"github.com/farswap/farswap/verbs"
)

// version is that of both formats, and of the data protocols that they begin.
const version = 2

const (
	prefix = 8                  // bytes of magic, version and a field
	fields = prefix + 8 + 8 + 4 // bytes of a claim before its padding
)

var le = binary.LittleEndian

// Format is how a transport writes the messages.
type Format struct {
	name     string // of the transport, in the labels of macs
	what     string // the messages are, in errors
	magic    uint32
	padding  int       // bytes of a claim
	nonce    int       // bytes
	mac      int       // bytes
	greets   bool      // the server sends a nonce first
	verdicts []Verdict // by status
}

// TCP is the format over TCP.
var TCP = &Format{
	name: "tcp", what: "handshake", magic: 0x68575346, // "FSWh"
	padding: 4, nonce: 32, mac: sha256.Size, greets: true,
	verdicts: []Verdict{OK, Refused, Version, Full, Fenced, Held},
}

// RDMA is the format of the connection manager's private data. An InfiniBand request has
// room for 56 bytes, and there is no message before it. Adapters pad what they deliver.
var RDMA = &Format{
	name: "rdma", what: "private data", magic: 0x72575346, // "FSWr"
	nonce: 12, mac: 16,
	verdicts: []Verdict{OK, Refused, Version, Full, OtherDevice, Fenced, Held},
}

// Nonce is a random number that is used once. A format uses its first bytes.
type Nonce [32]byte

// NewNonce draws a nonce for a message of the format. The bytes that the format does not use
// are zero, so that the nonce is the same when it has been sent.
func (f *Format) NewNonce() Nonce {
	var n Nonce
	_, _ = rand.Read(n[:f.nonce]) // never fails, by its documentation
	return n
}

// put begins a message.
func (f *Format) put(b []byte, field uint16) {
	le.PutUint32(b[0:], f.magic)
	le.PutUint16(b[4:], version)
	le.PutUint16(b[6:], field)
}

// parse checks the beginning of a message of at least size bytes. The error wraps
// verbs.ErrProtocol or verbs.ErrVersion.
func (f *Format) parse(b []byte, size int) (field uint16, err error) {
	if len(b) >= prefix {
		if m := le.Uint32(b[0:]); m != f.magic {
			return 0, fmt.Errorf("%s begins with %#x: not a peer of this protocol: %w", f.what, m, verbs.ErrProtocol)
		}
		if v := le.Uint16(b[4:]); v != version { // other versions have other sizes
			return 0, fmt.Errorf("%s of version %d, want %d: %w", f.what, v, version, verbs.ErrVersion)
		}
	}
	if len(b) < size {
		return 0, fmt.Errorf("%s of %d bytes, want %d: not a peer of this protocol: %w", f.what, len(b), size, verbs.ErrProtocol)
	}
	return le.Uint16(b[6:]), nil
}

// sign returns the mac of a message of one side, "device" or "server".
func (f *Format) sign(side string, fields []byte, device, server Nonce, secret *[32]byte) []byte {
	h := hmac.New(sha256.New, secret[:])
	fmt.Fprintf(h, "farswap %s %s", f.name, side)
	if f.greets {
		h.Write(server[:f.nonce])
	}
	h.Write(device[:f.nonce])
	h.Write(fields)
	return h.Sum(nil)[:f.mac]
}

// GreetingSize is in bytes.
func (f *Format) GreetingSize() int { return prefix + f.nonce }

// Greeting is the server's first message, in a format that has it.
func (f *Format) Greeting(server Nonce) []byte {
	b := make([]byte, f.GreetingSize())
	f.put(b, 0)
	copy(b[prefix:], server[:f.nonce])
	return b
}

// ParseGreeting reads the server's first message. The error wraps verbs.ErrProtocol or
// verbs.ErrVersion.
func (f *Format) ParseGreeting(b []byte) (server Nonce, err error) {
	if _, err := f.parse(b, f.GreetingSize()); err != nil {
		return Nonce{}, err
	}
	copy(server[:f.nonce], b[prefix:])
	return server, nil
}
