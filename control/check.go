package control

import (
	"fmt"
	"math"
	"net"
	"strings"
)

func (m *Hello) check() error {
	switch {
	case m.Device == UUID{}:
		return fmt.Errorf("%w: the device has no UUID", ErrInvalid)
	case !ValidName(m.Name):
		return fmt.Errorf("%w: device name %q: want 1 to %d letters, digits, dots, dashes or underscores", ErrInvalid, oneLine(m.Name), maxNameLen)
	case !validSlabSize(m.SlabSize):
		return fmt.Errorf("%w: slab size %d: want a power of two from %d to %d", ErrInvalid, m.SlabSize, MinSlab, MaxSlab)
	}
	return nil
}

func (m *Welcome) check() error {
	switch {
	case m.Session == 0 || m.Secret == Secret{}:
		return fmt.Errorf("%w: the welcome has no credential", ErrInvalid)
	case !ValidName(m.Name):
		return fmt.Errorf("%w: donor name %q", ErrInvalid, oneLine(m.Name))
	case len(m.Data) == 0 || len(m.Data) > maxEndpoints:
		return fmt.Errorf("%w: %d data endpoints: want 1 to %d", ErrInvalid, len(m.Data), maxEndpoints)
	case len(m.Held) > MaxList || uint64(len(m.Held)) > uint64(m.HeldTotal):
		return fmt.Errorf("%w: a list of %d of %d held slabs", ErrInvalid, len(m.Held), m.HeldTotal)
	}
	for _, e := range m.Data {
		if !ValidName(e.Transport) || len(e.Address) > maxAddress {
			return fmt.Errorf("%w: data endpoint %q %q", ErrInvalid, oneLine(e.Transport), oneLine(e.Address))
		}
		if _, port, err := net.SplitHostPort(e.Address); err != nil || port == "" {
			return fmt.Errorf("%w: data endpoint %q: want host:port", ErrInvalid, oneLine(e.Address))
		}
	}
	return nil
}

func (m *Failure) check() error {
	if m.Code == 0 || len(m.Text) > maxText {
		return fmt.Errorf("%w: failure with code %d and %d bytes of text", ErrInvalid, m.Code, len(m.Text))
	}
	return nil
}

func (*Ping) check() error     { return nil }
func (*Pong) check() error     { return nil }
func (*QueryMem) check() error { return nil }

func (m *FreeMem) check() error {
	if m.Free > m.Total || m.Mapped > m.Total || m.Used > m.Total || m.Spare > m.Machine {
		return fmt.Errorf("%w: free memory %+v exceeds its total", ErrInvalid, *m)
	}
	return nil
}

func (m *Map) check() error {
	switch {
	case !validSlabSize(m.Bytes):
		return fmt.Errorf("%w: map of %d bytes: want a power of two from %d to %d", ErrInvalid, m.Bytes, MinSlab, MaxSlab)
	case m.Transport != "" && !ValidName(m.Transport):
		return fmt.Errorf("%w: map for transport %q", ErrInvalid, oneLine(m.Transport))
	}
	return nil
}

func (m *MRInfo) check() error {
	if m.Key == 0 || !validSlabSize(m.Bytes) {
		return fmt.Errorf("%w: grant of %d bytes", ErrInvalid, m.Bytes)
	}
	return nil
}

func (*Unmap) check() error { return nil }
func (*Done) check() error  { return nil }

func (m *CheckActivity) check() error { return checkList(len(m.Slabs)) }

func (m *Activity) check() error {
	for _, a := range m.PerSecond {
		if math.IsNaN(a) || math.IsInf(a, 0) || a < 0 {
			return fmt.Errorf("%w: activity %v", ErrInvalid, a)
		}
	}
	return checkList(len(m.PerSecond))
}

func (*QueryHeld) check() error { return nil }

func (m *Held) check() error { return checkList(len(m.Slabs)) }

func (m *Evict) check() error { return checkList(len(m.Slabs)) }

func (*Evicting) check() error { return nil }

func checkList(n int) error {
	if n > MaxList {
		return fmt.Errorf("%w: list of %d: at most %d", ErrInvalid, n, MaxList)
	}
	return nil
}

func validSlabSize(n uint64) bool {
	return n >= MinSlab && n <= MaxSlab && n&(n-1) == 0
}

// ValidName reports whether a name is safe in certificates, logs and file names: 1 to 64 letters,
// digits, dots, dashes and underscores. It must not begin with a dot or a dash.
func ValidName(s string) bool {
	if s == "" || len(s) > maxNameLen || s[0] == '.' || s[0] == '-' {
		return false
	}
	return !strings.ContainsFunc(s, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' ||
			r == '.' || r == '-' || r == '_')
	})
}
