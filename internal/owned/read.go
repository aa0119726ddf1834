package owned

import (
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// ErrNotRegular means that a path is not that of a file with content.
var ErrNotRegular = errors.New("not a regular file")

// Read returns the content of a file of at most most bytes that OpenRead opens. Errors wrap
// ErrNotRegular or those of package os.
func Read(path string, most int64) ([]byte, error) {
	f, err := OpenRead(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return ReadAll(f, most)
}

// OpenRead opens a regular file for reading, or a pipe that a shell has made, as /dev/stdin may
// be, or /dev/null, which is empty. It refuses a FIFO, whose writer may never come, and a device,
// which may have no end. A link is followed. Errors wrap ErrNotRegular or those of package os.
func OpenRead(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if errors.Is(err, unix.ENXIO) { // a socket, or a device that is not there
		return nil, fmt.Errorf("%s: %w", path, ErrNotRegular)
	} else if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() && path != os.DevNull && !isPipe(f) {
		err = fmt.Errorf("%s: %w", path, ErrNotRegular)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// ReadAll returns what is left of an open file, and an error if that is more than most bytes.
func ReadAll(f *os.File, most int64) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(f, most+1))
	switch {
	case err != nil:
		return nil, err
	case int64(len(data)) > most:
		return nil, fmt.Errorf("%s: it has more than %d bytes", f.Name(), most)
	}
	return data, nil
}

// isPipe reports whether a file is a pipe without a name in any folder.
func isPipe(f *os.File) bool {
	var fs unix.Statfs_t
	return unix.Fstatfs(int(f.Fd()), &fs) == nil && fs.Type == unix.PIPEFS_MAGIC
}
