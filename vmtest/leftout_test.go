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
var suites = map[string]string{".": "vmtest.test", "../bpf": "bpf.test", "../verbs/rdma": "rdma.test", "../swapdev": "swapdev.test"}

// chosen are the tests that vm-suite runs of a binary, if the others run natively.
var chosen = map[string]string{"swapdev.test": "OverRDMA"}

// drivers are the folders of which the virtual machine runs the tests that take the driver.
// These have the tag vm, too, so that a machine without the driver has none to skip.
var drivers = map[string]string{
	"../ublk": "ublk.test", "../ublk/targets": "targets.test", "../internal/devserver": "devserver.test",
}

// takesDriver is what a test calls that skips where there is no driver.
var takesDriver = regexp.MustCompile(`ublktest\.(NeedKernel|TestOnKernel|Serve)\b`)

// TestEverySuiteIsRun checks that no other folder has tests that only the virtual machine
// runs, that no other test takes the driver, and that the recipes check these tests, build
// them, and run them with and without what is left out.
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
			} else if call := takesDriver.Find(text); call != nil {
				t.Errorf("%s calls %s: it takes the driver, and has no tag vm", path, call)
			}
			return err
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	recipes := []string{`"vmsuite 6.12" "vmsuite 7.3"`, "vm-suite --whole", "vm-suite -test.v"}
	for _, binaries := range []map[string]string{suites, drivers} {
		for dir, binary := range binaries {
			dir = filepath.Clean(filepath.Join("../vmtest", dir))
			want = append(want, dir)
			recipes = append(recipes, " go test -c -tags vm -o .cache/bin/"+binary+" ./"+strings.TrimPrefix(dir, "../")+"\n")
		}
	}
	if got := slices.Sorted(maps.Keys(tagged)); !slices.Equal(got, slices.Sorted(slices.Values(want))) {
		t.Errorf("tests with the tag vm are in %v, vm-suite runs those of %v", got, want)
	}
	justfile, err := os.ReadFile("../justfile")
	if err != nil {
		t.Fatal(err)
	}
	for _, recipe := range recipes {
		if !bytes.Contains(justfile, []byte(recipe)) {
			t.Errorf("the justfile has no %s", recipe)
		}
	}
	checked := regexp.MustCompile(`(?m)^suites := "(.*)"$`).FindSubmatch(justfile)
	if checked == nil {
		t.Fatal("the justfile does not list the suites")
	}
	var lint []string
	for dir := range strings.FieldsSeq(string(checked[1])) {
		lint = append(lint, filepath.Join("..", dir))
	}
	if slices.Sort(lint); !slices.Equal(lint, slices.Sorted(slices.Values(want))) {
		t.Errorf("the recipe lint checks %v with the tag vm, want %v", lint, want)
	}
}

// TestDriverIsTested checks that vm-suite runs every test that takes the driver, in the short
// run and in the whole one.
func TestDriverIsTested(t *testing.T) {
	for _, args := range [][]string{nil, {"--whole"}} {
		given := runSuite(t, "7.3.4+deb13-amd64", args...)
		for dir, binary := range drivers {
			at := slices.Index(given[binary], "-test.run")
			if at < 0 || at+1 == len(given[binary]) {
				t.Fatalf("vm-suite %v gives %s %q", args, binary, given[binary])
			}
			run := regexp.MustCompile(given[binary][at+1])
			for _, name := range folderTests(t, dir) {
				if !run.MatchString(name) {
					t.Errorf("vm-suite %v does not run %s of %s", args, name, dir)
				}
			}
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
		short, whole := runSuite(t, kernel), runSuite(t, kernel, "--whole")
		for _, binary := range suites {
			args := short[binary]
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
			args = whole[binary]
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
	var binaries []string
	for _, of := range []map[string]string{suites, drivers} {
		binaries = slices.AppendSeq(binaries, maps.Values(of))
	}
	for _, program := range append([]string{"modprobe", "ip", "rdma"}, binaries...) {
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
	for _, binary := range binaries {
		text, err := os.ReadFile(filepath.Join(dir, binary+".args"))
		if err != nil {
			t.Fatal(err)
		}
		args := strings.Split(strings.TrimSpace(string(text)), "\n")
		if run, at := chosen[binary], slices.Index(args, "-test.run"); run != "" && at >= 0 && args[at+1] == run {
			args = slices.Delete(args, at, at+2)
		}
		given[binary] = args
	}
	return given
}

// suiteTests are the names of all tests of the suites, and those of the scenarios,
// sorted.
func suiteTests(t *testing.T) []string {
	t.Helper()
	var names []string
	for dir := range suites {
		names = append(names, folderTests(t, dir)...)
	}
	file, err := parser.ParseFile(token.NewFileSet(), "suite_vm_test.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	names = append(names, scenarioNames(t, file)...)
	slices.Sort(names)
	return names
}

// folderTests are the names of a folder's tests with the tag vm. They are read from the
// source, because this binary does not have them.
func folderTests(t *testing.T, dir string) []string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, "*_vm_test.go"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("%s: %d files of tests, %v", dir, len(paths), err)
	}
	var names []string
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
	}
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
