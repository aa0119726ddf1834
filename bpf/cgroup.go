package bpf

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"github.com/farswap/farswap/internal/loghist"
)

const (
	// otherGroups counts the faults of control groups without a place: those that found none, and
	// those that are gone and had to give theirs up.
	otherGroups = uint64(0)

	// OtherCgroups is the name of otherGroups.
	OtherCgroups = "other"

	// makeRoomAt is how full the map is, in percent, when groups that are gone lose their places.
	makeRoomAt = 75

	cgroupRoot = "/sys/fs/cgroup"
)

// Cgroup has the faults of one control group (version 2).
type Cgroup struct {
	ID      uint64 // 0: see OtherCgroups
	Name    string // path below the root of control groups, "/" for the root; the id once it is gone
	Latency loghist.Histogram
}

// readCgroups reads all groups. Once the map has little room, it adds the faults of groups that are gone to
// OtherCgroups.
//
// Preconditions: p.mu is held.
func (p *Probes) readCgroups() ([]Cgroup, error) {
	groups, err := p.allCgroups()
	if err != nil {
		return nil, err
	}
	full := len(groups)*100 >= int(p.maps[objectsMapCgroups].MaxEntries())*makeRoomAt
	kept := groups[:0]
	var others Cgroup
	for _, g := range groups {
		var gone bool
		switch g.Name, gone = p.names.name(g.ID); {
		case g.ID == otherGroups:
			others = g
		case gone && full:
			if err := p.fold(g.ID); err != nil {
				return nil, err
			}
		default:
			kept = append(kept, g)
		}
	}
	others.Latency.Add(&p.folded)
	if others.Latency.Count() > 0 {
		kept = append(kept, others)
	}
	return kept, nil
}

// allCgroups returns the content of the map. Programs add entries meanwhile. If an iteration aborts, the next one
// sees the rest.
func (p *Probes) allCgroups() ([]Cgroup, error) {
	var groups []Cgroup
	var id uint64
	var h histogram
	all := p.maps[objectsMapCgroups].Iterate()
	for all.Next(&id, &h) {
		g := Cgroup{ID: id}
		h.addTo(&g.Latency)
		groups = append(groups, g)
	}
	if err := all.Err(); err != nil && !errors.Is(err, ebpf.ErrIterationAborted) {
		return nil, fmt.Errorf("read control groups: %w", err)
	}
	return groups, nil
}

// fold takes a group that is gone out of the map. No task is in the group any more, so no count gets lost.
//
// Preconditions: p.mu is held.
func (p *Probes) fold(id uint64) error {
	var h histogram
	if err := p.maps[objectsMapCgroups].LookupAndDelete(id, &h); err != nil {
		return fmt.Errorf("control group %d: %w", id, err)
	}
	h.addTo(&p.folded)
	p.names.forget(id)
	return nil
}

// groupNames finds the paths of control groups, and remembers them.
type groupNames struct{ known map[uint64]string }

func newGroupNames() *groupNames { return &groupNames{known: map[uint64]string{}} }

func (n *groupNames) forget(id uint64) { delete(n.known, id) }

// name is the path of a group, or its id if its folder is gone.
func (n *groupNames) name(id uint64) (name string, gone bool) {
	if id == otherGroups {
		return OtherCgroups, false
	}
	path, err := groupPath(id)
	switch {
	case err == nil:
		n.known[id] = path
	case errors.Is(err, unix.ESTALE) || errors.Is(err, unix.ENOENT):
		return strconv.FormatUint(id, 10), true
	case n.known[id] == "":
		return strconv.FormatUint(id, 10), false
	}
	return n.known[id], false
}

// fileIDKernfs is the type of the file handles of control groups, which contain the id of the group: enum fid_type,
// include/linux/exportfs.h.
const fileIDKernfs = 0xfe

// groupPath finds the path of a group by a file handle with its id.
func groupPath(id uint64) (string, error) {
	root, err := unix.Open(cgroupRoot, unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return "", fmt.Errorf("open %s: %w", cgroupRoot, err)
	}
	defer unix.Close(root)
	handle := unix.NewFileHandle(fileIDKernfs, binary.NativeEndian.AppendUint64(nil, id))
	fd, err := unix.OpenByHandleAt(root, handle, unix.O_PATH|unix.O_CLOEXEC)
	if err != nil {
		return "", fmt.Errorf("control group %d: %w", id, err)
	}
	defer unix.Close(fd)
	path, err := os.Readlink("/proc/self/fd/" + strconv.Itoa(fd))
	if err != nil {
		return "", err
	}
	if strings.HasSuffix(path, " (deleted)") {
		return "", fmt.Errorf("control group %d: %w", id, unix.ENOENT)
	}
	if path = strings.TrimPrefix(path, cgroupRoot); path == "" {
		path = "/"
	}
	return path, nil
}
