package donor

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"

	"golang.org/x/sys/unix"
)

// ErrSuccession means that a donor process does not take over from another one. The other one goes on.
var ErrSuccession = errors.New("another process cannot take the donor over")

// maxLetter bounds a message between two donor processes, in bytes. A slab takes some 150: this is enough for
// 64 TiB in slabs of 64 MiB.
const maxLetter = 256 << 20

// verdict answers a message: Error is empty if all went well.
type verdict struct{ Error string }

// sendLetter sends a message: its length, 4 bytes in little-endian order, and then JSON.
func sendLetter(conn *net.UnixConn, v any) error {
	body, err := json.Marshal(v)
	if err == nil && len(body) > maxLetter {
		err = fmt.Errorf("%d bytes do not fit in a message", len(body))
	}
	if err != nil {
		return fmt.Errorf("%w: %w", ErrSuccession, err)
	}
	if _, err := conn.Write(append(binary.LittleEndian.AppendUint32(nil, uint32(len(body))), body...)); err != nil {
		return fmt.Errorf("%w: %w", ErrSuccession, err)
	}
	return nil
}

// readLetter reads a message. The error wraps io.EOF if the other process has ended before it sent one.
func readLetter(conn *net.UnixConn, v any) error {
	var size [4]byte
	_, err := io.ReadFull(conn, size[:])
	var body []byte
	if err == nil {
		n := binary.LittleEndian.Uint32(size[:])
		if n > maxLetter {
			return fmt.Errorf("%w: a message of %d bytes", ErrSuccession, n)
		}
		body = make([]byte, n)
		_, err = io.ReadFull(conn, body)
	}
	if err == nil {
		err = json.Unmarshal(body, v)
	}
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, unix.ECONNRESET) {
		err = io.EOF
	}
	if err != nil {
		return fmt.Errorf("%w: %w", ErrSuccession, err)
	}
	return nil
}

// isBroken reports whether the other process has ended.
func isBroken(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, unix.EPIPE) || errors.Is(err, unix.ECONNRESET)
}

// readVerdict reads the answer of the other process.
func readVerdict(conn *net.UnixConn) error {
	var v verdict
	if err := readLetter(conn, &v); err != nil {
		return err
	}
	if v.Error != "" {
		return fmt.Errorf("%w: %s", ErrSuccession, v.Error)
	}
	return nil
}

// sendFiles sends descriptors.
func sendFiles(conn *net.UnixConn, files []*os.File) error {
	var fds []int
	for _, f := range files {
		// Not File.Fd, which makes sockets block: the flag is the socket's, not the descriptor's.
		raw, err := f.SyscallConn()
		if err == nil {
			err = raw.Control(func(fd uintptr) { fds = append(fds, int(fd)) })
		}
		if err != nil {
			return fmt.Errorf("%w: %w", ErrSuccession, err)
		}
	}
	if _, _, err := conn.WriteMsgUnix([]byte{byte(len(fds))}, unix.UnixRights(fds...), nil); err != nil {
		return fmt.Errorf("%w: %w", ErrSuccession, err)
	}
	return nil
}

// readFiles receives descriptors.
func readFiles(conn *net.UnixConn) ([]*os.File, error) {
	var count [1]byte
	rights := make([]byte, unix.CmsgSpace(8*4))
	n, m, _, _, err := conn.ReadMsgUnix(count[:], rights)
	if err == nil && n == 0 {
		err = io.EOF
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSuccession, err)
	}
	messages, err := unix.ParseSocketControlMessage(rights[:m])
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSuccession, err)
	}
	var files []*os.File
	for i := range messages {
		fds, err := unix.ParseUnixRights(&messages[i])
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrSuccession, err)
		}
		for _, fd := range fds {
			files = append(files, os.NewFile(uintptr(fd), "of the donor before"))
		}
	}
	if len(files) != int(count[0]) || len(files) < 2 {
		return nil, fmt.Errorf("%w: %d of %d descriptors came", ErrSuccession, len(files), count[0])
	}
	return files, nil
}
