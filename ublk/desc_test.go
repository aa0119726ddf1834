package ublk

import (
	"errors"
	"testing"
)

var testBounds = bounds{size: 1 << 30, maxIO: 128 << 10}

func TestDescriptors(t *testing.T) {
	const last = 1<<30/SectorSize - 8 // first sector of the last page
	tests := []struct {
		name string
		raw  rawDesc
		want Desc
		ok   bool
	}{
		{"read", rawDesc{0, 8, 16, 0}, Desc{OpRead, false, 8192, 4096}, true},
		{"swap write", rawDesc{1 | descSwap | 1<<13, 256, 0, 0}, Desc{OpWrite, true, 0, 128 << 10}, true},
		{"last page", rawDesc{1, 8, last, 0}, Desc{OpWrite, false, 1<<30 - 4096, 4096}, true},
		{"flush has no place", rawDesc{2, 7, 1 << 60, 0}, Desc{Op: OpFlush}, true},
		{"large discard", rawDesc{3, 1 << 21, 0, 0}, Desc{OpDiscard, false, 0, 1 << 30}, true},
		{"beyond the end", rawDesc{0, 8, last + 8, 0}, Desc{}, false},
		{"over the end", rawDesc{0, 16, last, 0}, Desc{}, false},
		{"start overflows", rawDesc{0, 8, 1 << 63, 0}, Desc{}, false},
		{"too long", rawDesc{0, 264, 0, 0}, Desc{}, false},
		{"zone report", rawDesc{18, 8, 0, 0}, Desc{}, false},
	}
	for _, tt := range tests {
		got, err := tt.raw.parse(testBounds)
		if (err == nil) != tt.ok || got != tt.want {
			t.Errorf("%s: %+v, %v; want %+v, ok %v", tt.name, got, err, tt.want, tt.ok)
		}
		if err != nil && !errors.Is(err, errDesc) {
			t.Errorf("%s: error %v", tt.name, err)
		}
	}
}

// FuzzDescriptor: whatever is in the descriptor area, what is served stays
// within the device and the buffer.
func FuzzDescriptor(f *testing.F) {
	f.Add(uint32(1), uint32(8), uint64(16), int64(1<<20))
	f.Add(uint32(0), uint32(1<<31), uint64(1<<63), int64(4096))
	f.Add(uint32(3), uint32(0xffffffff), uint64(1), int64(1<<40))
	f.Fuzz(func(t *testing.T, opFlags, sectors uint32, start uint64, size int64) {
		b := bounds{size: size & (1<<50 - 1) &^ (DefaultBlockSize - 1), maxIO: DefaultMaxIO}
		d, err := rawDesc{opFlags: opFlags, sectors: sectors, startSector: start}.parse(b)
		if err != nil {
			return
		}
		if d.Offset < 0 || d.Length < 0 || d.Offset+int64(d.Length) > b.size {
			t.Fatalf("%+v outside a device of %d bytes", d, b.size)
		}
		if (d.Op == OpRead || d.Op == OpWrite) && d.Length > b.maxIO {
			t.Fatalf("%+v larger than its buffer", d)
		}
	})
}
