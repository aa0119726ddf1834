package benchmarks

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestContent(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		seed, page, version := rapid.Uint64().Draw(t, "seed"), rapid.Uint64().Draw(t, "page"), rapid.Uint64().Draw(t, "version")
		w := make([]uint64, pageWords)
		fill(w, seed, page, version)
		if bad := verify(w, seed, page, version); bad != -1 {
			t.Fatalf("wrong at once, at word %d", bad)
		}
		if verify(w, seed, page+1, version) != 0 || verify(w, seed, page, version+1) != 1 || verify(w, seed+1, page, version) != 2 {
			t.Fatal("taken for another page, version or seed")
		}
		at := rapid.IntRange(0, pageWords-1).Draw(t, "at")
		w[at] ^= 1 << rapid.IntRange(0, 63).Draw(t, "bit")
		if bad := verify(w, seed, page, version); bad != at {
			t.Fatalf("a flipped bit in word %d is found at %d", at, bad)
		}
	})
}

func TestDescribe(t *testing.T) {
	w := make([]uint64, pageWords)
	fill(w, 1, 7, 3)
	for _, c := range []struct {
		bad           int
		page, version uint64
		want          string
	}{
		{0, 8, 3, "page 8 version 3 reads as page 7 version 3"},
		{1, 7, 4, "page 7 version 4 reads as page 7 version 3"},
		{511, 7, 3, "page 7 version 3 is damaged at byte 4088"},
	} {
		if got := describe(w, c.bad, c.page, c.version); !strings.Contains(got, c.want) {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
}

func BenchmarkVerify(b *testing.B) {
	w := make([]uint64, pageWords)
	fill(w, 1, 2, 3)
	b.SetBytes(PageSize)
	b.ReportAllocs()
	for b.Loop() {
		verify(w, 1, 2, 3)
	}
}
