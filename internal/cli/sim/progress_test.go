package sim

import (
	"bytes"
	"strings"
	"testing"
)

func TestProgressBar(t *testing.T) {
	var out bytes.Buffer
	bar := progressBar{w: &out}
	bar.clear()
	if out.Len() != 0 {
		t.Errorf("cleared nothing with %q", out.String())
	}
	for _, done := range []float64{0, 0.001, 0.5, 0.5, 1, 2} {
		bar.show(done)
	}
	bar.clear()
	lines := strings.Split(out.String(), "\r")
	if len(lines) != 5 || !strings.HasSuffix(lines[2], " 50%") || !strings.HasSuffix(lines[3], "100%") {
		t.Errorf("%q", lines)
	}
}
