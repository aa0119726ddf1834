package status

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
)

// DefaultRoot is where state folders are made. It must be on a file system
// that a reboot empties: the state describes memory of running processes.
const DefaultRoot = "/run/farswap"

const (
	donorPrefix = "donor-"
	lockName    = "lock"
	sockName    = "sock"
)

// StateDir is the state folder of the device with this ublk id.
func StateDir(root string, id int) string {
	return filepath.Join(root, strconv.Itoa(id))
}

// DonorDir is the state folder of the donor of this name.
func DonorDir(root, name string) string {
	return filepath.Join(root, donorPrefix+name)
}

// Socket is the path of the socket in a state folder.
func Socket(dir string) string { return filepath.Join(dir, sockName) }

// Folder is one state folder that was found.
type Folder struct {
	Dir   string
	ID    int    // of the device; -1 for a donor
	Donor string // name of the donor; empty for a device
	PID   int    // of the server that made it; 0 when unknown
	Alive bool   // its lock is held: the server lives
}

// Folders lists the state folders below root, devices by id and then donors by
// name. A root that does not exist has none. Names that are neither a device's
// nor a donor's are passed over.
func Folders(root string) ([]Folder, error) {
	entries, err := os.ReadDir(root)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list state folders: %w", err)
	}
	var found []Folder
	for _, e := range entries {
		f := Folder{Dir: filepath.Join(root, e.Name()), ID: -1}
		if !e.IsDir() || !f.parse(e.Name()) {
			continue
		}
		if f.PID, f.Alive, err = Holder(f.Dir); err != nil {
			return nil, err
		}
		found = append(found, f)
	}
	sort.Slice(found, func(i, j int) bool {
		a, b := found[i], found[j]
		if (a.Donor == "") != (b.Donor == "") {
			return a.Donor == ""
		}
		if a.ID != b.ID {
			return a.ID < b.ID
		}
		return a.Donor < b.Donor
	})
	return found, nil
}

// parse fills in whose folder one of this name is, and says whether it is one.
func (f *Folder) parse(name string) bool {
	if donor, ok := strings.CutPrefix(name, donorPrefix); ok && donor != "" {
		f.Donor = donor
		return true
	}
	id, err := strconv.Atoi(name)
	if err != nil || id < 0 || strconv.Itoa(id) != name {
		return false
	}
	f.ID = id
	return true
}
