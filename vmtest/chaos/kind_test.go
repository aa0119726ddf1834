package main

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// TestPageOfFaults compares docs/faults.md with the kinds, and with what two of them may lose.
func TestPageOfFaults(t *testing.T) {
	text, err := os.ReadFile("../../docs/faults.md")
	if err != nil {
		t.Fatal(err)
	}
	takes := map[harm]string{
		{}:              "nothing",
		{remote: true}:  "copies at donors",
		{backing: true}: "copies in the backing file",
		{server: true}:  "writes that are on their way to the backing file",
	}
	told, pairs := map[Kind]string{}, map[[2]Kind]bool{}
	fault := regexp.MustCompile("^\\| `([a-z-]+)` \\| .* \\| (.*) \\|$")
	pair := regexp.MustCompile("^\\| `([a-z-]+)` and `([a-z-]+)` \\| .+ \\|$")
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSuffix(line, "\n")
		if m := fault.FindStringSubmatch(line); m != nil {
			told[Kind(m[1])] = m[2]
		} else if m := pair.FindStringSubmatch(line); m != nil {
			pairs[[2]Kind{Kind(m[1]), Kind(m[2])}] = true
		}
	}
	if len(told) != len(kinds) {
		t.Errorf("docs/faults.md tells of %d faults, there are %d", len(told), len(kinds))
	}
	for i, a := range kinds {
		if want := takes[harms[a]]; told[a] != want {
			t.Errorf("docs/faults.md: %s takes %q, want %q", a, told[a], want)
		}
		for _, b := range kinds[i:] {
			if mayLose(a, b) != mayLose(b, a) {
				t.Errorf("%s and %s: the order counts", a, b)
			}
			if got := pairs[[2]Kind{a, b}] || pairs[[2]Kind{b, a}]; got != mayLose(a, b) {
				t.Errorf("docs/faults.md: %s and %s can lose pages: %t, want %t", a, b, got, mayLose(a, b))
			}
		}
	}
}
