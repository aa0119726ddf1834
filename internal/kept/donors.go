package kept

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/farswap/farswap/internal/owned"
)

// mostDonors bounds the file of donors, in bytes: 256 addresses of 256 bytes, and room.
const mostDonors = 1 << 17

// donors is the file of donors' addresses.
type donors struct {
	file *os.File
	list []string
	end  int64 // of the last whole line
}

// open reads the file, and keeps it open. An earlier one is closed.
func (d *donors) open(folder *owned.Folder, flags int) error {
	if err := d.close(); err != nil {
		return err
	}
	f, err := folder.OpenFile(donorsName, flags)
	if err != nil {
		return err
	}
	data, err := owned.ReadAll(f, mostDonors)
	if err != nil {
		return errors.Join(err, f.Close())
	}
	*d = donors{file: f}
	for line := range strings.Lines(string(data)) {
		address, whole := strings.CutSuffix(line, "\n")
		if !whole {
			break // its server died while it wrote this, and used no such donor
		}
		d.list = append(d.list, address)
		d.end += int64(len(line))
	}
	return nil
}

// add writes one more line. What an earlier server left of one is overwritten.
func (d *donors) add(address string) error {
	if strings.Contains(address, "\n") {
		return fmt.Errorf("address %q has more than one line", address)
	}
	if err := d.file.Truncate(d.end); err != nil {
		return fmt.Errorf("add a donor to %s: %w", d.file.Name(), err)
	}
	n, err := d.file.WriteAt([]byte(address+"\n"), d.end)
	if err != nil {
		return fmt.Errorf("add a donor to %s: %w", d.file.Name(), err)
	}
	d.list = append(d.list, address)
	d.end += int64(n)
	return nil
}

func (d *donors) close() error {
	if d.file == nil {
		return nil
	}
	err := d.file.Close()
	d.file = nil
	return err
}
