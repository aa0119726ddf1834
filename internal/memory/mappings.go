package memory

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
)

// ErrMappings means that the text is not what /proc/PID/smaps contains.
var ErrMappings = errors.New("bad description of mappings")

// Mapping is one range of a process's addresses, as /proc/PID/smaps describes it.
type Mapping struct {
	Start, End uint64
	Perms      string // such as "rw-p": read, write, execute, and private or shared
	Name       string // a path, or a word such as "[stack]"; "" for most anonymous memory
	Resident   int64  // bytes in RAM that the process can access without a fault
	Locked     int64  // bytes locked in RAM; a page that n processes map counts as an n-th
	Huge       bool   // its owner asked for huge pages (madvise)
}

// Size is the length of the range in bytes.
func (m Mapping) Size() int64 { return int64(m.End - m.Start) }

// Readable says whether the process may read the memory.
func (m Mapping) Readable() bool { return strings.HasPrefix(m.Perms, "r") }

// Mappings reads the mappings of this process, in ascending order. The kernel walks the
// page tables of the process meanwhile, which takes some milliseconds for 100 MiB: it
// must not be called from a thread that serves I/O.
func Mappings() ([]Mapping, error) {
	f, err := os.Open("/proc/self/smaps")
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	mappings, err := ParseMappings(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", f.Name(), err)
	}
	return mappings, nil
}

// ParseMappings reads text in the format of /proc/PID/smaps. Lines that it does not know
// are passed over: each kernel adds some.
func ParseMappings(r io.Reader) ([]Mapping, error) {
	var all []Mapping
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		line := lines.Text()
		key, value, isField := field(line)
		if !isField {
			m, err := parseRange(line)
			if err != nil {
				return nil, err
			}
			if n := len(all); n > 0 && m.Start < all[n-1].End {
				return nil, fmt.Errorf("%w: %q begins before the end of the mapping above it", ErrMappings, line)
			}
			all = append(all, m)
			continue
		}
		if len(all) == 0 {
			return nil, fmt.Errorf("%w: %q stands above all mappings", ErrMappings, line)
		}
		m := &all[len(all)-1]
		switch key {
		case "Rss":
			if err := parseSize(&m.Resident, value, m.Size()); err != nil {
				return nil, fmt.Errorf("%q: %w", line, err)
			}
		case "Locked":
			if err := parseSize(&m.Locked, value, m.Size()); err != nil {
				return nil, fmt.Errorf("%q: %w", line, err)
			}
		case "VmFlags":
			m.Huge = strings.Contains(value+" ", " hg ")
		}
	}
	return all, lines.Err()
}

// field splits a line such as "Locked:  12 kB". The first line of a mapping is none: its
// first word has no colon at its end.
func field(line string) (key, value string, ok bool) {
	word, rest, _ := strings.Cut(line, " ")
	key, ok = strings.CutSuffix(word, ":")
	return key, " " + rest, ok
}

// parseSize reads a figure such as "12 kB", which can be no more than the mapping's size.
func parseSize(into *int64, value string, size int64) error {
	kib, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(value, "kB")), 10, 64)
	if err != nil || kib < 0 || kib > size>>10 {
		return fmt.Errorf("%w: no part of a mapping of %d bytes", ErrMappings, size)
	}
	*into = kib << 10
	return nil
}

// parseRange reads the first line of a mapping: START-END PERMS OFFSET DEVICE INODE NAME.
func parseRange(line string) (Mapping, error) {
	bad := fmt.Errorf("%w: %q is no range", ErrMappings, line)
	words := strings.Fields(line)
	if len(words) < 5 || len(words[1]) != 4 {
		return Mapping{}, bad
	}
	from, to, ok := strings.Cut(words[0], "-")
	start, err1 := strconv.ParseUint(from, 16, 64)
	end, err2 := strconv.ParseUint(to, 16, 64)
	if !ok || err1 != nil || err2 != nil || start >= end {
		return Mapping{}, bad
	}
	return Mapping{Start: start, End: end, Perms: words[1], Name: strings.Join(words[5:], " ")}, nil
}
