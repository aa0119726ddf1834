//go:build !vm

package vmtest

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// suites are the folders whose tests with the tag vm make up the suites of the virtual
// machine, and the binaries that they become.
var suites = map[string]string{".": "vmtest.test", "../bpf": "bpf.test", "../verbs/rdma": "rdma.test"}

// TestEverySuiteIsRun checks that no other folder has tests that only the virtual machine
// runs, and that the recipes build these three and run them with and without what is left out.
func TestEverySuiteIsRun(t *testing.T) {
	tagged := map[string]bool{}
	err := filepath.WalkDir("..", func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && slices.Contains([]string{".cache", ".git", "out"}, entry.Name()):
			return fs.SkipDir
		case strings.HasSuffix(path, "_test.go"):
			text, err := os.ReadFile(path)
			if bytes.Contains(text, []byte("//go:build vm\n")) {
				tagged[filepath.Dir(path)] = true
			}
			return err
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for dir := range suites {
		want = append(want, filepath.Clean(filepath.Join("../vmtest", dir)))
	}
	if got := slices.Sorted(maps.Keys(tagged)); !slices.Equal(got, slices.Sorted(slices.Values(want))) {
		t.Errorf("tests with the tag vm are in %v, vm-suite runs those of %v", got, want)
	}
	justfile, err := os.ReadFile("../justfile")
	if err != nil {
		t.Fatal(err)
	}
	for _, recipe := range []string{`"vmsuite 6.12" "vmsuite 7.3"`, "vm-suite --whole", "vm-suite -test.v"} {
		if !bytes.Contains(justfile, []byte(recipe)) {
			t.Errorf("the justfile has no %s", recipe)
		}
	}
}

// TestLeftOut runs vm-suite with other programs in the place of the test binaries. It
// must leave out what left-out names, and nothing else; with --whole, nothing.
func TestLeftOut(t *testing.T) {
	tests := suiteTests(t)
	for _, kernel := range []string{"6.12.117+deb12-amd64", "7.3.4+deb13-amd64"} {
		named := leftOut(t, kernel)
		for _, name := range named {
			if !slices.Contains(tests, name) {
				t.Errorf("left-out names %s, and there is no such test", name)
			}
		}
		for binary, args := range runSuite(t, kernel) {
			at := slices.Index(args, "-test.skip")
			if at < 0 || at+1 == len(args) {
				t.Fatalf("%s on %s gets %q", binary, kernel, args)
			}
			if !slices.Contains(args, "-test.short") {
				t.Errorf("%s on %s gets %q: it is not short", binary, kernel, args)
			}
			if got := skipped(args[at+1], tests); !slices.Equal(got, slices.Sorted(slices.Values(named))) {
				t.Errorf("%s on %s leaves out %v, want %v", binary, kernel, got, named)
			}
		}
		for binary, args := range runSuite(t, kernel, "--whole") {
			if slices.Contains(args, "-test.skip") || slices.Contains(args, "-test.short") || slices.Contains(args, "-test.run") || slices.Contains(args, "--whole") {
				t.Errorf("%s on %s, whole, gets %q", binary, kernel, args)
			}
		}
	}
}

// leftOut is what the list names for a kernel.
func leftOut(t *testing.T, kernel string) []string {
	t.Helper()
	text, err := os.ReadFile("left-out")
	if err != nil {
		t.Fatal(err)
	}
	var named []string
	for line := range strings.Lines(string(text)) {
		if fields := strings.Fields(line); len(fields) == 2 && fields[0] != "#" && (fields[0] == "all" || strings.HasPrefix(kernel, fields[0]+".")) {
			named = append(named, fields[1])
		} else if len(fields) > 0 && fields[0] != "#" && (len(fields) != 2 || fields[0] != "6.12" && fields[0] != "7.3") {
			t.Errorf("left-out: %q", line)
		}
	}
	return named
}

// skipped are those of tests that -test.skip leaves out, as package testing does it: a
// pattern has a regular expression for each part of a name, and all that it has must match.
func skipped(pattern string, tests []string) []string {
	var names []string
	for alternative := range strings.SplitSeq(pattern, "|") {
		var expressions []*regexp.Regexp
		for expression := range strings.SplitSeq(alternative, "/") {
			expressions = append(expressions, regexp.MustCompile(expression))
		}
		for _, name := range tests {
			parts := strings.Split(name, "/")
			match := len(parts) >= len(expressions)
			for i := 0; match && i < len(expressions); i++ {
				match = expressions[i].MatchString(parts[i])
			}
			if match {
				names = append(names, name)
			}
		}
	}
	return slices.Sorted(slices.Values(names))
}

// runSuite runs vm-suite as on a kernel, and returns what each test binary was given.
func runSuite(t *testing.T, kernel string, args ...string) map[string][]string {
	t.Helper()
	dir := t.TempDir()
	for _, program := range []string{"ublk.test", "targets.test", "devserver.test", "rdma.test", "bpf.test", "vmtest.test", "modprobe", "ip", "rdma"} {
		script := "#!/bin/sh\nprintf '%s\\n' \"$@\" >>\"$0.args\"\n"
		if err := os.WriteFile(filepath.Join(dir, program), []byte(script), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command("./vm-suite", args...)
	cmd.Env = append(os.Environ(), "VM_KERNEL="+kernel, "PATH="+dir+":"+os.Getenv("PATH"))
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("vm-suite: %v: %s", err, out)
	}
	given := map[string][]string{}
	for _, binary := range suites {
		text, err := os.ReadFile(filepath.Join(dir, binary+".args"))
		if err != nil {
			t.Fatal(err)
		}
		given[binary] = strings.Split(strings.TrimSpace(string(text)), "\n")
	}
	return given
}

// suiteTests are the names of all tests of the suites, and those of the scenarios,
// sorted. They are read from the source, which this binary does not have.
func suiteTests(t *testing.T) []string {
	t.Helper()
	var names []string
	for dir := range suites {
		paths, err := filepath.Glob(filepath.Join(dir, "*_vm_test.go"))
		if err != nil || len(paths) == 0 {
			t.Fatalf("%s: %d files of tests, %v", dir, len(paths), err)
		}
		for _, path := range paths {
			file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
			if err != nil {
				t.Fatal(err)
			}
			for _, declaration := range file.Decls {
				if f, ok := declaration.(*ast.FuncDecl); ok && strings.HasPrefix(f.Name.Name, "Test") && f.Name.Name != "TestMain" {
					names = append(names, f.Name.Name)
				}
			}
			if filepath.Base(path) == "suite_vm_test.go" {
				names = append(names, scenarioNames(t, file)...)
			}
		}
	}
	slices.Sort(names)
	return names
}

// scenarioNames are those of the runs of the scenarios that TestSuite plays.
func scenarioNames(t *testing.T, file *ast.File) []string {
	t.Helper()
	var names []string
	ast.Inspect(file, func(n ast.Node) bool {
		list, ok := n.(*ast.ValueSpec)
		if !ok || list.Names[0].Name != "scenarios" {
			return true
		}
		for _, element := range list.Values[0].(*ast.CompositeLit).Elts {
			fields := element.(*ast.CompositeLit).Elts
			number, err := strconv.Atoi(fields[0].(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			name, err := strconv.Unquote(fields[1].(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			s := Scenario{Number: number, Name: name}
			over := map[string][]string{"onlyTCP": {TCP}, "onlyRDMA": {RDMA}, "both": {TCP, RDMA}}[fields[3].(*ast.Ident).Name]
			for _, transport := range over {
				names = append(names, "TestSuite/"+s.ID(transport))
			}
		}
		return false
	})
	if len(names) == 0 {
		t.Fatal("no scenario was found")
	}
	return names
}
