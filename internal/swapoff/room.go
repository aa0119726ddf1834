package swapoff

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/farswap/farswap/internal/human"
	"github.com/farswap/farswap/internal/inuse"
)

// ErrNoRoom means that the pages would not fit: nothing was changed.
var ErrNoRoom = errors.New("there is no room for the pages that are in swap")

// ErrNotSwap means that no swap is on the device.
var ErrNotSwap = errors.New("it is not swap")

// Room is what the pages of a swap area need, and what there is for them, in bytes.
type Room struct {
	Swapped   int64 // on the area
	Cached    int64 // of all swap, what is in memory as well
	Available int64 // memory, as the kernel estimates it (MemAvailable)
	Other     int64 // free in other swap
	Groups    []Group
}

// Group is a control group whose limit its own pages would exceed.
type Group struct {
	Path  string // below the root of control groups
	Limit int64  // bytes
	Short int64  // bytes above the limit, once all its pages in swap have come back
}

// Need is what comes back and is not in memory.
func (r Room) Need() int64 { return max(r.Swapped-r.Cached, 0) }

// Check returns ErrNoRoom if the pages clearly cannot fit.
func (r Room) Check() error {
	if have := r.Available + r.Other; r.Need() > have {
		return fmt.Errorf("%w: %s have to come back, and %s of memory and %s of other swap are available: end programs, or add other swap first",
			ErrNoRoom, human.Bytes(r.Need()), human.Bytes(r.Available), human.Bytes(r.Other))
	}
	for _, g := range r.Groups {
		if g.Short > r.Other {
			return fmt.Errorf("%w: control group %s may use %s, and would be %s above that, so the kernel would kill its programs: raise its memory.max, end programs in it, or add other swap first",
				ErrNoRoom, g.Path, human.Bytes(g.Limit), human.Bytes(g.Short))
		}
	}
	return nil
}

// Look adds up for the swap area at path.
func Look(path string) (Room, error) { return look("/", path) }

// look does it below root, which has proc and sys. It fails with ErrNotSwap.
func look(root, path string) (Room, error) {
	all, err := inuse.AreasIn(root)
	if err != nil {
		return Room{}, err
	}
	var r Room
	found := false
	for _, a := range all {
		if a.Path == path {
			r.Swapped, found = a.Used, true
		} else {
			r.Other += a.Free()
		}
	}
	if !found {
		return Room{}, fmt.Errorf("%s: %w", path, ErrNotSwap)
	}
	if r.Available, r.Cached, err = memory(root); err != nil {
		return Room{}, err
	}
	r.Groups = groups(filepath.Join(root, "sys/fs/cgroup"))
	return r, nil
}

// memory reads MemAvailable and SwapCached of /proc/meminfo, in bytes.
func memory(root string) (available, cached int64, err error) {
	f, err := os.Open(filepath.Join(root, "proc/meminfo"))
	if err != nil {
		return 0, 0, fmt.Errorf("look how much memory is available: %w", err)
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		name, rest, _ := strings.Cut(lines.Text(), ":")
		fields := strings.Fields(rest)
		if len(fields) == 0 {
			continue
		}
		n, err := strconv.ParseInt(fields[0], 10, 64)
		if err != nil {
			continue
		}
		switch name {
		case "MemAvailable":
			available = n << 10
		case "SwapCached":
			cached = n << 10
		}
	}
	return available, cached, lines.Err()
}
