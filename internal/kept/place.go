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
	above, folder *owned.Folder
	made          bool // this process has mounted it
	own           bool // a server of farswap has
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

func open(root string) (*Place, error) {
	above, err := owned.Root(root)
	if err != nil {
		return nil, err
	}
	p := &Place{above: above}
	if err := p.find(); err != nil {
		return nil, errors.Join(err, p.close())
	}
	return p, nil
}

// find opens the folder, and mounts the place over it if that is not there.
func (p *Place) find() (err error) {
	if p.folder, err = openOrMake(p.above); err != nil {
		return err
	}
	stays, err := p.neverSwapped()
	if stays || err != nil {
		return err
	}
	if err := errors.Join(mount(p.folder), p.folder.Close()); err != nil {
		return err
	}
	// The descriptor from before is that of the folder beneath the mount.
	if p.folder, err = p.above.Open(FolderName); err != nil {
		return err
	}
	p.made = true
	if stays, err = p.neverSwapped(); err == nil && !stays {
		err = fmt.Errorf("%s was mounted, and is not there", p.folder.Path())
	}
	return err
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

// mountSource is the name of the mounts that servers make.
const mountSource = "farswap"

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
		err := unix.Mount(mountSource, target, m.kind, unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, m.options)
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

// neverSwapped reports whether the folder lies in memory that the kernel does not swap.
func (p *Place) neverSwapped() (bool, error) {
	var fs unix.Statfs_t
	if err := unix.Fstatfs(p.folder.FD(), &fs); err != nil {
		return false, fmt.Errorf("look at the file system of %s: %w", p.folder.Path(), err)
	}
	if fs.Type != unix.RAMFS_MAGIC && fs.Type != unix.TMPFS_MAGIC {
		return false, nil
	}
	source, options, err := mountOf(p.folder)
	p.own = source == mountSource
	return fs.Type == unix.RAMFS_MAGIC || strings.Contains(","+options+",", ",noswap,"), err
}

// mountOf is the source and the options of the file system in which a folder lies, as
// /proc/self/mountinfo has them.
func mountOf(folder *owned.Folder) (source, options string, err error) {
	info, err := os.ReadFile(filepath.Join("/proc/self/fdinfo", strconv.Itoa(folder.FD())))
	if err != nil {
		return "", "", err
	}
	id := ""
	for line := range strings.Lines(string(info)) {
		if value, ok := strings.CutPrefix(line, "mnt_id:"); ok {
			id = strings.TrimSpace(value)
		}
	}
	mounts, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		return "", "", err
	}
	defer mounts.Close()
	lines := bufio.NewScanner(mounts)
	for lines.Scan() {
		// Of a line the first field is the mount's id, and the last two are what is asked for: proc(5).
		if f := strings.Fields(lines.Text()); len(f) > 2 && f[0] == id {
			return f[len(f)-2], f[len(f)-1], nil
		}
	}
	return "", "", fmt.Errorf("mount %q of %s is not in the list of mounts: %w", id, folder.Path(), errors.Join(lines.Err(), os.ErrNotExist))
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

// Close gives up the place, and leaves what is in it. A mount that a server has made, and that is empty
// and nobody else's, goes.
func (p *Place) Close() error {
	names, err := p.folder.Names()
	if err := errors.Join(err, p.folder.Close()); err != nil {
		return errors.Join(err, p.above.Close())
	}
	p.folder = nil
	if p.own && len(names) == 0 {
		// Another server that has the place open makes this fail. Then that one does it.
		if unix.Unmount(filepath.Join(fdPath(p.above), FolderName), unix.UMOUNT_NOFOLLOW) == nil {
			err = p.above.RemoveFolder(FolderName)
		}
	}
	return errors.Join(err, p.above.Close())
}

func (p *Place) close() error {
	err := p.above.Close()
	if p.folder != nil {
		err = errors.Join(err, p.folder.Close())
	}
	return err
}
