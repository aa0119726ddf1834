package handshake

import (
	"encoding/hex"
	"errors"
	"testing"

	"pgregory.net/rapid"

	"github.com/farswap/farswap/verbs"
)

var formats = []*Format{TCP, RDMA}

// TestWire has the bytes of both formats as the first servers of their version wrote them.
func TestWire(t *testing.T) {
	secret := [32]byte{9, 8, 7}
	var server Nonce
	for i := range server {
		server[i] = byte(200 - i)
	}
	for _, c := range []struct {
		format              *Format
		greeting, claim, ok string
	}{
		{
			TCP,
			"4653576802000000c8c7c6c5c4c3c2c1c0bfbebdbcbbbab9b8b7b6b5b4b3b2b1b0afaeadacabaaa9",
			"46535768020040008877665544332211ddccbbaa99000000e803000000000000" +
				"0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20" +
				"dfd3a2f9c02f10e62a5d2be2548b50c1c29b33eec252d157b26e6784153ed316",
			"465357680200000075c80907f1b0d8999907d2530a9dbab7edbcfcc4847f6c929adc98f31d8d06cb",
		},
		{
			RDMA,
			"",
			"46535772020040008877665544332211ddccbbaa99000000e8030000" +
				"0102030405060708090a0b0c" + "c8188f700257782c1f6fadefe341f1e3",
			"46535772020000002468578e7bf0d5a7a0f8c9109747cf6b",
		},
	} {
		claim := Claim{Session: 0x1122334455667788, Depth: 64, Place: 1000, Generation: 0x99aabbccdd}
		for i := range claim.Nonce[:c.format.nonce] {
			claim.Nonce[i] = byte(i + 1)
		}
		if got := hex.EncodeToString(c.format.Claim(claim, server, &secret)); got != c.claim {
			t.Errorf("%s: claim %s", c.format.name, got)
		}
		if got := hex.EncodeToString(c.format.Verdict(OK, claim.Nonce, server, &secret)); got != c.ok {
			t.Errorf("%s: verdict %s", c.format.name, got)
		}
		if got := hex.EncodeToString(c.format.Greeting(server)); c.format.greets && got != c.greeting {
			t.Errorf("%s: greeting %s", c.format.name, got)
		}
	}
	if n := RDMA.ClaimSize(); n > 56 {
		t.Errorf("%d bytes, an InfiniBand request has room for 56", n)
	}
}

// TestStatuses has every status of both formats, and what a device makes of it.
func TestStatuses(t *testing.T) {
	for format, errs := range map[*Format][]error{
		TCP:  {nil, verbs.ErrRefused, verbs.ErrVersion, verbs.ErrBusy, verbs.ErrFenced, verbs.ErrBusy, verbs.ErrProtocol, verbs.ErrProtocol},
		RDMA: {nil, verbs.ErrRefused, verbs.ErrVersion, verbs.ErrBusy, verbs.ErrRefused, verbs.ErrFenced, verbs.ErrBusy, verbs.ErrProtocol},
	} {
		for status, want := range errs {
			b := format.Verdict(OK, Nonce{}, Nonce{}, new([32]byte))
			if status > 0 {
				clear(b[prefix:])
				b[6] = byte(status)
			}
			if err := format.ParseVerdict(b, Nonce{}, Nonce{}, new([32]byte)); !errors.Is(err, want) {
				t.Errorf("%s: status %d: %v, want %v", format.name, status, err, want)
			}
		}
		for status, v := range format.verdicts[1:] {
			b := format.Verdict(v, Nonce{}, Nonce{}, &[32]byte{1})
			if le.Uint16(b[6:]) != uint16(status+1) {
				t.Errorf("%s: verdict %d is %x", format.name, v, b)
			}
			for _, mac := range b[prefix:] {
				if mac != 0 {
					t.Errorf("%s: a refusal carries a mac", format.name)
					break
				}
			}
		}
	}
}

func nonces(t *rapid.T, f *Format, what string) (n Nonce) {
	copy(n[:], rapid.SliceOfN(rapid.Byte(), f.nonce, f.nonce).Draw(t, what))
	return n
}

