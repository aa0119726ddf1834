package signature

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

const testSize = 8 << 20

// disk is a store of zeros, but for what is put in it.
type disk struct{ content []byte }

func newDisk() disk { return disk{make([]byte, testSize)} }
func (d disk) ReadAt(p []byte, at int64) (int, error) {
	return bytes.NewReader(d.content).ReadAt(p, at)
}

func (d disk) put(at int64, text string) disk {
	copy(d.content[at:], text)
	return d
}

func probe(t *testing.T, r io.ReaderAt, size int64) string {
	t.Helper()
	kind, err := Probe(r, size, make([]byte, BufferSize))
	if err != nil {
		t.Fatal(err)
	}
	return kind
}

func TestProbe(t *testing.T) {
	ext4 := newDisk().put(1024, "\x10\x00\x00\x00\x40\x00\x00\x00").put(1024+24, "\x02").put(1024+56, "\x53\xef")
	mbr := newDisk().put(446, "\x80\x00\x00\x00\x83").put(446+12, "\x00\x08").put(510, "\x55\xaa")
	const odd = testSize - 44<<10 // not a multiple of 64 KiB
	for _, c := range []struct {
		name string
		disk disk
		size int64
		want string
	}{
		{"nothing", newDisk(), testSize, ""},
		{"ext4", ext4, testSize, ext},
		{"a chance of two bytes", newDisk().put(1024+56, "\x53\xef"), testSize, ""},
		{"xfs", newDisk().put(0, "XFSB"), testSize, "xfs"},
		{"btrfs", newDisk().put(0x10040, "_BHRfS_M"), testSize, "btrfs"},
		{"swap", newDisk().put(4086, "SWAPSPACE2"), testSize, SwapArea},
		{"swap of large pages", newDisk().put(65526, "SWAPSPACE2"), testSize, SwapArea},
		{"LVM in sector 1", newDisk().put(512, "LABELONE").put(536, "LVM2 001"), testSize, lvm},
		{"LVM in sector 3", newDisk().put(1536, "LABELONE").put(1560, "LVM2 001"), testSize, lvm},
		{"half a label", newDisk().put(512, "LABELONE"), testSize, ""},
		{"LUKS", newDisk().put(0, "LUKS\xba\xbe"), testSize, "LUKS"},
		{"md 1.2", newDisk().put(4096, "\xfc\x4e\x2b\xa9"), testSize, mdRAID},
		{"md 1.1", newDisk().put(0, "\xfc\x4e\x2b\xa9"), testSize, mdRAID},
		{"md 1.0", newDisk().put(testSize-8<<10, "\xfc\x4e\x2b\xa9"), testSize, mdRAID},
		{"md 0.90", newDisk().put(testSize-64<<10, "\xfc\x4e\x2b\xa9"), testSize, mdRAID},
		{"md 0.90, odd size", newDisk().put(odd&^0xffff-64<<10, "\xa9\x2b\x4e\xfc"), odd, mdRAID},
		{"GPT", newDisk().put(512, "EFI PART"), testSize, "a partition table (GPT)"},
		{"GPT of 4 KiB blocks", newDisk().put(4096, "EFI PART"), testSize, "a partition table (GPT)"},
		{"the copy of a GPT", newDisk().put(testSize-512, "EFI PART"), testSize, "a partition table (GPT)"},
		{"MBR", mbr, testSize, partition},
		{"a boot mark alone", newDisk().put(510, "\x55\xaa"), testSize, ""},
		{"FAT32", newDisk().put(82, "FAT32   ").put(510, "\x55\xaa"), testSize, "vfat"},
		{"FAT16", newDisk().put(54, "FAT16   "), testSize, "vfat"},
		{"NTFS", newDisk().put(3, "NTFS    "), testSize, "ntfs"},
		{"ISO 9660", newDisk().put(32769, "CD001"), testSize, "iso9660"},
		{"squashfs", newDisk().put(0, "hsqs"), testSize, "squashfs"},
		{"f2fs", newDisk().put(1024, "\x10\x20\xf5\xf2"), testSize, "f2fs"},
		{"bcache", newDisk().put(4096+24, "\xc6\x85\x73\xf6\x4e\x1a\x45\xca\x82\x65\xf5\x7f\x48\xba\x6d\x81"), testSize, "bcache"},
		{"ZFS", newDisk().put(128<<10+3<<10, "\x0c\xb1\xba\x00\x00\x00\x00\x00"), testSize, zfs},
		{"ZFS at the end", newDisk().put(testSize-64<<10, "\x00\x00\x00\x00\x00\xba\xb1\x0c"), testSize, zfs},
	} {
		if got := probe(t, c.disk, c.size); got != c.want {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
	}
}

// TestMarksAreFound: every mark of the table is within what is read.
func TestMarksAreFound(t *testing.T) {
	for _, m := range marks {
		if m.kind == ext {
			continue // needs more than its mark
		}
		if got := probe(t, newDisk().put(m.at, m.magic), testSize); got != m.kind {
			t.Errorf("%s at %d: got %q", m.kind, m.at, got)
		}
	}
}

// TestRealTools probes what the tools of this machine make.
func TestRealTools(t *testing.T) {
	for want, argv := range map[string][]string{ext: {"mkfs.ext4", "-q", "-F"}, SwapArea: {"mkswap", "-L", "farswap"}} {
		tool, err := exec.LookPath(argv[0])
		if err != nil {
			tool = "/usr/sbin/" + argv[0]
		}
		path := filepath.Join(t.TempDir(), "image")
		if err := errors.Join(os.WriteFile(path, nil, 0o600), os.Truncate(path, testSize)); err != nil {
			t.Fatal(err)
		}
		if out, err := exec.Command(tool, append(argv[1:], path)...).CombinedOutput(); err != nil {
			t.Fatalf("%s: %v: %s", tool, err, out)
		}
		f, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		buf := make([]byte, BufferSize)
		if kind, err := Probe(f, testSize, buf); err != nil || kind != want {
			t.Errorf("%s: got %q, %v", tool, kind, err)
		}
		if want == SwapArea && SwapLabel(buf) != "farswap" {
			t.Errorf("label %q", SwapLabel(buf))
		}
		f.Close()
	}
}

func TestSmallAndBroken(t *testing.T) {
	for size := int64(0); size <= BufferSize+8192; size += 4096 {
		probe(t, newDisk(), size)
	}
	if _, err := Probe(disk{make([]byte, 4096)}, testSize, make([]byte, BufferSize)); !errors.Is(err, io.EOF) {
		t.Errorf("a store that ends early: %v", err)
	}
}

// TestNoise: contents of memory rarely look like something.
func TestNoise(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	d := newDisk()
	for round := range 4 {
		for i := 0; i < len(d.content); i += 8 {
			binary.LittleEndian.PutUint64(d.content[i:], r.Uint64())
		}
		if got := probe(t, d, testSize); got != "" {
			t.Errorf("round %d: noise is %q", round, got)
		}
	}
}

func FuzzProbe(f *testing.F) {
	f.Add(uint32(1024), "\x53\xef", uint32(testSize))
	f.Add(uint32(446), "\x80\x01", uint32(4096))
	f.Fuzz(func(t *testing.T, at uint32, text string, size uint32) {
		d := newDisk()
		if int(at) < len(d.content) {
			d.put(int64(at), text)
		}
		if _, err := Probe(d, int64(size%testSize), make([]byte, BufferSize)); err != nil {
			t.Error(err)
		}
	})
}
