package harness

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// ErrMachine means that this machine lacks something that benchmarks need.
var ErrMachine = errors.New("this machine cannot run benchmarks")

// groups makes the control groups of runs.
type groups interface {
	Make(name string) (group, error)
	// Self returns the files of this program's group, or nil if it has no group of its own.
	Self() fs.FS
	Close() error
}

// group is the control group of an application.
type group interface {
	// Limit sets memory.max, in bytes; 0 is no limit. It first pushes out the memory above
	// the limit. Swap has no limit.
	Limit(ctx context.Context, bytes int64) error
	Files() fs.FS
	// FD is a descriptor of its folder, for starting processes in it; -1 if there is none.
	FD() int
	Kill() error
	// Remove waits until all processes are gone.
	Remove() error
}

const (
	groupRoot   = "/sys/fs/cgroup"
	groupPrefix = "farswap-bench-" // and the number of the process
	ownGroup    = "bench"
)

// CheckMachine returns an error wrapping ErrMachine if this process is not root, or has no
// control groups of version 2 with a memory controller. It changes nothing.
func CheckMachine() error {
	if os.Geteuid() != 0 {
		return fmt.Errorf("%w: it takes root, for control groups and swap: use sudo", ErrMachine)
	}
	var st unix.Statfs_t
	if err := unix.Statfs(groupRoot, &st); err != nil || st.Type != unix.CGROUP2_SUPER_MAGIC {
		return fmt.Errorf("%w: %s is not the control groups of version 2: boot with systemd.unified_cgroup_hierarchy=1", ErrMachine, groupRoot)
	}
	controllers, err := os.ReadFile(filepath.Join(groupRoot, "cgroup.controllers"))
	if err != nil {
		return fmt.Errorf("%w: %w", ErrMachine, err)
	}
	if !strings.Contains(" "+strings.TrimSpace(string(controllers))+" ", " memory ") {
		return fmt.Errorf("%w: %s has no memory controller: boot with cgroup_enable=memory", ErrMachine, groupRoot)
	}
	return nil
}

// kernelGroups is a folder of groups. One has this program and all that it starts, so that
// their processor time can be told from that of other processes. One has the application.
type kernelGroups struct {
	dir  string
	home string // the group that this program came from
}

// openGroups makes the folder and moves this program into its group there. It removes empty
// groups of earlier runs that were killed.
func openGroups() (_ *kernelGroups, err error) {
	if err := removeStale(); err != nil {
		return nil, fmt.Errorf("make control groups: %w", err)
	}
	own, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return nil, fmt.Errorf("find the control group of this program: %w", err)
	}
	_, home, ok := strings.Cut("\n"+string(own), "\n0::")
	if !ok {
		return nil, fmt.Errorf("%w: this program is in no control group of version 2", ErrMachine)
	}
	home, _, _ = strings.Cut(home, "\n")
	g := &kernelGroups{
		dir:  filepath.Join(groupRoot, groupPrefix+strconv.Itoa(os.Getpid())),
		home: filepath.Join(groupRoot, home),
	}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("make control groups: %w", err), g.Close())
		}
	}()
	if err = enable(groupRoot); err != nil {
		return nil, err
	}
	for _, dir := range []string{g.dir, g.self()} {
		if err = os.Mkdir(dir, 0o755); err != nil {
			return nil, err
		}
	}
	if err = enable(g.dir); err != nil {
		return nil, err
	}
	return g, join(g.self())
}

func (g *kernelGroups) self() string { return filepath.Join(g.dir, ownGroup) }

// enable turns the wanted controllers on for the groups in dir. Only memory must be there.
func enable(dir string) error {
	file := filepath.Join(dir, "cgroup.subtree_control")
	if err := os.WriteFile(file, []byte("+memory"), 0); err != nil {
		return err
	}
	for _, c := range []string{"+cpu", "+io"} {
		if err := os.WriteFile(file, []byte(c), 0); err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, unix.EINVAL) {
			return err
		}
	}
	return nil
}

