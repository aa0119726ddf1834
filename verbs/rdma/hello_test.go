package rdma

import (
	"errors"
	"testing"

	"pgregory.net/rapid"

	"github.com/farswap/farswap/verbs"
)

func TestClaimAndVerdict(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		secret := [32]byte(rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "secret"))
		c := claim{
			session: verbs.SessionID(rapid.Uint64().Draw(t, "session")),
			depth:   rapid.IntRange(1, verbs.MaxDepth).Draw(t, "depth"),
			nonce:   nonce(rapid.SliceOfN(rapid.Byte(), nonceSize, nonceSize).Draw(t, "nonce")),
		}
		b := marshalClaim(c, &secret)
		if len(b) > 56 {
			t.Fatalf("%d bytes, an InfiniBand request has room for 56", len(b))
		}
		padded := append(b, make([]byte, rapid.IntRange(0, 200).Draw(t, "padding"))...)
		got, err := parseClaim(padded)
		if err != nil || got != c || !verifyClaim(padded, &secret) {
			t.Fatalf("%+v became %+v, %v", c, got, err)
		}
		bit := rapid.IntRange(0, len(b)*8-1).Draw(t, "bit")
		padded[bit/8] ^= 1 << (bit % 8)
		if _, err := parseClaim(padded); err == nil && verifyClaim(padded, &secret) {
			t.Fatalf("bit %d turned, and still believed", bit)
		}
		v := marshalVerdict(verdictOK, c.nonce, &secret)
		if err := parseVerdict(append(v, 0, 0), c.nonce, &secret); err != nil {
			t.Fatal(err)
		}
		bit = rapid.IntRange(0, len(v)*8-1).Draw(t, "bit of the verdict")
		v[bit/8] ^= 1 << (bit % 8)
		if err := parseVerdict(v, c.nonce, &secret); err == nil {
			t.Fatalf("bit %d of the verdict turned, and still believed", bit)
		}
	})
}

func TestRefusals(t *testing.T) {
	for status, want := range map[uint16]error{
		verdictRefused: verbs.ErrRefused, verdictVersion: verbs.ErrVersion, verdictFull: verbs.ErrBusy,
		verdictDevice: verbs.ErrRefused, verdictFenced: verbs.ErrFenced, verdictHeld: verbs.ErrBusy, 99: verbs.ErrProtocol,
	} {
		b := marshalVerdict(status, nonce{}, new([32]byte))
		if err := parseVerdict(b, nonce{}, new([32]byte)); !errors.Is(err, want) {
			t.Errorf("status %d: %v, want %v", status, err, want)
		}
	}
}

func TestKeys(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rkey, base := rapid.Uint32().Draw(t, "rkey"), newBase()
		r, b := openKey(makeKey(rkey, base))
		if r != rkey || b != base {
			t.Fatalf("%#x at %#x became %#x at %#x", rkey, base, r, b)
		}
		if end := base + maxRegion; end < base {
			t.Fatalf("a region at %#x wraps around", base)
		}
	})
}

func FuzzParseClaim(f *testing.F) {
	f.Add(marshalClaim(claim{session: 1, depth: 64}, new([32]byte)))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := parseClaim(b)
		if err != nil {
			return
		}
		if c.depth < 1 || c.depth > verbs.MaxDepth {
			t.Fatalf("depth %d", c.depth)
		}
		verifyClaim(b, new([32]byte))
	})
}

func FuzzParseVerdict(f *testing.F) {
	f.Add(marshalVerdict(verdictOK, nonce{}, new([32]byte)))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		secret := [32]byte{1}
		if parseVerdict(b, nonce{}, &secret) == nil && len(b) < verdictSize {
			t.Fatal("believed without a mac")
		}
	})
}
