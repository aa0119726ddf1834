package owned

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// mostLinks is how many links a path may lead through, as in the kernel (MAXSYMLINKS).
const mostLinks = 40

// Root opens a folder whose content is this program's, such as /run/farswap, and makes it and
// its parents with mode 0755 where they are missing. The folder itself must not be a link.
// It and all parents must belong to root or to this user, and nobody else may write to them,
// unless the folder is sticky: then others cannot remove what is not theirs. A link on the way
// is followed if root or this user made it. A group that may write to a sticky folder, while
// others may not, is who may read what is below it; see [Folder.LetRead]. Errors wrap ErrForeign
// or those of the kernel.
func Root(path string) (*Folder, error) {
	absolute, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	w := walk{rest: parts(absolute)}
	if err := w.start(); err != nil {
		return nil, err
	}
	for len(w.rest) > 0 {
		if err := w.step(); err != nil {
			return nil, errors.Join(err, w.at.Close())
		}
	}
	s, err := stat(int(w.at.Fd()))
	if err != nil {
		return nil, errors.Join(fmt.Errorf("look at %s: %w", absolute, err), w.at.Close())
	}
	return &Folder{file: w.at, path: absolute, readers: readersOf(&s)}, nil
}

// walk goes from the root of the file system to a folder, one name at a time.
type walk struct {
	at    *os.File // the folder that it has reached
	name  string   // of that, for errors
	rest  []string // names that are left
	links int      // followed so far
}

func parts(path string) []string {
	return strings.FieldsFunc(path, func(r rune) bool { return r == '/' })
}

func (w *walk) start() error {
	fd, err := unix.Open("/", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("open /: %w", err)
	}
	w.at, w.name = os.NewFile(uintptr(fd), "/"), "/"
	return nil
}

// step takes the next name.
func (w *walk) step() error {
	name := w.rest[0]
	w.rest = w.rest[1:]
	path := filepath.Join(w.name, name)
	next, err := openFolder(w.at, name, path)
	if errors.Is(err, unix.ENOENT) {
		if err = unix.Mkdirat(int(w.at.Fd()), name, 0o755); err == nil || errors.Is(err, unix.EEXIST) {
			next, err = openFolder(w.at, name, path)
		}
	}
	if errors.Is(err, unix.ENOTDIR) || errors.Is(err, unix.ELOOP) {
		return w.follow(name, path)
	}
	if err != nil {
		return fmt.Errorf("open the folder %s: %w", path, err)
	}
	if err := checkShared(next, path); err != nil {
		return errors.Join(err, next.Close())
	}
	err = w.at.Close()
	w.at, w.name = next, path
	return err
}

// follow puts the target of a link before the names that are left.
func (w *walk) follow(name, path string) error {
	var s unix.Stat_t
	if err := unix.Fstatat(int(w.at.Fd()), name, &s, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return fmt.Errorf("look at %s: %w", path, err)
	}
	w.links++
	switch {
	case format(&s) != unix.S_IFLNK:
		return foreign(path, "it is not a folder")
	case len(w.rest) == 0:
		return foreign(path, "it is a link: give the folder itself")
	case s.Uid != 0 && int(s.Uid) != os.Geteuid():
		return foreign(path, "it is a link that user %d made", s.Uid)
	case w.links > mostLinks:
		return fmt.Errorf("open the folder %s: %w", path, unix.ELOOP)
	}
	target := make([]byte, unix.PathMax)
	n, err := unix.Readlinkat(int(w.at.Fd()), name, target)
	if err != nil {
		return fmt.Errorf("read the link %s: %w", path, err)
	}
	w.rest = append(parts(string(target[:n])), w.rest...)
	if target[0] != '/' {
		return nil
	}
	if err := w.at.Close(); err != nil {
		return err
	}
	return w.start()
}

// checkShared refuses a folder in which another user than root can replace what is there.
func checkShared(f *os.File, path string) error {
	s, err := stat(int(f.Fd()))
	switch {
	case err != nil:
		return fmt.Errorf("look at %s: %w", path, err)
	case s.Uid != 0 && int(s.Uid) != os.Geteuid():
		return foreign(path, "it belongs to user %d, who can put another folder in the place of those below", s.Uid)
	case s.Mode&writeShared != 0 && s.Mode&unix.S_ISVTX == 0:
		return foreign(path, "its mode %04o lets others replace what is in it: run `chmod go-w %s`, or choose another folder", s.Mode&0o7777, path)
	}
	return nil
}

// openFolder opens a folder that is not a link.
func openFolder(in *os.File, name, path string) (*os.File, error) {
	fd, err := unix.Openat(int(in.Fd()), name, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), path), nil
}
