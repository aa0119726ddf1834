package seal

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"

	"github.com/farswap/farswap/internal/allocs"
	"github.com/farswap/farswap/slabmap"
)

const pageSize = slabmap.PageSize

// fixedKey is a key that tests know.
func fixedKey(t testing.TB, first byte, life uint16) (*Key, []byte) {
	t.Helper()
	secret := make([]byte, keySize)
	for i := range secret {
		secret[i] = first + byte(i)
	}
	k, err := newKey(secret, life)
	if err != nil {
		t.Fatal(err)
	}
	return k, secret
}

// random makes a page from a seed.
func random(seed uint64) []byte {
	page := make([]byte, pageSize)
	rng := rand.New(rand.NewPCG(seed, 1))
	for i := 0; i < len(page); i += 8 {
		binary.NativeEndian.PutUint64(page[i:], rng.Uint64())
	}
	return page
}

// plainly seals by crypto/cipher alone, with the nonce put together byte by byte.
func plainly(t fataler, secret []byte, page int64, counter uint64, life uint16, plain []byte) (sealed, tag []byte) {
	block, err := aes.NewCipher(secret)
	if err != nil {
		t.Fatal(err)
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		t.Fatal(err)
	}
	nonce := []byte{
		byte(page >> 32), byte(page >> 24), byte(page >> 16), byte(page >> 8), byte(page),
		byte(counter >> 32), byte(counter >> 24), byte(counter >> 16), byte(counter >> 8), byte(counter),
		byte(life >> 8), byte(life),
	}
	out := gcm.Seal(nil, nonce, plain, nil)
	return out[:pageSize], out[pageSize:]
}

type fataler interface{ Fatal(args ...any) }

// TestSealsAsGCM: what is stored is AES-256-GCM of the page, its tag cut, and opens again.
func TestSealsAsGCM(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		page := rapid.Int64Range(0, 1<<40-1).Draw(rt, "page")
		counter := rapid.Uint64Range(1, slabmap.MaxCounter).Draw(rt, "counter")
		life := rapid.Uint16().Draw(rt, "life")
		plain := random(rapid.Uint64().Draw(rt, "content"))
		k, secret := fixedKey(t, rapid.Byte().Draw(rt, "key"), life)
		want, tag := plainly(rt, secret, page, counter, life, plain)

		s, buf := k.NewSealer(), bytes.Clone(plain)
		seal := s.Seal(page, counter, buf)
		have := seal.Tag()
		if !bytes.Equal(buf, want) || !bytes.Equal(have[:], tag[:slabmap.SealTagSize]) || seal.Counter() != counter {
			rt.Fatal("not what crypto/cipher makes of it")
		}
		if !k.NewSealer().Authentic(page, seal, buf) || !bytes.Equal(buf, want) {
			rt.Fatal("it is not authentic, or was changed")
		}
		if !k.NewSealer().Open(page, seal, buf) || !bytes.Equal(buf, plain) {
			rt.Fatal("it does not open")
		}
	})
}

