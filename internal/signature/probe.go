package signature

import (
	"bytes"
	"encoding/binary"
	"io"
)

// Where signatures stand.
const (
	headBytes = 256 * kib // from the start: the first label of ZFS is the longest
	tailBytes = 576 * kib // before the end: two labels of ZFS in whole labels, and md 0.90
	align     = 4 * kib   // of every read
)

// BufferSize is how many bytes of memory [Probe] needs.
const BufferSize = headBytes + tailBytes

// Probe returns what a store of size bytes seems to hold, in words that follow "it holds", or
// an empty string. It reads at most BufferSize bytes, in multiples of 4 KiB at multiples of
// 4 KiB, into buf, which has that size: so r can be a file that was opened with O_DIRECT.
// Errors are those of r.
func Probe(r io.ReaderAt, size int64, buf []byte) (string, error) {
	size -= size % align
	head, tail := buf[:min(headBytes, size)], buf[headBytes:headBytes+min(tailBytes, size)]
	for _, part := range []struct {
		to []byte
		at int64
	}{{head, 0}, {tail, size - int64(len(tail))}} {
		if n, err := r.ReadAt(part.to, part.at); n < len(part.to) {
			return "", err
		}
	}
	s := store{head: head, tail: tail, size: size}
	for _, m := range marks {
		if s.has(m.at, m.magic) && (m.kind != ext || s.isExt()) {
			return m.kind, nil
		}
	}
	for _, look := range []struct {
		kind string
		is   func() bool
	}{{lvm, s.isLVM}, {mdRAID, s.isOldRAID}, {zfs, s.isZFS}, {"a partition table (GPT)", s.isBackupGPT}, {partition, s.isMBR}} {
		if look.is() {
			return look.kind, nil
		}
	}
	return "", nil
}

// SwapLabel returns the label of a swap area that [Probe] has found in buf, which has its page
// of 4 KiB. Linux, union swap_header: sws_volume, 16 bytes at 1052.
func SwapLabel(buf []byte) string {
	label := buf[1052 : 1052+16]
	if i := bytes.IndexByte(label, 0); i >= 0 {
		label = label[:i]
	}
	return string(label)
}

// store is the start and the end of what is looked at.
type store struct {
	head, tail []byte
	size       int64
}

// bytesAt is n bytes at an offset, nil if they were not read or are beyond the end.
func (s store) bytesAt(at int64, n int) []byte {
	if at >= 0 && at+int64(n) <= int64(len(s.head)) {
		return s.head[at : at+int64(n)]
	}
	if at -= s.size - int64(len(s.tail)); at >= 0 && at+int64(n) <= int64(len(s.tail)) {
		return s.tail[at : at+int64(n)]
	}
	return nil
}

func (s store) has(at int64, magic string) bool { return string(s.bytesAt(at, len(magic))) == magic }

// isExt checks that s_log_block_size is at most 6, that is blocks of 64 KiB, and that
// s_inodes_count and s_blocks_count_lo are not 0.
func (s store) isExt() bool {
	b := s.bytesAt(kib, 1024)
	return b != nil && binary.LittleEndian.Uint32(b[24:]) <= 6 && binary.LittleEndian.Uint32(b) != 0 && binary.LittleEndian.Uint32(b[4:]) != 0
}

// isLVM looks for LVM2's label, which stands in one of the first four sectors (lib/label/label.h).
func (s store) isLVM() bool {
	for sector := range int64(4) {
		if s.has(sector*512, "LABELONE") && s.has(sector*512+24, "LVM2") {
			return true
		}
	}
	return false
}

// isOldRAID looks for md's superblocks at the end: version 1.0 is 8 KiB before it, rounded down to
// 4 KiB (drivers/md/md.c, super_1_load), version 0.90 in the last whole 64 KiB (MD_NEW_SIZE_SECTORS),
// in the byte order of the machine that made it.
func (s store) isOldRAID() bool {
	at10 := (s.size/512 - 16) &^ 7 * 512
	at090 := s.size&^(64*kib-1) - 64*kib
	return s.has(at10, mdMagic) || s.has(at090, mdMagic) || s.has(at090, "\xa9\x2b\x4e\xfc")
}

// isZFS looks for uberblocks. Each of the four labels of 256 KiB, two at the start and two at the
// end, has an array of them in its second half, in steps of 1 KiB or more (OpenZFS,
// include/sys/uberblock_impl.h: UBERBLOCK_MAGIC 0x00bab10c, vdev_impl.h: VDEV_UBERBLOCK_SHIFT 10).
func (s store) isZFS() bool {
	const label = 256 * kib
	end := s.size &^ (label - 1)
	for _, start := range []int64{0, end - 2*label, end - label} {
		for at := start + label/2; at < start+label; at += kib {
			if s.has(at, "\x0c\xb1\xba\x00\x00\x00\x00\x00") || s.has(at, "\x00\x00\x00\x00\x00\xba\xb1\x0c") {
				return true
			}
		}
	}
	return false
}

// isBackupGPT looks for the copy of a GPT's header in the last logical block.
func (s store) isBackupGPT() bool {
	return s.has(s.size-512, "EFI PART") || s.has(s.size-4*kib, "EFI PART")
}

// isMBR looks for a boot sector's mark and a plausible table: four entries of 16 bytes at 446, each
// of which says 0 or 0x80 first, and at least one of which has a type and a length.
func (s store) isMBR() bool {
	b := s.bytesAt(0, 512)
	if b == nil || b[510] != 0x55 || b[511] != 0xaa {
		return false
	}
	used := false
	for entry := b[446:510]; len(entry) > 0; entry = entry[16:] {
		if entry[0]&^0x80 != 0 {
			return false
		}
		used = used || entry[4] != 0 && binary.LittleEndian.Uint32(entry[12:]) != 0
	}
	return used
}
