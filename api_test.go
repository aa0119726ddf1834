package farswap_test

import (
	"bytes"
	"flag"
	"fmt"
	"go/ast"
	"go/build"
	"go/format"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

var record = flag.Bool("record", false, "write the lists that tests compare with")

// published are the packages that programs of other people import.
var published = []string{
	"netlimit", "offheap", "uring", "ublk", "ublk/targets", "ublk/ublktest",
	"verbs", "verbs/tcp", "verbs/rdma", "verbs/faulty", "verbs/verbstest",
}

// TestExportedNames compares the exported names of the published packages, with their
// types, with recorded lists: testdata/api has a file for each package. Who changes a
// name sees it in the difference, and so does whoever reviews it.
//
// Record a wanted change with: go test . -run ExportedNames -record
func TestExportedNames(t *testing.T) {
	for _, pkg := range published {
		t.Run(pkg, func(t *testing.T) {
			got := exported(t, pkg)
			path := filepath.Join("testdata", "api", strings.ReplaceAll(pkg, "/", ".")+".txt")
			if *record {
				if err := os.WriteFile(path, []byte(strings.Join(got, "\n")+"\n"), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			want := strings.Split(strings.TrimSpace(string(text)), "\n")
			for _, line := range got {
				if !slices.Contains(want, line) {
					t.Errorf("new or changed: %s", line)
				}
			}
			for _, line := range want {
				if !slices.Contains(got, line) {
					t.Errorf("gone or changed: %s", line)
				}
			}
		})
	}
}

// Every package of a public room is published or internal.
func TestPublicRoomsArePublished(t *testing.T) {
	for pkg := range importsByPackage(t) {
		internal := slices.Contains(strings.Split(pkg, "/"), "internal")
		if slices.Contains(public, room(pkg)) && !internal && !slices.Contains(published, pkg) {
			t.Errorf("%s can be imported by anybody: list it in this test, or move it under internal", pkg)
		}
	}
}

// exported lists a package's exported names, one a line and sorted, as they are on
// Linux for amd64 with cgo, whatever the machine.
func exported(t *testing.T, pkg string) []string {
	ctx := build.Default
	ctx.GOOS, ctx.GOARCH, ctx.CgoEnabled = "linux", "amd64", true
	found, err := ctx.ImportDir(pkg, 0)
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, name := range append(found.GoFiles, found.CgoFiles...) {
		file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(pkg, name), nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		ast.FileExports(file)
		for _, d := range file.Decls {
			lines = append(lines, declared(t, d)...)
		}
	}
	slices.Sort(lines)
	if len(lines) == 0 {
		t.Errorf("%s exports nothing", pkg)
	}
	return lines
}

// declared is a line for each name of a declaration.
func declared(t *testing.T, d ast.Decl) []string {
	switch d := d.(type) {
	case *ast.FuncDecl:
		if d.Recv != nil && !ast.IsExported(receiver(d.Recv.List[0].Type)) {
			return nil
		}
		d.Body = nil
		return []string{oneLine(t, d)}
	case *ast.GenDecl:
		var lines []string
		for i, spec := range d.Specs {
			lines = append(lines, specified(t, d, i, spec)...)
		}
		return lines
	}
	return nil
}

// specified is a line for each name of a specification. The value of a constant is
// part of it where the text has one: wire formats and kernel interfaces hang on it.
func specified(t *testing.T, d *ast.GenDecl, i int, spec ast.Spec) []string {
	values, ok := spec.(*ast.ValueSpec)
	if !ok {
		if d.Tok == token.IMPORT {
			return nil
		}
		return []string{d.Tok.String() + " " + oneLine(t, spec)}
	}
	var lines []string
	for n, name := range values.Names {
		line := d.Tok.String() + " " + name.Name
		if values.Type != nil {
			line += " " + oneLine(t, values.Type)
		}
		if d.Tok == token.CONST {
			if n < len(values.Values) {
				line += " = " + oneLine(t, values.Values[n])
			} else {
				line += fmt.Sprintf(" (number %d of its group)", i)
			}
		}
		lines = append(lines, line)
	}
	return lines
}

// receiver is the name of a method's type.
func receiver(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.StarExpr:
		return receiver(e.X)
	case *ast.IndexExpr:
		return receiver(e.X)
	case *ast.Ident:
		return e.Name
	}
	return ""
}

// oneLine prints a node on one line. Where the printer says that fields were left out,
// the line says so with dots.
func oneLine(t *testing.T, node any) string {
	var b bytes.Buffer
	if err := format.Node(&b, token.NewFileSet(), node); err != nil {
		t.Fatal(err)
	}
	text, hidden, filtered := strings.Cut(b.String(), "// contains filtered or unexported")
	if filtered {
		_, hidden, _ = strings.Cut(hidden, "\n")
		text += "…\n" + hidden
	}
	var parts []string
	for line := range strings.Lines(text) {
		if line = strings.Join(strings.Fields(line), " "); line != "" {
			parts = append(parts, line)
		}
	}
	text = strings.Join(parts, "; ")
	return strings.NewReplacer("{; ", "{ ", "(; ", "(", "; }", " }", "; )", ")").Replace(text)
}
