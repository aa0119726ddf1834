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

// Read returns the content of a regular file of at most most bytes, or what comes out of a pipe
// that a shell has made, as /dev/stdin may be. /dev/null is empty. It refuses a FIFO, whose
// writer may never come, and a device, which may have no end. Errors wrap ErrNotRegular or those
// of package os.
func Read(path string, most int64) ([]byte, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	switch {
	case err != nil:
		return nil, err
	case path == os.DevNull:
		return nil, nil
	case !info.Mode().IsRegular() && !isPipe(f):
		return nil, fmt.Errorf("%s: %w", path, ErrNotRegular)
	}
	data, err := io.ReadAll(io.LimitReader(f, most+1))
	switch {
	case err != nil:
		return nil, err
	case int64(len(data)) > most:
		return nil, fmt.Errorf("%s: it has more than %d bytes", path, most)
	}
	return data, nil
}

// isPipe reports whether a file is a pipe without a name in any folder.
func isPipe(f *os.File) bool {
	var fs unix.Statfs_t
	return unix.Fstatfs(int(f.Fd()), &fs) == nil && fs.Type == unix.PIPEFS_MAGIC
}
