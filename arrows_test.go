package farswap_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"maps"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// mostClimb is the largest share of the arrows between the files of a package that may run
// upwards.
const mostClimb = 0.15

// TestFilesStandOnEachOther orders the files of each package of the swap device and of the
// command line, so that a file uses what those below it define. Few arrows may run upwards:
// whoever reads a package can then begin at the bottom.
func TestFilesStandOnEachOther(t *testing.T) {
	looked := 0
	for from := range importsByPackage(t) {
		if room(from) != "swapdev" && room(from) != "internal/cli" {
			continue
		}
		arrows := arrowsBetweenFiles(t, from)
		all, climbing := 0, climb(arrows)
		for _, to := range arrows {
			all += len(to)
		}
		looked += all
		if float64(len(climbing)) > mostClimb*float64(all) {
			t.Errorf("%s: %d of %d arrows between files climb: %v", from, len(climbing), all, climbing)
		}
	}
	if looked < 100 {
		t.Errorf("only %d arrows were looked at", looked)
	}
}

// nothing imports every package as an empty one: arrows stay within a package.
type nothing struct{}

func (nothing) Import(name string) (*types.Package, error) {
	p := types.NewPackage(name, path.Base(name))
	p.MarkComplete()
	return p, nil
}

// arrowsBetweenFiles returns, for each file of a package, the files that define types,
// functions, methods, variables or constants that it uses.
func arrowsBetweenFiles(t *testing.T, dir string) map[string]map[string]bool {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	set := token.NewFileSet()
	var files []*ast.File
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(set, name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, file)
	}
	info := &types.Info{Uses: make(map[*ast.Ident]types.Object)}
	config := types.Config{Importer: nothing{}, Error: func(error) {}} // what other packages define is missing
	pkg, _ := config.Check(dir, set, files, info)
	arrows := make(map[string]map[string]bool)
	for id, object := range info.Uses {
		if v, ok := object.(*types.Var); object.Pkg() != pkg || ok && (v.IsField() || v.Parent() != pkg.Scope()) {
			continue
		}
		from, to := set.Position(id.Pos()).Filename, set.Position(object.Pos()).Filename
		if from == to || to == "" {
			continue
		}
		if arrows[from] == nil {
			arrows[from] = make(map[string]bool)
		}
		arrows[from][to] = true
	}
	return arrows
}

// climb orders the files from the ground up and returns the arrows that run upwards, as few
// as moving one file at a time makes them.
func climb(arrows map[string]map[string]bool) (climbing []string) {
	files := make(map[string]bool)
	for from, to := range arrows {
		files[from] = true
		maps.Copy(files, to)
	}
	order := slices.Sorted(maps.Keys(files))
	upwards := func(order []string) (list []string) {
		for from, to := range arrows {
			for file := range to {
				if slices.Index(order, file) > slices.Index(order, from) {
					list = append(list, filepath.Base(from)+" uses "+filepath.Base(file))
				}
			}
		}
		slices.Sort(list)
		return list
	}
	best := upwards(order)
	for better := true; better; {
		better = false
		for i := range order {
			for j := range order {
				moved := slices.Clone(order)
				file := moved[i]
				moved = slices.Insert(slices.Delete(moved, i, i+1), j, file)
				if list := upwards(moved); len(list) < len(best) {
					best, order, better = list, moved, true
				}
			}
		}
	}
	return best
}
