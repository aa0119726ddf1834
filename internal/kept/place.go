package kept

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/farswap/farswap/internal/owned"
)

// FolderName is the name of a place in the root of state folders.
const FolderName = "noswap"

// ErrPlace means that there is no memory that is never swapped, and none can be made.
var ErrPlace = errors.New("no place for state that is never swapped")

// Place is where devices' state is kept. Its methods may be called from any goroutine.
type Place struct {
	folder *owned.Folder
	made   bool
}

// Open opens the place below a root of state folders. It mounts one if there is none, which needs
// CAP_SYS_ADMIN. Errors wrap ErrPlace, or owned.ErrForeign if somebody else has something there.
func Open(root string) (*Place, error) {
	place, err := open(root)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrPlace, err)
	}
	return place, nil
}

func open(root string) (place *Place, err error) {
	above, err := owned.Root(root)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, above.Close()) }()
	folder, err := openOrMake(above)
	if err != nil {
		return nil, err
	}
	stays, err := neverSwapped(folder)
	if stays || err != nil {
		return finish(&Place{folder: folder}, err)
	}
	err = errors.Join(mount(folder), folder.Close())
	if err != nil {
		return nil, err
	}
	// The descriptor from before is that of the folder beneath the mount.
	if folder, err = above.Open(FolderName); err != nil {
		return nil, err
	}
	stays, err = neverSwapped(folder)
	if err == nil && !stays {
		err = fmt.Errorf("%s was mounted, and is not there", folder.Path())
	}
	return finish(&Place{folder: folder, made: true}, err)
}

// finish closes a place that cannot be used.
func finish(p *Place, err error) (*Place, error) {
	if err != nil {
		return nil, errors.Join(err, p.Close())
	}
	return p, nil
}

func openOrMake(above *owned.Folder) (*owned.Folder, error) {
	folder, err := above.Open(FolderName)
	if !errors.Is(err, unix.ENOENT) {
		return folder, err
	}
	folder, err = above.Make(FolderName)
	if errors.Is(err, unix.EEXIST) { // another server was faster
		return above.Open(FolderName)
	}
	return folder, err
}

// mountKinds are tried in this order: the kernel may know neither noswap nor huge pages.
var mountKinds = []struct{ kind, options string }{
	{"tmpfs", "noswap,mode=0700,huge=advise"},
	{"tmpfs", "noswap,mode=0700"},
	{"ramfs", "mode=0700"},
}

// mount mounts a place over a folder.
func mount(folder *owned.Folder) error {
	var refused error
	target := fdPath(folder)
	for _, m := range mountKinds {
		err := unix.Mount("farswap", target, m.kind, unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, m.options)
		if err == nil {
			return nil
		}
		refused = fmt.Errorf("mount a %s (%s) at %s: %w", m.kind, m.options, folder.Path(), err)
		if !errors.Is(err, unix.EINVAL) {
			break
		}
	}
	return refused
}

// fdPath is a path of an open folder that nobody can turn to another one.
func fdPath(folder *owned.Folder) string {
	return filepath.Join("/proc/self/fd", strconv.Itoa(folder.FD()))
}

// neverSwapped reports whether a folder lies in memory that the kernel does not swap.
func neverSwapped(folder *owned.Folder) (bool, error) {
	var fs unix.Statfs_t
	if err := unix.Fstatfs(folder.FD(), &fs); err != nil {
		return false, fmt.Errorf("look at the file system of %s: %w", folder.Path(), err)
	}
	switch fs.Type {
	case unix.RAMFS_MAGIC:
		return true, nil
	case unix.TMPFS_MAGIC:
		options, err := mountOptions(folder)
		return err == nil && strings.Contains(","+options+",", ",noswap,"), err
	}
	return false, nil
}

// mountOptions are those of the file system in which a folder lies, as /proc/self/mountinfo has them.
func mountOptions(folder *owned.Folder) (string, error) {
	info, err := os.ReadFile(filepath.Join("/proc/self/fdinfo", strconv.Itoa(folder.FD())))
	if err != nil {
		return "", err
	}
	id := ""
	for line := range strings.Lines(string(info)) {
		if value, ok := strings.CutPrefix(line, "mnt_id:"); ok {
			id = strings.TrimSpace(value)
		}
	}
	mounts, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		return "", err
	}
	defer mounts.Close()
	lines := bufio.NewScanner(mounts)
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) > 0 && fields[0] == id {
			return fields[len(fields)-1], nil
		}
	}
	return "", fmt.Errorf("mount %q of %s is not in the list of mounts: %w", id, folder.Path(), errors.Join(lines.Err(), os.ErrNotExist))
}

// Path is the folder where the place is.
func (p *Place) Path() string { return p.folder.Path() }

// Private reports whether this process has mounted the place in a mount namespace that is not the
// machine's. Nobody outside finds the state then, and it goes with the last process in there.
func (p *Place) Private() bool {
	if !p.made {
		return false
	}
	own, err := os.Readlink("/proc/self/ns/mnt")
	first, firstErr := os.Readlink("/proc/1/ns/mnt")
	return err == nil && firstErr == nil && own != first
}

// Close gives up the place, and leaves what is in it.
func (p *Place) Close() error { return p.folder.Close() }
