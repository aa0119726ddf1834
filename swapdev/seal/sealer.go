package seal

import (
	"crypto/subtle"
	"encoding/binary"

	"github.com/farswap/farswap/slabmap"
)

// Sealer seals and opens pages in place, and allocates nothing. It belongs to one goroutine at a time.
type Sealer struct {
	key   *Key
	nonce [nonceSize]byte
	tag   [gcmTag]byte
	out   [slabmap.PageSize + gcmTag]byte // GCM writes the tag behind the page, where the next page is
}

// NewSealer makes a sealer.
func (k *Key) NewSealer() *Sealer { return &Sealer{key: k} }

// Seal seals a page, which is slabmap.PageSize bytes in buf, and returns what opens it. counter is that of the
// write, from slabmap, and Seal is called once for it. page is below 2^40.
func (s *Sealer) Seal(page int64, counter uint64, buf []byte) slabmap.Seal {
	s.setNonce(page, counter)
	out := s.key.aead.Seal(s.out[:0], s.nonce[:], buf, nil)
	copy(buf, out)
	return slabmap.NewSeal(counter, [slabmap.SealTagSize]byte(out[slabmap.PageSize:]))
}

// Open opens a page in buf, and reports whether it is what was sealed as page, under that Seal. If it is not, buf
// stays as it is.
func (s *Sealer) Open(page int64, is slabmap.Seal, buf []byte) bool {
	if !s.Authentic(page, is, buf) {
		return false
	}
	// What is sealed twice in counter mode is open. The tag behind it is of no use.
	copy(buf, s.key.aead.Seal(s.out[:0], s.nonce[:], buf, nil))
	return true
}

// Authentic reports whether buf is what was sealed as page, under that Seal, and leaves it sealed: for who copies it.
func (s *Sealer) Authentic(page int64, is slabmap.Seal, buf []byte) bool {
	s.setNonce(page, is.Counter())
	s.key.aead.Seal(s.tag[:0], s.nonce[:], nil, buf)
	subtle.XORBytes(s.tag[:], s.tag[:], s.key.fold[:])
	want := is.Tag()
	return subtle.ConstantTimeCompare(s.tag[:slabmap.SealTagSize], want[:]) == 1
}

// setNonce sets what is different for each content that is sealed under the key: 40 bits of the page's number, 40
// of the counter, and the life.
func (s *Sealer) setNonce(page int64, counter uint64) {
	binary.BigEndian.PutUint64(s.nonce[0:], uint64(page)<<24|counter>>16)
	binary.BigEndian.PutUint32(s.nonce[8:], uint32(counter)<<16|uint32(s.key.life))
}
