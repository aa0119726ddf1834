package backend

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestSwapsAreFound(t *testing.T) {
	const table = "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n" +
		"/dev/zram1                              partition\t1048572\t\t0\t\t32767\n" +
		`/mnt/my\040disk/swap                    file` + "\t\t1048572\t\t0\t\t-2\n"
	for path, want := range map[string]bool{
		"/dev/zram1": true, "/mnt/my disk/swap": true, "/dev/zram": false, "/dev/zram10": false, "/mnt/my": false, "Filename": false,
	} {
		if isSwap(table, path) != want {
			t.Errorf("%s: %v, want %v", path, !want, want)
		}
	}
}

func TestUsageOfAGroup(t *testing.T) {
	used, err := usage("usage_usec 1500000\nuser_usec 1000000\nsystem_usec 500000\n")
	if err != nil || used != 1500*time.Millisecond {
		t.Errorf("%v, %v", used, err)
	}
	for _, text := range []string{"", "user_usec 5\n", "usage_usec x\n"} {
		if _, err := usage(text); err == nil {
			t.Errorf("%q is taken", text)
		}
	}
}

func TestAlgorithmsOfZram(t *testing.T) {
	known, chosen := algorithms("lzo-rle lz4 [zstd] \n")
	if len(known) != 3 || !known["lz4"] || !known["zstd"] || chosen != "zstd" {
		t.Errorf("%v, %q", known, chosen)
	}
}

func TestZramStat(t *testing.T) {
	s, err := parseZramStat("  8388608  2097152  2500000        0  3000000      100        0        0        0\n")
	if err != nil {
		t.Fatal(err)
	}
	facts := map[string]string{}
	for _, f := range s.facts() {
		facts[f.Name] = f.Value
	}
	if facts["stored"] != "8M" || facts["compression"] != "4.00 : 1" || facts["memory used at most"] != "2.86M" {
		t.Errorf("%v", facts)
	}
	for _, text := range []string{"", "1 2 3 4 5", "1 2 3 4 5 x"} {
		if _, err := parseZramStat(text); err == nil {
			t.Errorf("%q is taken", text)
		}
	}
	if facts := (zramStat{}).facts(); len(facts) != 2 {
		t.Errorf("an empty device: %v", facts)
	}
}

func TestMountOfAPath(t *testing.T) {
	const table = `21 1 0:5 / / rw,relatime - ext4 /dev/vda1 rw
30 21 0:9 / /mnt rw shared:1 - tmpfs tmp rw
31 21 8:1 / /mnt/disk rw - xfs /dev/sda1 rw
32 31 8:2 / /mnt/disk rw - ext4 /dev/sdb1 rw
broken
`
	for path, want := range map[string]string{
		"/": "ext4 /dev/vda1", "/mnts": "ext4 /dev/vda1", "/mnt": "tmpfs tmp", "/mnt/disk/a": "ext4 /dev/sdb1", "/mnt/disks": "tmpfs tmp",
	} {
		if kind, source := mountOf(table, path); kind+" "+source != want {
			t.Errorf("%s: %s %s, want %s", path, kind, source, want)
		}
	}
}

func TestFreeNBD(t *testing.T) {
	sys := t.TempDir()
	if _, err := freeNBD(sys); err == nil || !strings.Contains(err.Error(), "nbd-client -d") {
		t.Errorf("%v, want an error that says what to do", err)
	}
	for name, size := range map[string]string{"nbd0": "2048\n", "nbd10": "0\n", "nbd2": "0\n", "sda": "0\n"} {
		if err := os.Mkdir(filepath.Join(sys, name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(sys, name, "size"), []byte(size), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if path, err := freeNBD(sys); err != nil || path != "/dev/nbd2" {
		t.Errorf("%s, %v, want /dev/nbd2", path, err)
	}
}

func TestSlabsAndDonors(t *testing.T) {
	const mib = 1 << 20
	for _, c := range []struct{ size, slab int64 }{{mib, 4 * mib}, {64 * mib, 4 * mib}, {96 * mib, 8 * mib}, {256 * mib, 16 * mib}, {1 << 30, 64 * mib}, {1 << 40, 64 * mib}} {
		if slab := slabSize(c.size); slab != c.slab {
			t.Errorf("slabs of %d for %d, want %d", slab, c.size, c.slab)
		}
		// Even when one donor is a slab short, all of the device has a place.
		if room := donorCount * (donorMemory(c.size, c.slab) - c.slab); room < c.size {
			t.Errorf("donors have room for %d of %d", room, c.size)
		}
	}
}

func TestProfilesFitNullBlk(t *testing.T) {
	for _, p := range []profile{sataSSD, nvme} {
		if p.queues == 0 {
			p.queues = 2
		}
		settings := map[string]string{}
		for _, s := range p.settings(64 << 20) {
			if s.Value == "0" || settings[s.Name] != "" {
				t.Errorf("%s: %s is %q", p.name, s.Name, s.Value)
			}
			settings[s.Name] = s.Value
		}
		if settings["size"] != "64" || settings["memory_backed"] != "1" || p.settings(64 << 20)[len(settings)-1].Name != "power" {
			t.Errorf("%s: %v", p.name, settings)
		}
	}
}

func TestDevicesThatCannotBeUsed(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, make([]byte, MinSize), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, device := range []string{file, "/dev/null", "/dev/no-such-disk", t.TempDir()} {
		if err := freeDevice(Options{Size: MinSize, Device: device}); err == nil || !strings.Contains(err.Error(), device) {
			t.Errorf("%s: %v", device, err)
		}
	}
	if err := freeDevice(Options{Size: MinSize}); err != nil {
		t.Errorf("no device: %v", err)
	}
}

func TestSizesThatCannotBeUsed(t *testing.T) {
	for size, ok := range map[int64]bool{0: false, -MinSize: false, MinSize - 4096: false, MinSize + 1: false, MinSize: true, 3 * MinSize: true} {
		if err := goodSize(Options{Size: size}); (err == nil) != ok {
			t.Errorf("%d: %v", size, err)
		}
	}
}

func TestBackendsAreTold(t *testing.T) {
	seen := map[string]bool{}
	for _, b := range All() {
		if seen[b.Name] || b.About == "" || b.Lacks == nil || b.Up == nil || strings.ContainsAny(b.Name, ", /") {
			t.Errorf("%+v", b)
		}
		seen[b.Name] = true
	}
	for _, name := range strings.Fields("none disk hdd sata-ssd nvme zram zswap-disk nbd farswap-tcp farswap-tcp-strict farswap-tcp-remote-only farswap-rdma farswap-rdma-strict farswap-rdma-remote-only") {
		if !seen[name] {
			t.Errorf("%s is missing", name)
		}
	}
}