// TestEveryBitCounts turns one bit of a message: then nobody believes it.
func TestEveryBitCounts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := rapid.SampledFrom(formats).Draw(t, "format")
		secret := [32]byte(rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "secret"))
		server := nonces(t, f, "server's nonce")
		c := Claim{
			Session: verbs.SessionID(rapid.Uint64().Draw(t, "session")),
			Depth:   rapid.IntRange(1, verbs.MaxDepth).Draw(t, "depth"),
			Nonce:   nonces(t, f, "device's nonce"),
		}
		if rapid.Bool().Draw(t, "has a place") {
			c.Place = rapid.Uint32Min(1).Draw(t, "place")
			c.Generation = rapid.Uint64Min(1).Draw(t, "generation")
		}
		b := f.Claim(c, server, &secret)
		padded := append(b, make([]byte, rapid.IntRange(0, 200).Draw(t, "padding"))...)
		got, err := f.ParseClaim(padded)
		if err != nil || got != c || !f.VerifyClaim(padded, server, &secret) {
			t.Fatalf("%+v became %+v, %v", c, got, err)
		}
		if f.greets {
			other := server
			other[rapid.IntRange(0, f.nonce-1).Draw(t, "byte of the nonce")] ^= 1
			if f.VerifyClaim(padded, other, &secret) {
				t.Fatal("a claim for another greeting is believed")
			}
			n, err := f.ParseGreeting(f.Greeting(server))
			if err != nil || n != server {
				t.Fatalf("%x became %x, %v", server, n, err)
			}
		}
		bit := rapid.IntRange(0, len(b)*8-1).Draw(t, "bit")
		padded[bit/8] ^= 1 << (bit % 8)
		if _, err := f.ParseClaim(padded); err == nil && f.VerifyClaim(padded, server, &secret) {
			t.Fatalf("bit %d turned, and still believed", bit)
		}
		v := f.Verdict(OK, c.Nonce, server, &secret)
		if err := f.ParseVerdict(append(v, 0, 0), c.Nonce, server, &secret); err != nil {
			t.Fatal(err)
		}
		bit = rapid.IntRange(0, len(v)*8-1).Draw(t, "bit of the verdict")
		v[bit/8] ^= 1 << (bit % 8)
		if err := f.ParseVerdict(v, c.Nonce, server, &secret); err == nil {
			t.Fatalf("bit %d of the verdict turned, and still believed", bit)
		}
	})
}

// TestNonces: a nonce that was sent is the nonce that was drawn.
func TestNonces(t *testing.T) {
	for _, f := range formats {
		c := f.NewClaim(1, verbs.QPConfig{Depth: 2, Place: 3, Generation: 4})
		got, err := f.ParseClaim(f.Claim(c, Nonce{}, new([32]byte)))
		if err != nil || got != c || c.Nonce == f.NewNonce() {
			t.Errorf("%s: %+v became %+v, %v", f.name, c, got, err)
		}
	}
}

func FuzzClaim(f *testing.F) {
	for i, format := range formats {
		f.Add(format.Claim(Claim{Session: 1, Depth: 64}, Nonce{}, new([32]byte)), i)
	}
	f.Add([]byte{}, 0)
	f.Fuzz(func(t *testing.T, b []byte, i int) {
		format := formats[uint(i)%uint(len(formats))]
		c, err := format.ParseClaim(b)
		if err != nil {
			if !errors.Is(err, verbs.ErrProtocol) && !errors.Is(err, verbs.ErrVersion) {
				t.Fatal(err)
			}
			return
		}
		if c.Depth < 1 || c.Depth > verbs.MaxDepth {
			t.Fatalf("depth %d is taken", c.Depth)
		}
		if (c.Place == 0) != (c.Generation == 0) {
			t.Fatalf("generation %d is taken at place %d", c.Generation, c.Place)
		}
		format.VerifyClaim(b, Nonce{}, new([32]byte))
	})
}

func FuzzVerdict(f *testing.F) {
	for i, format := range formats {
		f.Add(format.Verdict(OK, Nonce{}, Nonce{}, new([32]byte)), i)
	}
	f.Add([]byte{}, 0)
	f.Fuzz(func(t *testing.T, b []byte, i int) {
		format := formats[uint(i)%uint(len(formats))]
		if format.ParseVerdict(b, Nonce{}, Nonce{}, &[32]byte{1}) == nil && len(b) < format.VerdictSize() {
			t.Fatal("believed without a mac")
		}
	})
}

func FuzzGreeting(f *testing.F) {
	f.Add(TCP.Greeting(Nonce{1}))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		if n, err := TCP.ParseGreeting(b); err == nil && string(TCP.Greeting(n)[prefix:]) != string(b[prefix:TCP.GreetingSize()]) {
			t.Fatalf("%x became %x", b, n)
		}
	})
}
