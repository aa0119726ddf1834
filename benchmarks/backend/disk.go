package backend

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/farswap/farswap/internal/human"
	"github.com/farswap/farswap/internal/inuse"
)

// disk is swap on the device itself, or on a file.
func disk() Backend {
	return Backend{
		Name:  "disk",
		About: "swap on --device as it is, or on a file",
		Lacks: lacks(freeDevice, placeForFile),
		Up:    brings("disk", diskUp),
	}
}

func diskUp(ctx context.Context, b *bringUp) error {
	path, err := b.diskSpace()
	if err != nil {
		return err
	}
	return b.swapOn(ctx, path)
}

// diskSpace returns the device, or a new file with all its blocks allocated.
func (b *bringUp) diskSpace() (string, error) {
	if b.Device != "" {
		b.fact("disk", "%s, %s", b.Device, diskName(b.Device))
		return b.Device, nil
	}
	b.fact("disk", "file on %s", fileSystem(b.Dir))
	return b.file("swap")
}

// file makes a file of the area's size with all its blocks allocated, as every backend has
// it: a disk that allocates while it is measured is another disk. A file system that cannot
// allocate is refused, because writing as many zeros takes minutes.
func (b *bringUp) file(name string) (string, error) {
	path := filepath.Join(b.dir, name)
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return "", fmt.Errorf("%s file: %w", name, err)
	}
	defer f.Close()
	if err := unix.Fallocate(int(f.Fd()), 0, 0, b.Size); err != nil {
		return "", fmt.Errorf("%s file %s of %s: allocate it: %w: give a folder on ext4 or xfs, or a device", name, path, human.Bytes(b.Size), err)
	}
	return path, nil
}

// freeDevice refuses what is no block device, is too small, or is in use.
func freeDevice(o Options) error {
	if o.Device == "" {
		return nil
	}
	f, err := os.Open(o.Device)
	if err != nil {
		return fmt.Errorf("a device: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return fmt.Errorf("a device: %w", err)
	}
	if info.Mode()&os.ModeDevice == 0 || info.Mode()&os.ModeCharDevice != 0 {
		return fmt.Errorf("a device: %s is no block device", o.Device)
	}
	size, err := f.Seek(0, 2)
	if err != nil {
		return fmt.Errorf("size of %s: %w", o.Device, err)
	}
	if size < o.Size {
		return fmt.Errorf("room: %s has %s, the swap area %s", o.Device, human.Bytes(size), human.Bytes(o.Size))
	}
	real, err := filepath.EvalSymlinks(o.Device)
	if err != nil {
		return err
	}
	uses, err := inuse.Find(real)
	if err != nil {
		return err
	}
	if len(uses) > 0 {
		return fmt.Errorf("%s is in use: %s", o.Device, uses[0])
	}
	return nil
}

// unfit has the file systems on which neither a swap file nor direct I/O works, by the magic
// number of statfs.
var unfit = map[int64]string{
	unix.TMPFS_MAGIC: "tmpfs", unix.RAMFS_MAGIC: "ramfs", unix.OVERLAYFS_SUPER_MAGIC: "overlay",
	unix.V9FS_MAGIC: "9p", unix.FUSE_SUPER_MAGIC: "fuse",
}

// placeForFile refuses a folder that cannot have a swap file, if there is no device. Up
// refuses a folder that does not exist.
func placeForFile(o Options) error {
	if o.Device != "" {
		return nil
	}
	var s unix.Statfs_t
	if err := unix.Statfs(o.Dir, &s); err != nil {
		if errors.Is(err, unix.ENOENT) {
			return nil
		}
		return fmt.Errorf("folder %s: %w", o.Dir, err)
	}
	if name := unfit[s.Type]; name != "" {
		return fmt.Errorf("a folder on a disk: %s is %s, on which a swap file does not work: give a folder on ext4 or xfs, or a device", o.Dir, name)
	}
	if free := int64(s.Bavail) * s.Bsize; free < o.Size {
		return fmt.Errorf("room: %s has %s free, the swap area takes %s", o.Dir, human.Bytes(free), human.Bytes(o.Size))
	}
	return nil
}

// diskName returns what the kernel knows of a disk.
func diskName(path string) string {
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		real = path
	}
	dir := filepath.Join("/sys/class/block", filepath.Base(real))
	if _, err := os.Stat(filepath.Join(dir, "partition")); err == nil {
		if dir, err = filepath.EvalSymlinks(dir); err != nil {
			return "partition"
		}
		dir = filepath.Dir(dir)
	}
	words := []string{}
	if model, err := get(filepath.Join(dir, "device/model")); err == nil && model != "" {
		words = append(words, model)
	}
	switch turns, _ := get(filepath.Join(dir, "queue/rotational")); turns {
	case "1":
		words = append(words, "rotational")
	case "0":
		words = append(words, "not rotational")
	}
	if len(words) == 0 {
		return "block device"
	}
	return strings.Join(words, ", ")
}

// fileSystem returns the type of a folder's file system, and its device.
func fileSystem(dir string) string {
	table, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return dir
	}
	real, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return dir
	}
	kind, source := mountOf(string(table), real)
	if kind == "" {
		return dir
	}
	return kind + " on " + source
}

// mountOf finds the mount of a path in the text of mountinfo. Of the mount points above the
// path it takes the longest, and of equals the last.
func mountOf(table, path string) (kind, source string) {
	longest := -1
	for line := range strings.Lines(table) {
		before, after, found := strings.Cut(line, " - ")
		fields, rest := strings.Fields(before), strings.Fields(after)
		if !found || len(fields) < 5 || len(rest) < 2 {
			continue
		}
		point := fields[4]
		if point != "/" && path != point && !strings.HasPrefix(path, point+"/") {
			continue
		}
		if len(point) >= longest {
			longest, kind, source = len(point), rest[0], rest[1]
		}
	}
	return kind, source
}
