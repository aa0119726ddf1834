package owned

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// ErrForeign means that a file or folder is not this program's own, or that others may change
// it. Nothing was changed then.
var ErrForeign = errors.New("not this program's own")

// Permission bits of others and of the group.
const (
	othersAny   = 0o007
	groupAny    = 0o070
	groupWrite  = 0o020
	writeShared = 0o022
)

// foreign is an error about a path. It wraps ErrForeign.
func foreign(path, format string, args ...any) error {
	return fmt.Errorf("%s: %w: %s", path, ErrForeign, fmt.Sprintf(format, args...))
}

// stat looks at an open file.
func stat(fd int) (unix.Stat_t, error) {
	var s unix.Stat_t
	for {
		err := unix.Fstat(fd, &s)
		if !errors.Is(err, unix.EINTR) {
			return s, err
		}
	}
}

func format(s *unix.Stat_t) uint32 { return s.Mode & unix.S_IFMT }

// checkPrivate refuses what another user owns, and what anybody but its owner may use.
func checkPrivate(path string, s *unix.Stat_t) error {
	if uid := os.Geteuid(); int(s.Uid) != uid {
		return foreign(path, "it belongs to user %d, and this program runs as user %d", s.Uid, uid)
	}
	if s.Mode&(othersAny|groupAny) != 0 {
		return foreign(path, "its mode %04o lets others use it: run `chmod go= %s` if nobody else did", s.Mode&0o7777, path)
	}
	return nil
}

// CheckFile refuses an open regular file that is not private: one of another user, one with a
// mode that lets others read or write it, and one with a second name. path is for the errors,
// which wrap ErrForeign.
func CheckFile(f *os.File, path string) error { return checkFile(f, path, checkPrivate) }

func checkFile(f *os.File, path string, private func(path string, s *unix.Stat_t) error) error {
	s, err := stat(int(f.Fd()))
	switch {
	case err != nil:
		return fmt.Errorf("look at %s: %w", path, err)
	case format(&s) != unix.S_IFREG:
		return foreign(path, "it is not a regular file")
	case s.Nlink > 1:
		return foreign(path, "it has %d names, and what is written to one is in all", s.Nlink)
	}
	return private(path, &s)
}

// CheckDevice refuses an open block device that other users than root, its group and this
// process may use. path is for the errors, which wrap ErrForeign.
func CheckDevice(f *os.File, path string) error {
	s, err := stat(int(f.Fd()))
	switch {
	case err != nil:
		return fmt.Errorf("look at %s: %w", path, err)
	case format(&s) != unix.S_IFBLK:
		return foreign(path, "it is not a block device")
	case s.Uid != 0 && int(s.Uid) != os.Geteuid():
		return foreign(path, "it belongs to user %d", s.Uid)
	case s.Mode&othersAny != 0:
		return foreign(path, "its mode %04o lets everybody use it: run `chmod o= %s` if nobody did", s.Mode&0o7777, path)
	}
	return nil
}
