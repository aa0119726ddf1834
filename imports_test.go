package farswap_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// floors are the rooms from the ground up. A room may import rooms of lower
// floors only, apart from the parts of a room, which may import the room or its base.
var floors = [][]string{
	{"netlimit", "offheap"},
	{"internal"},
	{"uring"},
	{"slabmap", "evict", "status", "control", "cluster", "bpf", "verbs", "ublk"},
	{"internal/devserver"},
	{"dash", "sim", "swapdev", "donor"},
	{"benchmarks"}, // measures them
	{"internal/machine"},
	{"internal/cli"},
	{"cmd", "vmtest"},
}

// inside are the floors within a room of many packages. The room's own package stands above
// all of them and puts them together: what a lower one has to tell a higher one, it tells
// through functions that the room's own package sets.
var inside = map[string][][]string{
	"swapdev": {{"seal", "readahead"}, {"journal", "path"}, {"lenders"}, {"placement"}, {"mover", "scrubber"}},
	"internal/cli": {
		{"advice", "usage", "program", "process", "remedy"},
		{"flags", "command", "launch"},
		{"add", "lend", "device", "donor", "cluster", "cert", "bench", "sim", "doctor", "show"},
		{"daemon"},
	},
}

// bases are the parts of rooms on which the parts after them, and all others, stand.
var bases = map[string][]string{
	"dash":       {"dash/feed"},
	"benchmarks": {"benchmarks/lastwords", "benchmarks/workload", "benchmarks/backend", "benchmarks/harness", "benchmarks/pathmodel"},
}

// public rooms are for anybody: they import each other, and nothing else of the module.
var public = []string{"netlimit", "offheap", "uring", "verbs", "ublk"}

// below says whether a part of a room is one on which another part may stand.
func below(from, to string) bool {
	all := bases[room(to)]
	i := slices.Index(all, to)
	return i >= 0 && !slices.Contains(all[:i+1], from)
}

// strangers are rooms of one house that must not know each other.
var strangers = map[string][]string{
	"swapdev/path":    {"control", "cluster", "swapdev/lenders"},
	"swapdev/lenders": {"slabmap", "swapdev/path"},
}

// pure rooms and packages do no I/O and read no clock.
var pure = map[string][]string{
	"slabmap": {"os", "net", "time", "syscall", "io", "log", "golang.org/x/sys"},
	"evict":   {"os", "net", "time", "syscall", "io", "log", "golang.org/x/sys"},

	"swapdev/readahead": {"os", "net", "time", "syscall", "io", "log", "golang.org/x/sys"},
}

// module is the path of this module, which go.mod alone says.
func module(t *testing.T) string {
	text, err := os.ReadFile("go.mod")
	if err != nil {
		t.Fatal(err)
	}
	first, _, _ := strings.Cut(string(text), "\n")
	path, ok := strings.CutPrefix(first, "module ")
	if !ok {
		t.Fatalf("go.mod begins with %q", first)
	}
	return path
}

// room is the first folder of a package's path in the module, or of a folder below internal
// that has a floor of its own.
func room(path string) string {
	name, rest, _ := strings.Cut(path, "/")
	if name != "internal" {
		return name
	}
	part, _, _ := strings.Cut(rest, "/")
	if own := name + "/" + part; slices.ContainsFunc(floors, func(rooms []string) bool { return slices.Contains(rooms, own) }) {
		return own
	}
	return name
}

// belowInside says whether one package of a room that has floors inside may import another.
func belowInside(t *testing.T, from, to string) bool {
	if from == room(from) {
		return true
	}
	level := func(path string) int {
		if path == room(path) {
			return len(inside[room(path)])
		}
		part := strings.TrimPrefix(path, room(path)+"/")
		i := slices.IndexFunc(inside[room(path)], func(parts []string) bool { return slices.Contains(parts, part) })
		if i < 0 {
			t.Errorf("%s has no floor inside its room: give it one in this test", path)
		}
		return i
	}
	return level(to) < level(from)
}

func floor(t *testing.T, path string) int {
	i := slices.IndexFunc(floors, func(rooms []string) bool { return slices.Contains(rooms, room(path)) })
	if i < 0 {
		t.Fatalf("%s is in no room: give it a floor in this test and in ARCHITECTURE.md", path)
	}
	return i
}

func TestImportsRunDownwards(t *testing.T) {
	checked, module := 0, module(t)
	for from, imports := range importsByPackage(t) {
		for to := range imports {
			for _, forbidden := range slices.Concat(pure[room(from)], pure[from]) {
				if to == forbidden || strings.HasPrefix(to, forbidden+"/") {
					t.Errorf("%s is pure and imports %s", from, to)
				}
			}
			to, ours := strings.CutPrefix(to, module+"/")
			if !ours {
				continue
			}
			checked++
			if slices.Contains(public, room(from)) && !slices.Contains(public, room(to)) {
				t.Errorf("%s is for anybody and imports %s", from, to)
			}
			if slices.Contains(strangers[from], to) {
				t.Errorf("%s must not know %s", from, to)
			}
			part := room(from) == room(to) && (strings.HasPrefix(from, to+"/") || strings.HasPrefix(to, from+"/internal/") || strings.HasPrefix(to, room(from)+"/internal/") || room(from) == "internal" || below(from, to))
			if inside[room(from)] != nil && room(from) == room(to) {
				if !belowInside(t, from, to) {
					t.Errorf("%s imports %s, which is not below it in their room", from, to)
				}
				continue
			}
			if !part && floor(t, to) >= floor(t, from) {
				t.Errorf("%s imports %s, which is not below it", from, to)
			}
		}
	}
	if checked < 20 {
		t.Errorf("only %d imports were looked at", checked)
	}
}

// importsByPackage reads the import lines of every file that is no test.
func importsByPackage(t *testing.T) map[string]map[string]bool {
	packages := map[string]map[string]bool{}
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && path != "." && strings.HasPrefix(d.Name(), ".") {
			return filepath.SkipDir
		}
		if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		from := filepath.ToSlash(filepath.Dir(path))
		if packages[from] == nil {
			packages[from] = map[string]bool{}
		}
		for _, i := range file.Imports {
			to, err := strconv.Unquote(i.Path.Value)
			if err != nil {
				return err
			}
			packages[from][to] = true
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return packages
}