// TestForgeriesDoNotOpen: no bit of a page or of its tag can be changed, and no page can stand for
// another one, an older one, or one of another device or life. The page stays as it was.
func TestForgeriesDoNotOpen(t *testing.T) {
	const page, counter = 77, 5
	k, secret := fixedKey(t, 1, 9)
	s, sealed := k.NewSealer(), random(1)
	seal := s.Seal(page, counter, sealed)
	refused := func(what string, s *Sealer, page int64, is slabmap.Seal, buf []byte) {
		t.Helper()
		before := bytes.Clone(buf)
		if s.Authentic(page, is, buf) || s.Open(page, is, buf) {
			t.Errorf("%s opens", what)
		}
		if !bytes.Equal(buf, before) {
			t.Errorf("%s was changed though it does not open", what)
		}
	}
	buf := make([]byte, pageSize)
	for bit := range pageSize * 8 {
		copy(buf, sealed)
		buf[bit/8] ^= 1 << (bit % 8)
		if s.Open(page, seal, buf) {
			t.Fatalf("it opens with bit %d changed", bit)
		}
	}
	for bit := range slabmap.SealTagSize * 8 {
		tag := seal.Tag()
		tag[bit/8] ^= 1 << (bit % 8)
		refused("a tag with a bit changed", s, page, slabmap.NewSeal(counter, tag), sealed)
	}
	refused("another page's number", s, page+1, seal, sealed)
	refused("a number with the highest bit", s, page|1<<39, seal, sealed)
	refused("an earlier counter", s, page, slabmap.NewSeal(counter-1, seal.Tag()), sealed)
	refused("a later counter", s, page, slabmap.NewSeal(counter+1, seal.Tag()), sealed)
	refused("the highest counter", s, page, slabmap.NewSeal(slabmap.MaxCounter, seal.Tag()), sealed)
	refused("no seal", s, page, slabmap.Seal{}, sealed)

	newer := random(2)
	newerSeal := s.Seal(page, counter+1, newer)
	refused("an old copy", s, page, newerSeal, sealed)
	other := random(1)
	otherSeal := s.Seal(page+1, counter, other)
	refused("another page with the same content", s, page, seal, other)
	refused("this page in another's place", s, page+1, otherSeal, sealed)
	refused("zeros", s, page, seal, make([]byte, pageSize))
	refused("the open page", s, page, seal, random(1))

	otherKey, _ := fixedKey(t, 2, 9)
	refused("another key's page", otherKey.NewSealer(), page, seal, sealed)
	otherLife, err := newKey(secret, 10)
	if err != nil {
		t.Fatal(err)
	}
	refused("another life's page", otherLife.NewSealer(), page, seal, sealed)
	if !s.Open(page, seal, sealed) || !bytes.Equal(sealed, random(1)) {
		t.Error("the true page does not open")
	}
}

// TestNoncesDiffer: pages and counters that differ give nonces that differ.
func TestNoncesDiffer(t *testing.T) {
	k, _ := fixedKey(t, 1, 3)
	s := k.NewSealer()
	rapid.Check(t, func(t *rapid.T) {
		at := func(name string) (int64, uint64, [nonceSize]byte) {
			page := rapid.Int64Range(0, 1<<40-1).Draw(t, "page"+name)
			counter := rapid.Uint64Range(0, slabmap.MaxCounter).Draw(t, "counter"+name)
			s.setNonce(page, counter)
			return page, counter, s.nonce
		}
		page, counter, nonce := at("")
		otherPage, otherCounter, otherNonce := at("2")
		if (nonce == otherNonce) != (page == otherPage && counter == otherCounter) {
			t.Fatalf("%x and %x", nonce, otherNonce)
		}
	})
}

// TestKeysDiffer: nobody can open what another key of NewKey has sealed.
func TestKeysDiffer(t *testing.T) {
	a, errA := NewKey(NewSecret(), 1)
	b, errB := NewKey(NewSecret(), 1)
	if errA != nil || errB != nil {
		t.Fatal(errA, errB)
	}
	buf := random(1)
	seal := a.NewSealer().Seal(1, 1, buf)
	if bytes.Equal(buf, random(1)) {
		t.Error("the page is open")
	}
	if b.NewSealer().Open(1, seal, buf) {
		t.Error("two keys are the same")
	}
	if !a.NewSealer().Open(1, seal, buf) {
		t.Error("the key does not open what it has sealed")
	}
}

func TestNoAllocations(t *testing.T) {
	k, _ := fixedKey(t, 1, 0)
	s, buf, counter := k.NewSealer(), random(1), uint64(0)
	if n := allocs.PerRun(1000, func() {
		counter++
		if seal := s.Seal(3, counter, buf); !s.Open(3, seal, buf) {
			t.Error("it does not open")
		}
	}); n != 0 {
		t.Errorf("%d allocations", n)
	}
}

func BenchmarkSeal(b *testing.B) {
	k, _ := fixedKey(b, 1, 0)
	s, buf, counter := k.NewSealer(), random(1), uint64(0)
	b.SetBytes(pageSize)
	for b.Loop() {
		counter++
		s.Seal(3, counter, buf)
	}
}

// BenchmarkOpen copies a sealed page and opens it.
func BenchmarkOpen(b *testing.B) {
	k, _ := fixedKey(b, 1, 0)
	s, sealed, buf := k.NewSealer(), random(1), make([]byte, pageSize)
	seal := s.Seal(3, 1, sealed)
	b.SetBytes(pageSize)
	for b.Loop() {
		copy(buf, sealed)
		if !s.Open(3, seal, buf) {
			b.Fatal("it does not open")
		}
	}
}
