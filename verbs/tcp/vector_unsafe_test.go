package tcp

import (
	"math/rand/v2"
	"slices"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// fill does what a receive does: it scatters b over the pieces.
func (v *vector) fill(b []byte) {
	for i := 0; len(b) > 0; i++ {
		b = b[copy(unsafe.Slice(v.iov[i].Base, v.iov[i].Len), b):]
	}
}

// gather does what a send does.
func (v *vector) gather() []byte {
	var b []byte
	for _, p := range v.iov[:v.n] {
		b = append(b, unsafe.Slice(p.Base, p.Len)...)
	}
	return b
}

func newVector(n int) *vector { return &vector{msg: new(unix.Msghdr), iov: make([]unix.Iovec, n)} }

func TestVectorJoinsNeighbours(t *testing.T) {
	mem := []byte("abcdefgh")
	v := newVector(3)
	v.add(mem[0:2])
	v.add(mem[2:4])
	v.add(nil)
	v.add(mem[5:6])
	v.add(mem[0:1])
	if got := string(v.gather()); v.n != 3 || v.len != 6 || got != "abcdfa" {
		t.Errorf("%d pieces, %d bytes, %q", v.n, v.len, got)
	}
	if h := v.header(); h.Iov != &v.iov[0] || h.Iovlen != 3 {
		t.Errorf("%+v", h)
	}
}

func TestVectorDrop(t *testing.T) {
	mem := []byte("0123456789abcdefghijklmnopqrstuvwxyz")
	rnd := rand.New(rand.NewPCG(3, 4))
	for range 1000 {
		v := newVector(16)
		for range 1 + rnd.IntN(16) {
			at := rnd.IntN(len(mem))
			v.add(mem[at : at+rnd.IntN(len(mem)-at)])
		}
		want := v.gather()
		for len(want) > 0 {
			n := rnd.IntN(len(want) + 1)
			v.drop(n)
			want = want[n:]
			if got := v.gather(); !slices.Equal(got, want) || v.len != len(want) {
				t.Fatalf("%q, %d bytes, want %q", got, v.len, want)
			}
		}
	}
}

func TestVectorTouches(t *testing.T) {
	mem := make([]byte, 100)
	v := newVector(2)
	v.add(mem[10:20])
	v.add(mem[40:50])
	for _, c := range []struct {
		from, to int
		want     bool
	}{
		{0, 10, false},
		{0, 11, true},
		{19, 20, true},
		{20, 40, false},
		{30, 60, true},
		{45, 46, true},
		{50, 100, false},
		{15, 15, false},
	} {
		if got := v.touches(mem[c.from:c.to]); got != c.want {
			t.Errorf("%d to %d: %v", c.from, c.to, got)
		}
	}
}

func TestWithin(t *testing.T) {
	mem := make([]byte, 100)
	inner := mem[10:90:90]
	for _, c := range []struct {
		b    []byte
		want bool
	}{
		{mem[10:90], true},
		{mem[10:11], true},
		{mem[89:90], true},
		{mem[9:11], false},
		{mem[89:91], false},
		{mem[0:5], false},
		{mem[95:], false},
		{mem, false},
		{make([]byte, 4), false},
	} {
		if got := within(c.b, inner); got != c.want {
			t.Errorf("%d bytes: %v", len(c.b), got)
		}
	}
}
