package kept

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/farswap/farswap/internal/owned"
	"github.com/farswap/farswap/offheap"
)

const (
	mapName    = "map"
	donorsName = "donors"
	newPrefix  = "new-"
)

// ErrNone means that nothing is kept of a device.
var ErrNone = errors.New("no state of this device is kept")

// Device is the kept state of one device. It belongs to one goroutine at a time, but for the memory
// of its map.
type Device struct {
	place  *Place
	folder *owned.Folder
	name   string // of the folder

	record Record
	memory []byte
	donors donors
}

// New begins to keep a device, whose map takes mapBytes. The memory of the map is zeros, locked, and
// shared with whoever opens the device later. purpose is what offheap.Mappings says of it. Nobody finds
// the device before it has its number: see Number.
func (p *Place) New(r Record, mapBytes int, purpose string) (*Device, error) {
	p.clean()
	d := &Device{place: p, name: fmt.Sprintf("%s%d-%08x", newPrefix, os.Getpid(), rand.Uint32()), record: r}
	folder, err := p.folder.Make(d.name)
	if err != nil {
		return nil, fmt.Errorf("keep the state of a device: %w", err)
	}
	d.folder = folder
	if err := d.make(mapBytes, purpose); err != nil {
		return nil, errors.Join(fmt.Errorf("keep the state of a device in %s: %w", folder.Path(), err), d.Remove())
	}
	return d, nil
}

func (d *Device) make(mapBytes int, purpose string) error {
	f, err := d.folder.OpenFile(mapName, unix.O_CREAT|unix.O_EXCL)
	if err != nil {
		return err
	}
	err = f.Truncate(int64(mapBytes))
	if err == nil {
		d.memory, err = offheap.MapFile(f, mapBytes, offheap.Options{Huge: true, Lock: true, Purpose: purpose})
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := d.donors.open(d.folder, unix.O_CREAT|unix.O_EXCL); err != nil {
		return err
	}
	return d.record.save(d.folder)
}

// clean removes what servers have left that died before their device had a number.
func (p *Place) clean() {
	names, err := p.folder.Names()
	if err != nil {
		return
	}
	for _, name := range names {
		text, ok := strings.CutPrefix(name, newPrefix)
		before, _, _ := strings.Cut(text, "-")
		pid, err := strconv.Atoi(before)
		if !ok || err != nil || !errors.Is(unix.Kill(pid, 0), unix.ESRCH) {
			continue
		}
		_ = p.remove(name) // what stays takes memory, and hinders nobody
	}
}

// Load opens what is kept of the device of a number. The server that made it may live: then the record
// and the map are looked at and not changed. Errors wrap ErrNone, ErrSchema or owned.ErrForeign.
func (p *Place) Load(id int, purpose string) (*Device, error) {
	d := &Device{place: p, name: strconv.Itoa(id)}
	folder, err := p.folder.Open(d.name)
	if errors.Is(err, unix.ENOENT) {
		return nil, fmt.Errorf("device %d: %w in %s", id, ErrNone, p.Path())
	} else if err != nil {
		return nil, err
	}
	d.folder = folder
	if err := d.load(purpose); err != nil {
		return nil, errors.Join(fmt.Errorf("kept state of device %d: %w", id, err), d.Close())
	}
	return d, nil
}

func (d *Device) load(purpose string) error {
	if err := d.Refresh(); err != nil {
		return err
	}
	f, err := d.folder.OpenFile(mapName, 0)
	if err != nil {
		return err
	}
	info, err := f.Stat()
	if err == nil {
		d.memory, err = offheap.MapFile(f, int(info.Size()), offheap.Options{Huge: true, Lock: true, Purpose: purpose})
	}
	return errors.Join(err, f.Close())
}

// Refresh reads the record and the donors again. The server before may have changed them since Load.
func (d *Device) Refresh() (err error) {
	if d.record, err = load(d.folder); err != nil {
		return err
	}
	return d.donors.open(d.folder, 0)
}

// Number gives the device its number. What was kept under that number before is of a device that the
// kernel does not have any more, and goes.
func (d *Device) Number(id int) error {
	name := strconv.Itoa(id)
	if err := d.place.remove(name); err != nil {
		return err
	}
	if err := d.place.folder.Rename(d.name, name); err != nil {
		return err
	}
	d.name = name
	return nil
}

// Record is the device's record.
func (d *Device) Record() Record { return d.record }

// Next counts one more server of the device.
func (d *Device) Next() error {
	d.record.Generation++
	return d.record.save(d.folder)
}

// Map is the memory of the map.
func (d *Device) Map() []byte { return d.memory }

// Donors are the addresses of the device's donors, by their numbers.
func (d *Device) Donors() []string { return d.donors.list }

// AddDonor gives the next number to a donor. The number may stand in the map once AddDonor has returned.
func (d *Device) AddDonor(address string) error { return d.donors.add(address) }

// Close gives up the state and leaves it to the next server. The map's memory must not be used any more.
func (d *Device) Close() error {
	err := errors.Join(d.donors.close(), d.folder.Close())
	if d.memory != nil {
		err = errors.Join(err, offheap.Unmap(d.memory))
		d.memory = nil
	}
	return err
}

// Remove removes the state of a device that has ended. The map's memory must not be used any more.
func (d *Device) Remove() error { return errors.Join(d.Close(), d.place.remove(d.name)) }

// Remove removes what is kept under a number, of a device that the kernel does not have any more.
// Nothing under that number is no error. What servers have left that died before their device had a
// number goes, too: nobody asks for it by a number.
func (p *Place) Remove(id int) error {
	p.clean()
	return p.remove(strconv.Itoa(id))
}

// Has reports whether something is kept under a number.
func (p *Place) Has(id int) bool {
	folder, err := p.folder.Open(strconv.Itoa(id))
	return err == nil && folder.Close() == nil
}

// remove removes the folder of a device with what a server makes in there.
func (p *Place) remove(name string) error {
	folder, err := p.folder.Open(name)
	if errors.Is(err, unix.ENOENT) {
		return nil
	} else if err != nil {
		return err
	}
	// The record goes first: without it the rest is nobody's.
	for _, file := range []string{recordName, newRecord, donorsName, mapName} {
		err = errors.Join(err, folder.Remove(file))
	}
	return errors.Join(err, folder.Close(), p.folder.RemoveFolder(name))
}
