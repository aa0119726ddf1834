package ublk_test

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/farswap/farswap/ublk"
	"github.com/farswap/farswap/ublk/ublktest"
)

const exampleSize = 1 << 20

var example = ublktest.Config{Open: func(*testing.T) (ublk.Target, ublk.Spec) {
	return make(ramDisk, exampleSize), ublk.Spec{ID: -1, Size: exampleSize}
}}

// The RAM disk of the example is a good target.
func TestExampleIsATarget(t *testing.T) { ublktest.TestTarget(t, example) }

// The example has 40 lines at most that are the disk's own.
func TestExampleIsShort(t *testing.T) {
	text, err := os.ReadFile("example_test.go")
	if os.IsNotExist(err) {
		t.Skip("the source is not here")
	}
	if err != nil {
		t.Fatal(err)
	}
	disk := regexp.MustCompile(`(?s)// ramDisk is .*\n\n// A RAM disk of`).FindString(string(text))
	lines := 0
	for line := range strings.Lines(disk) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "//") {
			lines++
		}
	}
	if lines < 10 || lines > 40 {
		t.Errorf("the disk takes %d lines, want 40 at most", lines)
	}
}
