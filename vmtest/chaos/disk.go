package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// disk is the disk of the backing file: a device of device-mapper over a loop device over a sparse file, on a file
// system that can be full. The loop device then refuses what needs new blocks, as a thin disk does.
type disk struct {
	name    string
	path    string // of the block device
	folder  string // where the file system is mounted
	loop    string
	sectors string

	mu    sync.Mutex    // guards what follows; held while the disk gets a table
	fails int           // faults that have it fail
	delay time.Duration // that faults add up to
}

// makeDisk makes a disk of so many bytes, which a file system on another disk holds.
func makeDisk(on string, size int64) (*disk, error) {
	d := &disk{name: "chaos", folder: "/run/chaos-disk"}
	file := filepath.Join(d.folder, "disk")
	err := errors.Join(
		runAll("modprobe -a loop dm_mod dm_delay", "mkfs.ext4 -q -F -O ^has_journal "+on),
		os.MkdirAll(d.folder, 0o755),
		runAll("mount "+on+" "+d.folder, fmt.Sprintf("truncate --size %d %s", size, file)),
	)
	if err != nil {
		return nil, err
	}
	for _, step := range []struct {
		into *string
		argv string
	}{
		{&d.loop, "losetup --find --show --direct-io=on " + file},
		{&d.sectors, "blockdev --getsz "},
	} {
		argv := strings.Fields(step.argv)
		if step.into == &d.sectors {
			argv = append(argv, d.loop)
		}
		out, err := run(argv...)
		if err != nil {
			return nil, err
		}
		*step.into = strings.TrimSpace(out)
	}
	if _, err := run("dmsetup", "--noudevsync", "create", d.name, "--table", d.well()); err != nil {
		return nil, err
	}
	// Nobody makes its node in /dev/mapper here: that is udev's.
	out, err := run("dmsetup", "info", "--columns", "--noheadings", "--options", "blkdevname", d.name)
	d.path = "/dev/" + strings.TrimSpace(out)
	return d, err
}

// well is the table of device-mapper for a disk that does well: 0 SECTORS TARGET ….
func (d *disk) well() string { return "0 " + d.sectors + " linear " + d.loop + " 0" }

// table is that for the faults that are on.
func (d *disk) table() string {
	switch {
	case d.fails > 0:
		return "0 " + d.sectors + " error"
	case d.delay > 0:
		return fmt.Sprintf("0 %s delay %s 0 %d", d.sectors, d.loop, d.delay.Milliseconds())
	}
	return d.well()
}

// failing has the disk refuse reads and writes for a while.
func (d *disk) failing(while time.Duration) error {
	err := d.change(func() { d.fails++ })
	time.Sleep(while)
	return errors.Join(err, d.change(func() { d.fails-- }))
}

// late has the disk answer late for a while.
func (d *disk) late(by, while time.Duration) error {
	err := d.change(func() { d.delay += by })
	time.Sleep(while)
	return errors.Join(err, d.change(func() { d.delay -= by }))
}

// change changes which faults are on.
func (d *disk) change(how func()) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	how()
	return d.load(d.table())
}

// load gives the disk a table. It neither flushes nor freezes: both would wait for those who use the disk.
func (d *disk) load(table string) error {
	for _, argv := range [][]string{
		{"load", d.name, "--table", table},
		{"suspend", "--nolockfs", "--noflush", d.name},
		{"resume", d.name},
	} {
		if _, err := run(append([]string{"dmsetup", "--noudevsync"}, argv...)...); err != nil {
			return err
		}
	}
	return nil
}

// full takes all room of the file system for a while.
func (d *disk) full(while time.Duration) error {
	file := filepath.Join(d.folder, "filler")
	for size := int64(1 << 30); size >= 1<<20; size /= 2 {
		// Until it does not fit: what fits stays allocated, and the next half is tried.
		_, _ = run("fallocate", "--keep-size", "--length", fmt.Sprint(size), fmt.Sprintf("%s-%d", file, size))
	}
	time.Sleep(while)
	files, err := filepath.Glob(file + "-*")
	for _, f := range files {
		err = errors.Join(err, os.Remove(f))
	}
	return err
}
