package inuse

import (
	"slices"
	"testing"
)

func TestAreas(t *testing.T) {
	root := t.TempDir()
	if got, err := AreasIn(root); err != nil || len(got) != 0 {
		t.Errorf("a kernel without swap: got %v, %v", got, err)
	}
	write(t, root, map[string]string{"proc/swaps": swapsHead +
		"/dev/ublkb0\\040(deleted)                partition\t131068\t\t232\t\t10\n" +
		"/swap\\040file file 4 4 -2\nshort\n/odd file -1 many high\n"})
	got, err := AreasIn(root)
	want := []Area{
		{"/dev/ublkb0 (deleted)", 131068 << 10, 232 << 10, 10},
		{"/swap file", 4 << 10, 4 << 10, -2},
		{Path: "short"},
		{Path: "/odd"},
	}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("got %v, %v", got, err)
	}
	if free := got[0].Free(); free != (131068-232)<<10 {
		t.Errorf("free: got %d", free)
	}
}
