package inuse

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// Kind is a way of using a block device.
type Kind string

// The kinds of use that Find looks for.
const (
	Swap   Kind = "swap"
	Mount  Kind = "mount"
	Holder Kind = "holder" // device mapper, md and the like
)

// Use is one use of a device.
type Use struct {
	Kind  Kind
	Where string // the argument for swapoff or umount; of a Holder, its path
}

// String says what the use is and how to end it.
func (u Use) String() string {
	switch u.Kind {
	case Swap:
		return fmt.Sprintf("it is swap: run `swapoff %s` first", u.Where)
	case Mount:
		return fmt.Sprintf("it is mounted: run `umount %s` first", u.Where)
	default:
		return fmt.Sprintf("%s stands on it: remove that first", u.Where)
	}
}

// Find lists the uses of the block device at path, /dev/NAME, and of its
// partitions. It finds none for a device that the kernel does not have.
func Find(path string) ([]Use, error) {
	return find("/", filepath.Base(path))
}

// device is a block device and its partitions.
type device struct {
	names   map[string]bool // below /dev
	numbers map[string]bool // MAJOR:MINOR
	holders []Use
}

func find(root, name string) ([]Use, error) {
	d, err := look(root, name)
	if err != nil {
		return nil, err
	}
	var uses []Use
	read := func(path string, parse func(io.Reader) ([]Use, error)) error {
		f, err := os.Open(filepath.Join(root, path))
		if errors.Is(err, os.ErrNotExist) { // no swap in this kernel; no process 1 here
			return nil
		}
		if err != nil {
			return err
		}
		defer f.Close()
		found, err := parse(f)
		uses = append(uses, found...)
		return err
	}
	err = errors.Join(
		read("proc/swaps", d.swaps),
		read("proc/self/mountinfo", d.mounts),
		read("proc/1/mountinfo", d.mounts),
	)
	if err != nil {
		return nil, fmt.Errorf("look for uses of %s: %w", name, err)
	}
	return distinct(append(uses, d.holders...)), nil
}

// look reads what sysfs knows about a device and its partitions.
func look(root, name string) (device, error) {
	d := device{names: map[string]bool{name: true}, numbers: map[string]bool{}}
	class := filepath.Join(root, "sys/class/block")
	partitions, err := filepath.Glob(filepath.Join(class, name, name+"p*"))
	if err != nil {
		return d, err
	}
	for _, dir := range append([]string{filepath.Join(class, name)}, partitions...) {
		d.names[filepath.Base(dir)] = true
		number, err := os.ReadFile(filepath.Join(dir, "dev"))
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return d, err
		}
		d.numbers[strings.TrimSpace(string(number))] = true
		holders, err := os.ReadDir(filepath.Join(dir, "holders"))
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return d, err
		}
		for _, h := range holders {
			d.holders = append(d.holders, Use{Holder, "/dev/" + h.Name()})
		}
	}
	return d, nil
}

// swaps reads /proc/swaps.
func (d device) swaps(r io.Reader) ([]Use, error) {
	all, err := parseAreas(r)
	var uses []Use
	for _, a := range all {
		if d.is(a.Path) {
			uses = append(uses, Use{Swap, a.Path})
		}
	}
	return uses, err
}

// mounts reads mountinfo: number, parent, MAJOR:MINOR, root, mount point,
// options, tags, a dash, type, source. A file system that spans devices has a
// MAJOR:MINOR of its own, so the source is compared too.
func (d device) mounts(r io.Reader) ([]Use, error) {
	var uses []Use
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<20) // an overlay's options are long
	for lines.Scan() {
		mount, source, ok := strings.Cut(lines.Text(), " - ")
		m, s := strings.Fields(mount), strings.Fields(source)
		if !ok || len(m) < 5 {
			continue
		}
		if d.numbers[m[2]] || len(s) >= 2 && d.is(unescape(s[1])) {
			uses = append(uses, Use{Mount, unescape(m[4])})
		}
	}
	return uses, lines.Err()
}

// is compares by name only, because a chroot can have its /dev in another folder.
func (d device) is(path string) bool {
	path = strings.TrimSuffix(path, " (deleted)")
	return strings.HasPrefix(path, "/") && d.names[filepath.Base(path)]
}

// unescape undoes the kernel's octal escapes of white space and backslashes.
func unescape(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+3 < len(s) {
			if c, ok := octal(s[i+1 : i+4]); ok {
				b.WriteByte(c)
				i += 3
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

func octal(s string) (byte, bool) {
	n := 0
	for _, c := range []byte(s) {
		if c < '0' || c > '7' {
			return 0, false
		}
		n = n<<3 | int(c-'0')
	}
	return byte(n), n <= 0xff
}

func distinct(uses []Use) []Use {
	seen := map[Use]bool{}
	var out []Use
	for _, u := range uses {
		if !seen[u] {
			seen[u] = true
			out = append(out, u)
		}
	}
	return out
}
