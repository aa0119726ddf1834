package offheap

import (
	"errors"
	"testing"

	"golang.org/x/sys/unix"
)

func TestMapIsZeroedAndWritable(t *testing.T) {
	for _, opt := range []Options{{}, {Populate: true}, {Lock: true}, {Huge: true, Populate: true}} {
		mem, err := Map(3*4096+1, opt)
		if err != nil {
			t.Fatalf("%+v: %v", opt, err)
		}
		if len(mem) != 3*4096+1 {
			t.Fatalf("%+v: %d bytes", opt, len(mem))
		}
		for i, b := range mem {
			if b != 0 {
				t.Fatalf("%+v: byte %d is %d", opt, i, b)
			}
			mem[i] = 0xff
		}
		if err := Unmap(mem); err != nil {
			t.Fatal(err)
		}
	}
}

func TestMapRefusesNoSize(t *testing.T) {
	for _, size := range []int{0, -1} {
		if _, err := Map(size, Options{}); !errors.Is(err, unix.EINVAL) {
			t.Errorf("size %d: %v", size, err)
		}
	}
}

func TestNew(t *testing.T) {
	type pair struct{ a, b uint64 }
	values, free, err := New[pair](1000)
	if err != nil {
		t.Fatal(err)
	}
	if len(values) != 1000 || values[999] != (pair{}) {
		t.Fatalf("%d values, last %v", len(values), values[len(values)-1])
	}
	values[999] = pair{1, 2}
	if err := free(); err != nil {
		t.Fatal(err)
	}
}
