package memory

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// ErrFormat is wrapped by the error for a file that is not what the kernel writes.
var ErrFormat = errors.New("not the kernel's format")

// parseMeminfo reads /proc/meminfo: MemAvailable and MemTotal, in bytes.
func parseMeminfo(text []byte) (available, total int64, err error) {
	available, total = -1, -1
	for line := range bytes.Lines(text) {
		name, rest, _ := bytes.Cut(line, []byte(":"))
		var into *int64
		switch string(name) {
		case "MemAvailable":
			into = &available
		case "MemTotal":
			into = &total
		default:
			continue
		}
		rest = bytes.TrimSpace(rest)
		n, err := strconv.ParseInt(string(bytes.TrimSuffix(rest, []byte(" kB"))), 10, 64)
		if err != nil || n < 0 || n > math.MaxInt64>>10 {
			return 0, 0, fmt.Errorf("%s: %w: %q", name, ErrFormat, rest)
		}
		*into = n << 10
	}
	if available < 0 || total <= 0 {
		return 0, 0, fmt.Errorf("%w: MemAvailable and MemTotal are missing", ErrFormat)
	}
	return min(available, total), total, nil
}

// parsePressure reads a PSI file: for how many microseconds some task has waited,
// since the start.
func parsePressure(text []byte) (uint64, error) {
	for line := range bytes.Lines(text) {
		fields := strings.Fields(string(line))
		if len(fields) == 0 || fields[0] != "some" {
			continue
		}
		for _, f := range fields[1:] {
			if total, ok := strings.CutPrefix(f, "total="); ok {
				n, err := strconv.ParseUint(total, 10, 64)
				if err != nil {
					return 0, fmt.Errorf("pressure: %w: %q", ErrFormat, f)
				}
				return n, nil
			}
		}
	}
	return 0, fmt.Errorf("pressure: %w: no total of some", ErrFormat)
}

// parseCgroup reads /proc/self/cgroup: the path of this process in a hierarchy. It is false if there is
// none.
func parseCgroup(text []byte, h *hierarchy) (path string, ok bool) {
	for line := range bytes.Lines(text) {
		// 4:memory,hugetlb:/path, of version 2 0::/path
		fields := strings.SplitN(strings.TrimSuffix(string(line), "\n"), ":", 3)
		switch {
		case len(fields) < 3:
		case h == version2 && fields[0] == "0" && fields[1] == "", h == version1 && hasMemory(fields[1]):
			return fields[2], true
		}
	}
	return "", false
}

// parseMounts reads /proc/self/mountinfo: where a hierarchy is mounted. It is false if it is not.
func parseMounts(text []byte, h *hierarchy) (m mount, ok bool) {
	for line := range bytes.Lines(text) {
		// 36 35 98:0 /root /point options [optional fields] - type source options
		before, after, ok := strings.Cut(string(line), " - ")
		fields, kind := strings.Fields(before), strings.Fields(after)
		switch {
		case !ok || len(fields) < 5 || len(kind) < 1:
		case h == version2 && kind[0] == "cgroup2", h == version1 && kind[0] == "cgroup" && hasMemory(kind[len(kind)-1]):
			return mount{unescape(fields[3]), unescape(fields[4])}, true
		}
	}
	return mount{}, false
}

// hasMemory looks for the memory controller in a list.
func hasMemory(list string) bool { return slices.Contains(strings.Split(list, ","), "memory") }

// unescape undoes the octal escapes of mountinfo.
func unescape(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+4 <= len(s) {
			if n, err := strconv.ParseUint(s[i+1:i+4], 8, 8); err == nil {
				b.WriteByte(byte(n))
				i += 3
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// parseLimit reads memory.max, memory.high or memory.limit_in_bytes, in bytes; math.MaxInt64
// without a limit. Version 1 writes the largest number of whole pages then.
func parseLimit(text []byte) (int64, error) {
	s := string(bytes.TrimSpace(text))
	if s == "max" {
		return math.MaxInt64, nil
	}
	n, err := parseBytes(s)
	if n > math.MaxInt64-largestPage {
		n = math.MaxInt64
	}
	return n, err
}

// largestPage is that of the kernels that Go runs on, in bytes.
const largestPage = 64 << 10

// parseBytes reads memory.current.
func parseBytes(s string) (int64, error) {
	n, err := strconv.ParseInt(strings.TrimSpace(s), 10, 64)
	if err != nil || n < 0 {
		return 0, fmt.Errorf("%w: %q is no number of bytes", ErrFormat, strings.TrimSpace(s))
	}
	return n, nil
}

// parseReclaimable reads memory.stat: the sum of the lines with these names, in bytes.
func parseReclaimable(text []byte, names []string) (int64, error) {
	var sum int64
	for line := range bytes.Lines(text) {
		name, value, _ := strings.Cut(string(line), " ")
		if !slices.Contains(names, name) {
			continue
		}
		n, err := parseBytes(value)
		if err != nil {
			return 0, fmt.Errorf("%s: %w", name, err)
		}
		if n > math.MaxInt64-sum {
			return 0, fmt.Errorf("%s: %w: too large", name, ErrFormat)
		}
		sum += n
	}
	return sum, nil
}
