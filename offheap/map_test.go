package offheap

import (
	"bytes"
	"errors"
	"os"
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

// TestMapFile: the memory of a file is shared, keeps its content, and is the file's after Unmap.
func TestMapFile(t *testing.T) {
	fd, err := unix.MemfdCreate("test", unix.MFD_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	f := os.NewFile(uintptr(fd), "test")
	defer f.Close()
	const size = 3 * 4096
	if err := f.Truncate(size); err != nil {
		t.Fatal(err)
	}
	first, err := MapFile(f, size, Options{Purpose: "first"})
	if err != nil {
		t.Fatal(err)
	}
	for i := range first {
		first[i] = byte(i)
	}
	for _, opt := range []Options{{Lock: true}, {Populate: true}, {Huge: true}} {
		mem, err := MapFile(f, size, opt)
		if err != nil {
			t.Fatalf("%+v: %v", opt, err)
		}
		if !bytes.Equal(mem, first) {
			t.Errorf("%+v: the content has changed", opt)
		}
		mem[0]++
		if mem[0] != first[0] {
			t.Errorf("%+v: not shared", opt)
		}
		if err := Unmap(mem); err != nil {
			t.Error(err)
		}
	}
	if err := Unmap(first); err != nil {
		t.Error(err)
	}
	b := make([]byte, 2)
	if _, err := f.ReadAt(b, 0); err != nil || b[0] != 3 || b[1] != 1 {
		t.Errorf("the file has %v, %v", b, err)
	}
	if _, err := MapFile(f, 0, Options{}); !errors.Is(err, unix.EINVAL) {
		t.Errorf("nothing mapped: %v", err)
	}
}
