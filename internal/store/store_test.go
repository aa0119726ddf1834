package store

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func must(t *testing.T, errs ...error) {
	t.Helper()
	for _, err := range errs {
		if err != nil {
			t.Fatal(err)
		}
	}
}

// machine makes the part of sysfs that a search looks at. A device is written NAME MAJOR:MINOR, and
// what it stands on after that: of=DISK for a partition, on=SLAVE, loop=FILE.
func machine(t *testing.T, devices ...string) *search {
	t.Helper()
	root := t.TempDir()
	dirs := map[string]string{}
	must(t, os.MkdirAll(filepath.Join(root, "sys/dev/block"), 0o755))
	for _, text := range devices {
		words := strings.Fields(text)
		name := words[0]
		dir := filepath.Join(root, "sys/devices/virtual/block", name)
		for _, w := range words[2:] {
			if disk, ok := strings.CutPrefix(w, "of="); ok {
				dir = filepath.Join(dirs[disk], name)
			}
		}
		dirs[name] = dir
		must(t, os.MkdirAll(filepath.Join(dir, "slaves"), 0o755), os.Symlink(dir, filepath.Join(root, "sys/dev/block", words[1])))
		for _, w := range words[2:] {
			switch kind, to, _ := strings.Cut(w, "="); kind {
			case "of":
				must(t, os.WriteFile(filepath.Join(dir, "partition"), []byte("1\n"), 0o600))
			case "on":
				must(t, os.Symlink(dirs[to], filepath.Join(dir, "slaves", to)))
			case "loop":
				must(t, os.Mkdir(filepath.Join(dir, "loop"), 0o755), os.WriteFile(filepath.Join(dir, "loop/backing_file"), []byte(to+"\n"), 0o600))
			}
		}
	}
	return &search{root: root}
}

// words writes layers as names, with ? after what is shared and ! after what is in memory.
func words(layers []Layer) string {
	var all []string
	for _, l := range layers {
		text := strings.TrimPrefix(l.Path, "/dev/")
		if l.Part {
			text += "?"
		}
		if l.Memory {
			text += "!"
		}
		all = append(all, text)
	}
	return strings.Join(all, " ")
}

func TestFind(t *testing.T) {
	disks := []string{
		"sda 8:0", "sda1 8:1 of=sda", "sda2 8:2 of=sda", "zram0 252:0", "ram0 1:0", "ublkb3 259:3", "ramfast 240:0",
		"dm-0 253:0 on=sda1", "dm-1 253:1 on=dm-0", "md0 9:0 on=sda1 on=sda2", "dm-2 253:2 on=zram0", "loop0 7:0 loop=/gone (deleted)",
		"cciss!c0d0 104:0",
	}
	for number, want := range map[string]string{
		"8:0": "sda", "8:1": "sda1 sda?", "253:0": "dm-0 sda1? sda?", "253:1": "dm-1 dm-0? sda1? sda?",
		"9:0": "md0 sda1? sda? sda2? sda?", "252:0": "zram0!", "1:0": "ram0!", "259:3": "ublkb3!", "240:0": "ramfast",
		"253:2": "dm-2 zram0?!", "7:0": "loop0", "104:0": "cciss/c0d0", "99:9": "block device 99:9",
	} {
		w := machine(t, disks...)
		major, minor, _ := strings.Cut(number, ":")
		if err := w.device(unix.Mkdev(atoi(major), atoi(minor)), false); err != nil || words(w.found) != want {
			t.Errorf("%s: got %q, %v; want %q", number, words(w.found), err, want)
		}
	}
}

func atoi(text string) (n uint32) {
	for _, c := range text {
		n = n*10 + uint32(c-'0')
	}
	return n
}

// TestFindFiles looks through a loop device at a file, and through a file at its disk.
func TestFindFiles(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "image")
	must(t, os.WriteFile(path, nil, 0o600))
	f, err := os.Open(path)
	must(t, err)
	defer f.Close()
	layers, err := Find(f, path)
	if err != nil || len(layers) == 0 || layers[0] != (Layer{Path: path}) || slices.ContainsFunc(layers[1:], func(l Layer) bool { return !l.Part }) {
		t.Errorf("got %+v, %v", layers, err)
	}
	w := machine(t, "loop0 7:0 loop="+path)
	must(t, os.MkdirAll(filepath.Join(w.root, dir), 0o755), os.WriteFile(filepath.Join(w.root, path), nil, 0o600))
	must(t, w.device(unix.Mkdev(7, 0), false))
	if len(w.found) < 2 || w.found[0].Path != "/dev/loop0" || w.found[1] != (Layer{Path: path}) {
		t.Errorf("loop: got %+v", w.found)
	}
	w = machine(t, "sdb 8:16")
	must(t, os.MkdirAll(filepath.Join(w.root, "proc/self"), 0o755),
		os.WriteFile(filepath.Join(w.root, "proc/self/mountinfo"), []byte("36 35 0:44 / /m rw - btrfs /dev/sdb rw\n"), 0o600))
	if source, err := w.mounted("0:44"); err != nil || source != "/dev/sdb" {
		t.Errorf("btrfs: %q, %v", source, err)
	}
}

// TestMemory finds a file of a tmpfs, which every Linux has at /dev/shm.
func TestMemory(t *testing.T) {
	f, err := os.CreateTemp("/dev/shm", "store")
	must(t, err)
	defer os.Remove(f.Name())
	defer f.Close()
	layers, err := Find(f, f.Name())
	if err != nil || !slices.ContainsFunc(layers, func(l Layer) bool { return l.Memory }) {
		t.Errorf("got %+v, %v", layers, err)
	}
}

func TestTake(t *testing.T) {
	dir := t.TempDir()
	file, disk := filepath.Join(dir, "file"), filepath.Join(dir, "disk")
	must(t, os.WriteFile(file, nil, 0o600), os.WriteFile(disk, nil, 0o600))
	first, err := Take([]Layer{{Path: filepath.Join(dir, "loop0")}, {Path: file}, {Path: disk, Part: true}})
	must(t, err)
	if _, err := Take([]Layer{{Path: file}}); !errors.Is(err, ErrTaken) {
		t.Errorf("the same file under another name: %v", err)
	}
	if _, err := Take([]Layer{{Path: disk}}); !errors.Is(err, ErrTaken) {
		t.Errorf("the disk below: %v", err)
	}
	second, err := Take([]Layer{{Path: disk, Part: true}})
	must(t, err, second.Close(), first.Close())
	whole, err := Take([]Layer{{Path: disk}})
	must(t, err)
	if _, err := Take([]Layer{{Path: filepath.Join(dir, "partition")}, {Path: disk, Part: true}}); !errors.Is(err, ErrTaken) {
		t.Errorf("a partition of a disk in use: %v", err)
	}
	must(t, whole.Close(), (*Claim)(nil).Close())
}
