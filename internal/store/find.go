package store

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// Layer is one of the files and block devices of which a store consists.
type Layer struct {
	Path string // to open it; for a file system in memory its kind
	// Part says that the store has a part of this layer only, and others may have the rest: of
	// a disk its partition, of a physical volume a logical one, of a disk a file.
	Part   bool
	Memory bool // it is in memory, or pages to memory through this very kernel
}

// mostLayers bounds the search, which ends anyway: the kernel lets no device stand on itself.
const mostLayers = 64

// Find returns the layers of an open regular file or block device, from the top down, the file
// itself first. path is its name.
func Find(f *os.File, path string) ([]Layer, error) {
	var s unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &s); err != nil {
		return nil, fmt.Errorf("look at %s: %w", path, err)
	}
	w := search{root: "/"}
	if err := w.file(path, s, false); err != nil {
		return nil, fmt.Errorf("find out where %s really is: %w", path, err)
	}
	return w.found, nil
}

type search struct {
	root  string // of /sys, /dev and /proc; another one in tests
	found []Layer
}

// file adds a file or device of a path, and what it stands on.
func (w *search) file(path string, s unix.Stat_t, part bool) error {
	if s.Mode&unix.S_IFMT == unix.S_IFBLK {
		return w.device(s.Rdev, part)
	}
	w.found = append(w.found, Layer{Path: path, Part: part})
	var fs unix.Statfs_t
	if err := unix.Statfs(path, &fs); err == nil {
		switch int64(fs.Type) & 0xffffffff {
		case unix.TMPFS_MAGIC, unix.RAMFS_MAGIC, unix.HUGETLBFS_MAGIC:
			w.found = append(w.found, Layer{Path: "a file system in memory", Part: true, Memory: true})
			return nil
		}
	}
	return w.below(s.Dev)
}

// below adds the disk of a file system.
func (w *search) below(dev uint64) error {
	if unix.Major(dev) != 0 {
		return w.device(dev, true)
	}
	// A file system with a number of its own, as btrfs has, names its disk in the list of mounts.
	source, err := w.mounted(number(dev))
	if err != nil || source == "" {
		return err
	}
	var s unix.Stat_t
	if err := unix.Stat(filepath.Join(w.root, source), &s); err != nil || s.Mode&unix.S_IFMT != unix.S_IFBLK {
		return nil // not a disk: a network file system, an overlay
	}
	return w.device(s.Rdev, true)
}

// device adds a block device, and what it stands on.
func (w *search) device(dev uint64, part bool) error {
	if len(w.found) >= mostLayers {
		return errors.New("too many layers")
	}
	dir, err := filepath.EvalSymlinks(filepath.Join(w.root, "sys/dev/block", number(dev)))
	if errors.Is(err, os.ErrNotExist) { // no sysfs: the device is all that is known
		w.found = append(w.found, Layer{Path: "block device " + number(dev), Part: part})
		return nil
	}
	if err != nil {
		return err
	}
	return w.block(dir, part)
}

// block adds the block device of a folder of sysfs.
func (w *search) block(dir string, part bool) error {
	name := filepath.Base(dir)
	w.found = append(w.found, Layer{Path: "/dev/" + strings.ReplaceAll(name, "!", "/"), Part: part, Memory: inMemory(name)})
	if _, err := os.Stat(filepath.Join(dir, "partition")); err == nil {
		return w.block(filepath.Dir(dir), true)
	}
	if file, err := os.ReadFile(filepath.Join(dir, "loop/backing_file")); err == nil {
		path := strings.TrimSuffix(string(file), "\n")
		var s unix.Stat_t
		if err := unix.Stat(filepath.Join(w.root, path), &s); err != nil {
			return nil // it was removed, or is in another mount namespace
		}
		return w.file(path, s, part)
	}
	slaves, err := os.ReadDir(filepath.Join(dir, "slaves"))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	for _, slave := range slaves {
		below, err := filepath.EvalSymlinks(filepath.Join(dir, "slaves", slave.Name()))
		if err != nil {
			return err
		}
		if err := w.block(below, true); err != nil {
			return err
		}
	}
	return nil
}

// inMemory says whether a block device, by the name of its driver, is in this machine's memory. A
// ublk device is served by a process that may need memory to answer.
func inMemory(name string) bool {
	for _, prefix := range []string{"zram", "ram", "ublkb"} {
		if rest, ok := strings.CutPrefix(name, prefix); ok && rest != "" && rest[0] >= '0' && rest[0] <= '9' {
			return true
		}
	}
	return false
}

// mounted is the source of a file system in the list of mounts, empty if it is not there.
func (w *search) mounted(number string) (string, error) {
	f, err := os.Open(filepath.Join(w.root, "proc/self/mountinfo"))
	if errors.Is(err, os.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20) // an overlay's options are long
	for lines.Scan() {
		mount, source, ok := strings.Cut(lines.Text(), " - ")
		m, s := strings.Fields(mount), strings.Fields(source)
		if ok && len(m) > 2 && len(s) > 1 && m[2] == number && strings.HasPrefix(s[1], "/") {
			return s[1], nil
		}
	}
	return "", lines.Err()
}

func number(dev uint64) string { return fmt.Sprintf("%d:%d", unix.Major(dev), unix.Minor(dev)) }
