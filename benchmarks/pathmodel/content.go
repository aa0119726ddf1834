package pathmodel

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/farswap/farswap/internal/pseudo"
)

const (
	pageSize  = 4096
	pageBlock = 512 // has a stamp at its begin
	stampSize = 8
)

// ErrMismatch means that a page came back with other bytes than were written to it.
var ErrMismatch = errors.New("wrong data")

// content makes and checks pages. All pages have the same pseudo-random bytes, but for a stamp
// at the begin of each block, which follows from the page's number and version. So a page is
// checked in a tenth of a microsecond, every byte of it: who checks is not what is measured.
type content struct{ base [pageSize]byte }

func newContent() *content {
	c := new(content)
	for i := 0; i < pageSize; i += stampSize {
		binary.LittleEndian.PutUint64(c.base[i:], pseudo.Mix(pseudo.Golden*uint64(i+1)))
	}
	return c
}

func stamp(page int64, version uint32) uint64 {
	return pseudo.Mix(uint64(page)<<32 | uint64(version))
}

// fill writes a page's content to b, which has pageSize bytes.
func (c *content) fill(b []byte, page int64, version uint32) {
	copy(b, c.base[:])
	s := stamp(page, version)
	for at := 0; at < pageSize; at += pageBlock {
		binary.LittleEndian.PutUint64(b[at:], s+uint64(at))
	}
}

// check returns an error that wraps ErrMismatch unless b is the page's content.
func (c *content) check(b []byte, page int64, version uint32) error {
	s := stamp(page, version)
	for at := 0; at < pageSize; at += pageBlock {
		if binary.LittleEndian.Uint64(b[at:]) != s+uint64(at) || !bytes.Equal(b[at+stampSize:at+pageBlock], c.base[at+stampSize:at+pageBlock]) {
			return fmt.Errorf("page %d, version %d, bytes %d to %d: %w", page, version, at, at+pageBlock-1, ErrMismatch)
		}
	}
	return nil
}
