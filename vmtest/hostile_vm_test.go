//go:build vm

package vmtest

import (
	"encoding/binary"
	"io"
	"net"
	"path/filepath"
	"strings"
)

// hostileDonor meets peers that are no donors, or not good ones. Each must end
// in one line, soon, and leave nothing.
func hostileDonor(w *World) {
	preamble := func(version uint16) string {
		return "farswap\n" + string(binary.LittleEndian.AppendUint16(nil, version)) + "\x00\x00"
	}
	for _, peer := range []struct {
		name, says string
		stays      bool // keeps the connection open
		parts      []string
	}{
		{name: "hangs up"},
		{name: "another version", says: preamble(999), parts: []string{"999"}},
		{name: "another protocol", says: "HTTP/1.1 400 Bad Request\r\n\r\n", parts: []string{"the peer is not farswap"}},
		{name: "truncated preamble", says: "fars"},
		{name: "truncated message", says: preamble(1) + "\x40\x00\x00\x00\x02\x00\x01\x00\x01\x00\x00\x00\xa1"},
		{name: "oversized message", says: preamble(1) + "\xff\xff\xff\xff\x02\x00\x01\x00\x01\x00\x00\x00", stays: true},
		{name: "garbage", says: preamble(1) + strings.Repeat("\x55\xaa", 500), stays: true},
		{name: "silence", stays: true},
	} {
		w.Phase("a peer that: %s", peer.name)
		address := w.peer(peer.says, peer.stays)
		w.refused([]string{
			"--size", "64M", "--slab", "8M", "--insecure", "--donor", address, "--backing", filepath.Join(w.Dir, "backing"),
		}, append(peer.parts, address)...)
		w.NoFile(filepath.Join(w.Dir, "backing"))
	}
}

// peer listens on a loopback address, says its text to everyone and hangs up,
// or stays.
func (w *World) peer(text string, stays bool) (address string) {
	w.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		w.Fatal(err)
	}
	w.Defer(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				io.WriteString(c, text)
				if stays {
					io.Copy(io.Discard, c)
				}
			}()
		}
	}()
	return l.Addr().String()
}
