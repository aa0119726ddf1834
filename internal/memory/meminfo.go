package memory

import (
	"errors"
	"fmt"
	"io"
	"os"
)

// Meminfo is the kernel's summary of the machine's memory, open: to read it again takes no new memory of the kernel.
// One goroutine at a time may use it.
type Meminfo struct {
	file *os.File
	text [8 << 10]byte // twice what kernels write
}

// OpenMeminfo opens /proc/meminfo, and reads it once.
func OpenMeminfo() (*Meminfo, error) {
	file, err := os.Open("/proc/meminfo")
	if err != nil {
		return nil, err
	}
	m := &Meminfo{file: file}
	if _, _, err := m.Read(); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return m, nil
}

// Read gives what can be had without swapping, and all that there is, in bytes.
func (m *Meminfo) Read() (available, total int64, err error) {
	n, err := m.file.ReadAt(m.text[:], 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return 0, 0, err
	}
	available, total, err = parseMeminfo(m.text[:n])
	if err != nil {
		return 0, 0, fmt.Errorf("%s: %w", m.file.Name(), err)
	}
	return available, total, nil
}

// Close closes the file.
func (m *Meminfo) Close() error { return m.file.Close() }
