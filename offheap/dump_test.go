package offheap

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// TestNotInCoreFiles: the kernel shows that memory is left out of core files by the flag dd.
func TestNotInCoreFiles(t *testing.T) {
	mem, err := Map(1<<20, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = Unmap(mem) }()
	requireNoDump(t, mem)
	s := newStore(t)
	if mem, err = s.Map(1<<20, Options{}); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Unmap(mem) }()
	requireNoDump(t, mem)
}

func requireNoDump(t *testing.T, mem []byte) {
	t.Helper()
	text, err := os.ReadFile("/proc/self/smaps")
	if err != nil {
		t.Fatal(err)
	}
	_, from, found := strings.Cut(string(text), fmt.Sprintf("%x-", address(mem)))
	if !found { // the kernel joined it to the mapping before, which is alike
		for _, area := range strings.Split(string(text), "VmFlags:") {
			var start, end uint64
			lines := strings.Split(strings.TrimLeft(area, "\n"), "\n")
			for _, line := range lines {
				if n, _ := fmt.Sscanf(line, "%x-%x ", &start, &end); n == 2 {
					break
				}
			}
			if start <= address(mem) && address(mem) < end {
				_, from, found = strings.Cut(string(text), lines[len(lines)-1])
				break
			}
		}
	}
	_, flags, _ := strings.Cut(from, "VmFlags:")
	flags, _, _ = strings.Cut(flags, "\n")
	if !found || !strings.Contains(flags+" ", " dd ") {
		t.Errorf("found %v, flags %q", found, flags)
	}
}
