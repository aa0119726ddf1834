package sim

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strings"
	"testing"
)

// TestOneGoroutine checks that a simulation starts no goroutine. It computes for long and
// shares nothing, so ./do unit runs its tests without the race detector, which takes ten
// times as long and would find nothing.
func TestOneGoroutine(t *testing.T) {
	paths, err := filepath.Glob("*.go")
	if err != nil || len(paths) == 0 {
		t.Fatalf("%d files, %v", len(paths), err)
	}
	for _, path := range paths {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		files := token.NewFileSet()
		file, err := parser.ParseFile(files, path, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, spec := range file.Imports {
			if spec.Path.Value == `"sync"` || spec.Path.Value == `"sync/atomic"` {
				t.Errorf("%s imports %s", path, spec.Path.Value)
			}
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if g, ok := n.(*ast.GoStmt); ok {
				t.Errorf("%v: a goroutine", files.Position(g.Pos()))
			}
			return true
		})
	}
}
