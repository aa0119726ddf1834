package pathmodel

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/farswap/farswap/ublk"
)

// The protocol of nbd, as far as a client and a server with one export need it: the newstyle
// handshake with NBD_OPT_EXPORT_NAME, and simple replies. Names and numbers are those of
// https://github.com/NetworkBlockDevice/nbd/blob/master/doc/proto.md. All is big-endian.
const (
	nbdMagic        = 0x4e42444d41474943 // "NBDMAGIC"
	nbdOptMagic     = 0x49484156454f5054 // "IHAVEOPT"
	nbdRequestMagic = 0x25609513
	nbdReplyMagic   = 0x67446698

	nbdFixedNewstyle = 1 << 0 // of the server and of the client
	nbdNoZeroes      = 1 << 1 // the same
	nbdOptExportName = 1
	nbdHasFlags      = 1 << 0 // of the export

	nbdRead  = 0
	nbdWrite = 1

	nbdRequestBytes = 28
	nbdReplyBytes   = 16
	nbdGreetBytes   = 18
	nbdOptBytes     = 16
	nbdExportBytes  = 10 // without the zeroes
)

var errProtocol = errors.New("not the protocol of nbd that was expected")

// nbdRequest is struct nbd_request. It has no data after it, or those of a write.
type nbdRequest struct {
	write  bool
	cookie uint64
	offset uint64
	length uint32
}

func (r nbdRequest) put(b []byte) {
	command := uint16(nbdRead)
	if r.write {
		command = nbdWrite
	}
	binary.BigEndian.PutUint32(b, nbdRequestMagic)
	binary.BigEndian.PutUint16(b[4:], 0) // flags
	binary.BigEndian.PutUint16(b[6:], command)
	binary.BigEndian.PutUint64(b[8:], r.cookie)
	binary.BigEndian.PutUint64(b[16:], r.offset)
	binary.BigEndian.PutUint32(b[24:], r.length)
}

// parseRequest reads a request. It knows reads and writes alone.
func parseRequest(b []byte) (nbdRequest, error) {
	magic, command := binary.BigEndian.Uint32(b), binary.BigEndian.Uint16(b[6:])
	if magic != nbdRequestMagic || command > nbdWrite {
		return nbdRequest{}, fmt.Errorf("request with magic %#x and command %d: %w", magic, command, errProtocol)
	}
	return nbdRequest{
		write: command == nbdWrite, cookie: binary.BigEndian.Uint64(b[8:]),
		offset: binary.BigEndian.Uint64(b[16:]), length: binary.BigEndian.Uint32(b[24:]),
	}, nil
}

// nbdReply is struct nbd_reply. After it come the data of a read that has no error.
type nbdReply struct {
	errno  uint32 // 0: done
	cookie uint64
}

func (r nbdReply) put(b []byte) {
	binary.BigEndian.PutUint32(b, nbdReplyMagic)
	binary.BigEndian.PutUint32(b[4:], r.errno)
	binary.BigEndian.PutUint64(b[8:], r.cookie)
}

func parseReply(b []byte) (nbdReply, error) {
	if magic := binary.BigEndian.Uint32(b); magic != nbdReplyMagic {
		return nbdReply{}, fmt.Errorf("reply with magic %#x: %w", magic, errProtocol)
	}
	return nbdReply{errno: binary.BigEndian.Uint32(b[4:]), cookie: binary.BigEndian.Uint64(b[8:])}, nil
}

// greetServer is the client's part of the handshake. It returns the size of the export.
func greetServer(c io.ReadWriter) (int64, error) {
	var greet [nbdGreetBytes]byte
	if _, err := io.ReadFull(c, greet[:]); err != nil {
		return 0, fmt.Errorf("read the server's greeting: %w", err)
	}
	flags := binary.BigEndian.Uint16(greet[16:])
	if binary.BigEndian.Uint64(greet[:]) != nbdMagic || binary.BigEndian.Uint64(greet[8:]) != nbdOptMagic || flags&nbdNoZeroes == 0 {
		return 0, fmt.Errorf("greeting % x: %w", greet, errProtocol)
	}
	ask := binary.BigEndian.AppendUint32(nil, nbdFixedNewstyle|nbdNoZeroes)
	ask = binary.BigEndian.AppendUint64(ask, nbdOptMagic)
	ask = binary.BigEndian.AppendUint32(ask, nbdOptExportName)
	ask = binary.BigEndian.AppendUint32(ask, 0) // the default export
	if _, err := c.Write(ask); err != nil {
		return 0, fmt.Errorf("ask for the export: %w", err)
	}
	var export [nbdExportBytes]byte
	if _, err := io.ReadFull(c, export[:]); err != nil {
		return 0, fmt.Errorf("read the size of the export: %w", err)
	}
	return int64(binary.BigEndian.Uint64(export[:])), nil
}

// greetClient is the server's part of the handshake, for an export of size bytes.
func greetClient(c io.ReadWriter, size int64) error {
	greet := binary.BigEndian.AppendUint64(nil, nbdMagic)
	greet = binary.BigEndian.AppendUint64(greet, nbdOptMagic)
	greet = binary.BigEndian.AppendUint16(greet, nbdFixedNewstyle|nbdNoZeroes)
	if _, err := c.Write(greet); err != nil {
		return fmt.Errorf("greet the client: %w", err)
	}
	var ask [4 + nbdOptBytes]byte
	if _, err := io.ReadFull(c, ask[:]); err != nil {
		return fmt.Errorf("read what the client asks for: %w", err)
	}
	flags, option := binary.BigEndian.Uint32(ask[:]), binary.BigEndian.Uint32(ask[12:])
	if flags&nbdNoZeroes == 0 || binary.BigEndian.Uint64(ask[4:]) != nbdOptMagic || option != nbdOptExportName || binary.BigEndian.Uint32(ask[16:]) != 0 {
		return fmt.Errorf("the client asks % x: %w", ask, errProtocol)
	}
	export := binary.BigEndian.AppendUint64(nil, uint64(size))
	if _, err := c.Write(binary.BigEndian.AppendUint16(export, nbdHasFlags)); err != nil {
		return fmt.Errorf("tell the size of the export: %w", err)
	}
	return nil
}

// isWrite says whether an operation of a device is a write; the others here are reads.
func isWrite(op ublk.Op) bool { return op == ublk.OpWrite }
