package swapoff

import (
	"errors"
	"strings"
	"testing"
)

// TestLook adds up for an area of 64 MiB, of which 8 MiB are in memory as well.
func TestLook(t *testing.T) {
	root := machine(t, "")
	for dir, values := range map[string][4]string{ // memory.swap.current, memory.max, memory.current, memory.stat
		"a":       {"41943040", "max", "1048576", ""},
		"a/tight": {"41943040", "25165824", "25165824", "anon 1\ninactive_file 4194304\nactive_file 4194304\nslab_reclaimable x\n"},
		"a/wide":  {"1048576", "25165824", "8388608", ""},
		"unused":  {"0", "4096", "8192", ""},
		"gone":    {"4096", "", "", ""},
		"other":   {"", "", "", ""}, // without the memory controller
	} {
		for i, name := range []string{"memory.swap.current", "memory.max", "memory.current", "memory.stat"} {
			if values[i] != "" {
				write(t, root, "sys/fs/cgroup/"+dir+"/"+name, values[i]+"\n")
			}
		}
	}
	r, err := look(root, area)
	if err != nil {
		t.Fatal(err)
	}
	if r.Swapped != 64<<20 || r.Cached != 8<<20 || r.Need() != 56<<20 || r.Available != 1<<30 || r.Other != 1<<30 {
		t.Errorf("got %+v", r)
	}
	// 40 MiB in swap, and 16 of 24 that are no files.
	if len(r.Groups) != 1 || r.Groups[0] != (Group{"/a/tight", 24 << 20, 32 << 20}) {
		t.Errorf("groups: got %+v", r.Groups)
	}
	if err := r.Check(); err != nil { // other swap has room
		t.Errorf("with other swap: %v", err)
	}
	r.Other = 31 << 20
	if err := r.Check(); !errors.Is(err, ErrNoRoom) || !strings.Contains(err.Error(), "/a/tight") {
		t.Errorf("with little other swap: %v", err)
	}
	r.Groups, r.Other, r.Available = nil, 0, 50<<20
	if err := r.Check(); !errors.Is(err, ErrNoRoom) || !strings.Contains(err.Error(), "56M have to come back") {
		t.Errorf("with little memory: %v", err)
	}
	r.Available = 56 << 20
	if err := r.Check(); err != nil {
		t.Errorf("with just enough: %v", err)
	}
	if _, err := look(root, "/dev/ublkb8"); !errors.Is(err, ErrNotSwap) {
		t.Errorf("another device: %v", err)
	}
}
