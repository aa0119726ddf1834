package owned

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// nobody is the group of a folder that its owner alone may read.
const nobody = -1

// Modes of what a group may read: the names in a folder are known to it, or it finds out.
const (
	readableFolder = 0o710
	readableFile   = 0o640
)

// readersOf is the group of a root that its administrator shares with a group: its members may
// make something there, nobody can replace what is another's (the sticky bit), and others may not
// write. Elsewhere it is nobody.
func readersOf(s *unix.Stat_t) int {
	if s.Mode&unix.S_ISVTX == 0 || s.Mode&writeShared != groupWrite {
		return nobody
	}
	return int(s.Gid)
}

// Readers is the group that may read what is in the folder. It reports false if there is none.
func (d *Folder) Readers() (gid int, ok bool) { return d.readers, d.readers != nobody }

// check is checkPrivate, but for what the folder's readers may do.
func (d *Folder) check(path string, s *unix.Stat_t) error {
	private := *s
	if int(s.Gid) == d.readers {
		private.Mode &^= groupAny &^ groupWrite
	}
	return checkPrivate(path, &private)
}

// LetRead lets the folder's readers look up names in it, and read the files, which have to be
// open and in the folder. It does nothing in a folder without readers.
func (d *Folder) LetRead(files ...*os.File) error {
	if d.readers == nobody {
		return nil
	}
	for _, f := range files {
		if err := d.give(f, readableFile); err != nil {
			return err
		}
	}
	return d.give(d.file, readableFolder)
}

// give gives an open file or folder to the readers.
func (d *Folder) give(f *os.File, mode os.FileMode) error {
	if err := f.Chown(-1, d.readers); err != nil {
		return fmt.Errorf("let group %d read %s: %w", d.readers, f.Name(), err)
	}
	if err := f.Chmod(mode); err != nil {
		return fmt.Errorf("let group %d read %s: %w", d.readers, f.Name(), err)
	}
	return nil
}
