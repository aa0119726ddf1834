package farswap_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// quiet are the rooms whose errors and log lines name no flag and no command: other programs
// use them, too. The command line gives the advice.
var quiet = []string{
	"bpf", "cluster", "control", "donor", "evict", "internal/devserver", "internal/flusher", "netlimit", "offheap", "slabmap", "status", "status/metrics",
	"swapdev", "swapdev/journal", "swapdev/lenders", "swapdev/mover", "swapdev/path", "swapdev/placement", "swapdev/scrubber",
	"ublk", "ublk/targets", "uring", "verbs", "verbs/rdma", "verbs/tcp",
}

// commandLine matches a flag, and a command as the command line writes it.
var commandLine = regexp.MustCompile("(^|[ (])--[a-z]|`farswap|farswap (ublk|donor|cert|cluster|status|bench|doctor|config) ")

// TestLibrariesDoNotNameFlags looks at every string of the quiet rooms.
func TestLibrariesDoNotNameFlags(t *testing.T) {
	strs := 0
	for _, room := range quiet {
		files, err := filepath.Glob(filepath.Join(room, "*.go"))
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: %d files, %v", room, len(files), err)
		}
		for _, path := range files {
			if strings.HasSuffix(path, "_test.go") {
				continue
			}
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			set := token.NewFileSet()
			file, err := parser.ParseFile(set, path, text, parser.SkipObjectResolution)
			if err != nil {
				t.Fatal(err)
			}
			ast.Inspect(file, func(n ast.Node) bool {
				if s, ok := n.(*ast.BasicLit); ok && s.Kind == token.STRING {
					strs++
					if found := commandLine.FindString(strings.Trim(s.Value, "\"`")); found != "" {
						t.Errorf("%v: %s names %q", set.Position(s.Pos()), s.Value, found)
					}
				}
				return true
			})
		}
	}
	if strs < 500 {
		t.Errorf("only %d strings were found", strs)
	}
	for _, bad := range []string{"give --memory", "a quota (--allow) is used up", "see `farswap cert`", "make one with farswap cert issue"} {
		if !commandLine.MatchString(bad) {
			t.Errorf("%q is not found", bad)
		}
	}
}
