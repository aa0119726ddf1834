package path

import (
	"bytes"
	"errors"

	"golang.org/x/sys/unix"

	"github.com/farswap/farswap/internal/signature"
	"github.com/farswap/farswap/offheap"
	"github.com/farswap/farswap/slabmap"
)

// A backing file of a server that was killed holds pages, which can look like anything: its first
// one is the header of the swap area on the device. So a file or disk that is a backing file is
// marked: a file with an attribute, a disk with a page behind the device if it has one.
const (
	markName = "user.farswap.backing"
	markText = "farswap backing file\n"
)

// markOwn refuses a store of have bytes that seems to hold something else than pages of a device,
// and marks it.
func (b *BackingFile) markOwn(have int64, c *BackingConfig) (err error) {
	buf, err := offheap.Map(signature.BufferSize, offheap.Options{Purpose: "a look at the backing file"})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, offheap.Unmap(buf)) }()
	at := b.markAt(have)
	if !c.Overwrite && !b.marked(at, buf[:slabmap.PageSize]) {
		if err := checkContent(b.file, have, buf); err != nil {
			return err
		}
	}
	return b.mark(at, buf[:slabmap.PageSize])
}

// noMark is where a store has its mark that has no page for it.
const noMark = -1

// markAt is where a disk has its mark, noMark if the device may take all of it. A file has none.
func (b *BackingFile) markAt(have int64) int64 {
	at := have/slabmap.PageSize*slabmap.PageSize - slabmap.PageSize
	if !b.disk || at < b.size {
		return noMark
	}
	return at
}

// marked reports whether the store was a backing file before. buf is a page of aligned memory.
func (b *BackingFile) marked(at int64, buf []byte) bool {
	if b.disk {
		if at < 0 {
			return false
		}
		_, err := b.file.ReadAt(buf, at)
		return err == nil && bytes.HasPrefix(buf, []byte(markText))
	}
	n, err := unix.Fgetxattr(int(b.file.Fd()), markName, buf)
	return err == nil && string(buf[:n]) == markText
}

// mark marks the store. A file system without attributes leaves a file without a mark: it is then
// refused when its server was killed and it looks like something.
func (b *BackingFile) mark(at int64, buf []byte) error {
	if !b.disk {
		_ = unix.Fsetxattr(int(b.file.Fd()), markName, []byte(markText), 0)
		return nil
	}
	if at < 0 {
		return nil
	}
	clear(buf)
	copy(buf, markText)
	_, err := b.file.WriteAt(buf, at)
	return err
}
