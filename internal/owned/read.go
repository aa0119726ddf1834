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

// Read returns the content of a regular file of at most most bytes. /dev/null is empty. It
// refuses a FIFO, whose writer it would have to wait for, and a device, which may have no end.
// Errors wrap ErrNotRegular or those of package os.
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
	case !info.Mode().IsRegular():
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
