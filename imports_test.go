package farswap_test

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// floors are the rooms from the ground up. A room may import rooms of lower
// floors only, apart from the parts of a room, which may import the room.
var floors = [][]string{
	{"internal"},
	{"uring"},
	{"slabmap", "evict", "status", "control", "cluster", "bpf", "verbs", "ublk"},
	{"benchmarks", "dash", "sim", "swapdev", "donor", "vmtest"},
	{"cmd"},
}

// pure rooms do no I/O and read no clock.
var pure = map[string][]string{
	"slabmap": {"os", "net", "time", "syscall", "io", "log", "golang.org/x/sys"},
	"evict":   {"os", "net", "time", "syscall", "io", "log", "golang.org/x/sys"},
}

func room(path string) string {
	name, _, _ := strings.Cut(strings.TrimPrefix(path, "farswap/"), "/")
	return name
}

func floor(t *testing.T, path string) int {
	i := slices.IndexFunc(floors, func(rooms []string) bool { return slices.Contains(rooms, room(path)) })
	if i < 0 {
		t.Fatalf("%s is in no room: give it a floor in this test and in ARCHITECTURE.md", path)
	}
	return i
}

func TestImportsRunDownwards(t *testing.T) {
	out, err := exec.Command("go", "list", "-f", `{{.ImportPath}} {{join .Imports " "}}`, "./...").Output()
	if err != nil {
		t.Fatal(err)
	}
	checked := 0
	for line := range strings.Lines(string(out)) {
		words := strings.Fields(line)
		from := words[0]
		if from == "farswap" {
			continue
		}
		for _, to := range words[1:] {
			for _, forbidden := range pure[room(from)] {
				if to == forbidden || strings.HasPrefix(to, forbidden+"/") {
					t.Errorf("%s is pure and imports %s", from, to)
				}
			}
			if !strings.HasPrefix(to, "farswap/") {
				continue
			}
			checked++
			part := room(from) == room(to) && (strings.HasPrefix(from, to+"/") || room(from) == "internal")
			if !part && floor(t, to) >= floor(t, from) {
				t.Errorf("%s imports %s, which is not below it", from, to)
			}
		}
	}
	if checked < 20 {
		t.Errorf("only %d imports were looked at", checked)
	}
}