func join(dir string) error {
	return os.WriteFile(filepath.Join(dir, "cgroup.procs"), []byte("0"), 0)
}

// removeStale removes groups of runs whose process is gone. A run that still lives is an
// error, because two runs at once would disturb each other.
func removeStale() error {
	dirs, err := filepath.Glob(filepath.Join(groupRoot, groupPrefix+"*"))
	if err != nil {
		return err
	}
	for _, dir := range dirs {
		pid := strings.TrimPrefix(filepath.Base(dir), groupPrefix)
		if _, err := strconv.Atoi(pid); err != nil {
			continue
		}
		procs, err := os.ReadFile(filepath.Join(dir, ownGroup, "cgroup.procs"))
		if err == nil && slices.Contains(strings.Fields(string(procs)), pid) {
			return fmt.Errorf("process %s measures already: wait for its end", pid)
		}
		inner, err := filepath.Glob(filepath.Join(dir, "*", "cgroup.procs"))
		if err != nil {
			return err
		}
		for _, file := range inner {
			_ = os.Remove(filepath.Dir(file)) // a group with processes stays, which does no harm
		}
		_ = os.Remove(dir)
	}
	return nil
}

func (g *kernelGroups) Self() fs.FS { return os.DirFS(g.self()) }

// Close moves this program back to its old group and removes the folder.
func (g *kernelGroups) Close() error {
	if _, err := os.Stat(g.dir); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	err := join(g.home)
	if err != nil { // that group is gone, or has got groups of its own since
		err = join(groupRoot)
	}
	return errors.Join(err, removeGroup(g.self()), removeGroup(g.dir))
}

// removeTimeout is far longer than killed processes take to end, even swapped out.
const removeTimeout = time.Minute

// removeGroup removes an empty group. It waits, because killed processes leave it late.
func removeGroup(dir string) error {
	for deadline := time.Now().Add(removeTimeout); ; time.Sleep(10 * time.Millisecond) {
		err := os.Remove(dir)
		if err == nil || errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if !errors.Is(err, unix.EBUSY) || time.Now().After(deadline) {
			return fmt.Errorf("remove control group: %w", err)
		}
	}
}

// Make makes the group of an application.
func (g *kernelGroups) Make(name string) (group, error) {
	dir := filepath.Join(g.dir, name)
	if err := os.Mkdir(dir, 0o755); err != nil {
		return nil, fmt.Errorf("make control group: %w", err)
	}
	f, err := os.Open(dir)
	if err != nil {
		return nil, errors.Join(err, os.Remove(dir))
	}
	return &kernelGroup{dir, f}, nil
}

type kernelGroup struct {
	dir    string
	folder *os.File
}

func (g *kernelGroup) Files() fs.FS { return os.DirFS(g.dir) }
func (g *kernelGroup) FD() int      { return int(g.folder.Fd()) }

func (g *kernelGroup) Limit(ctx context.Context, bytes int64) error {
	limit := "max"
	if bytes > 0 {
		if err := squeeze(ctx, g.dir, bytes); err != nil {
			return fmt.Errorf("limit the application's memory: %w", err)
		}
		limit = strconv.FormatInt(bytes, 10)
	}
	for name, value := range map[string]string{"memory.max": limit, "memory.swap.max": "max"} {
		err := os.WriteFile(filepath.Join(g.dir, name), []byte(value), 0)
		if name == "memory.swap.max" && errors.Is(err, fs.ErrNotExist) {
			continue // a kernel that does not count swap does not limit it
		}
		if err != nil {
			return fmt.Errorf("limit the application's memory: %w", err)
		}
	}
	return nil
}

func (g *kernelGroup) Kill() error {
	if err := os.WriteFile(filepath.Join(g.dir, "cgroup.kill"), []byte("1"), 0); err != nil {
		return fmt.Errorf("end the application's processes: %w", err)
	}
	return nil
}

func (g *kernelGroup) Remove() error {
	return errors.Join(g.folder.Close(), removeGroup(g.dir))
}
