package memory

import (
	"fmt"
	"io/fs"
	"math"
	"path"
	"slices"
	"strings"
)

// hierarchy is a version of control groups, as far as they limit memory.
type hierarchy struct {
	limits      []string // files with a limit; above memory.high the kernel reclaims and throttles
	used        string
	reclaimable []string // lines of memory.stat: what the kernel gives up before it would swap or kill, without tmpfs
}

var (
	version2 = &hierarchy{
		limits: []string{"memory.max", "memory.high"}, used: "memory.current",
		reclaimable: []string{"inactive_file", "active_file", "slab_reclaimable"},
	}
	version1 = &hierarchy{
		limits: []string{"memory.limit_in_bytes"}, used: "memory.usage_in_bytes",
		reclaimable: []string{"total_inactive_file", "total_active_file"}, // with those of the groups below
	}
)

// group is the folder of a control group.
type group struct {
	of  *hierarchy
	dir string
}

// groups are the control groups around this process, its own first. m.mu is held.
func (m *Machine) groups() []group {
	mounts, err := fs.ReadFile(m.fsys, "proc/self/mountinfo")
	if err != nil {
		return nil
	}
	own, err := fs.ReadFile(m.fsys, "proc/self/cgroup")
	if err != nil {
		return nil
	}
	var all []group
	for _, h := range []*hierarchy{version2, version1} {
		place, ok := parseCgroup(own, h)
		mounted, found := parseMounts(mounts, h)
		if !ok || !found {
			continue
		}
		for _, dir := range mounted.around(place) {
			all = append(all, group{h, strings.TrimPrefix(dir, "/")})
		}
	}
	return all
}

// mount is where a hierarchy is mounted, and which part of it.
type mount struct{ root, point string }

// around are the folders of the group at a place in the hierarchy, and of those around it, as far as they are
// mounted. The last one is the mount point itself: in a container that has groups of its own, it is the container's
// group. The root of all groups has no limit.
func (m mount) around(place string) []string {
	var dirs []string
	below, ok := strings.CutPrefix(place, strings.TrimSuffix(m.root, "/"))
	// Another part of the hierarchy may be mounted, or one that is seen from inside (..).
	if ok && (below == "" || below[0] == '/') && !slices.Contains(strings.Split(below, "/"), "..") {
		for below = path.Clean("/" + below); below != "/"; below = path.Dir(below) {
			dirs = append(dirs, path.Join(m.point, below))
		}
	}
	return append(dirs, m.point)
}

// tighten lowers a sample to what a control group leaves. m.mu is held.
func (m *Machine) tighten(s *Sample, g group) error {
	limit := int64(math.MaxInt64)
	for _, name := range g.of.limits {
		text, err := fs.ReadFile(m.fsys, path.Join(g.dir, name))
		if absent(err) {
			continue
		}
		if err != nil {
			return fmt.Errorf("limit of the control group: %w", err)
		}
		n, err := parseLimit(text)
		if err != nil {
			return fmt.Errorf("/%s/%s: %w", g.dir, name, err)
		}
		limit = min(limit, n)
	}
	if limit == math.MaxInt64 {
		return nil
	}
	current, err := m.read(g.dir, g.of.used, func(text []byte) (int64, error) { return parseBytes(string(text)) })
	if err != nil {
		return err
	}
	reclaimable, err := m.read(g.dir, "memory.stat", func(text []byte) (int64, error) { return parseReclaimable(text, g.of.reclaimable) })
	if err != nil {
		return err
	}
	used := max(current-reclaimable, 0)
	s.Available = min(s.Available, max(limit-used, 0))
	s.Total = min(s.Total, limit)
	share, err := m.stall(path.Join(g.dir, "memory.pressure"))
	s.Stall = max(s.Stall, share)
	return err
}

func (m *Machine) read(dir, name string, parse func([]byte) (int64, error)) (int64, error) {
	text, err := fs.ReadFile(m.fsys, path.Join(dir, name))
	if err != nil {
		return 0, fmt.Errorf("memory of the control group: %w", err)
	}
	n, err := parse(text)
	if err != nil {
		return 0, fmt.Errorf("/%s/%s: %w", dir, name, err)
	}
	return n, nil
}
