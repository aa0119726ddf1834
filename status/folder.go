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

// DefaultRoot is the root of state folders. It must be on a file system that a reboot empties, because the
// state describes the memory of running processes.
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

// Folder is one state folder.
type Folder struct {
	Dir   string
	ID    int    // of the device; -1 for a donor
	Donor string // name of the donor; empty for a device
	PID   int    // of the server that made it; 0: unknown
	Alive bool   // a server holds its lock
}

// Folders lists the state folders below root: devices by id, then donors by name. A root that does not
// exist has none. It skips other names.
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

// parse sets ID or Donor from the name of a folder. It reports whether the name is that of a state folder.
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
