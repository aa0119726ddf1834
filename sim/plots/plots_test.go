package plots

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/farswap/farswap/sim"
)

func TestResult(t *testing.T) {
	w, err := sim.ParseWorkload(sim.PaperWorkload())
	if err != nil {
		t.Fatal(err)
	}
	w.Cluster.Hours, w.Cluster.Warmup = 0.05, 0
	r, err := sim.Run(context.Background(), sim.DefaultConfig(w), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, format := range Formats {
		files, err := Result(filepath.Join(t.TempDir(), "new"), format, r)
		if err != nil {
			t.Fatal(err)
		}
		checkFiles(t, format, files, 3)
	}
	if _, err := Result(t.TempDir(), "png", sim.Result{}); err == nil {
		t.Error("drew nothing")
	}
	if _, err := Result("/dev/null/no", "png", r); err == nil {
		t.Error("drew into nowhere")
	}
}

func TestScale(t *testing.T) {
	runs := []sim.ScaleRun{{NanosPerEvent: 10, CPUNanosPerEvent: 9}, {NanosPerEvent: 12, CPUNanosPerEvent: 10}}
	runs[0].Machines, runs[1].Machines = 100, 1000
	for n := 1; n <= 2; n++ {
		files, err := Scale(t.TempDir(), "svg", runs[:n])
		if err != nil {
			t.Fatal(err)
		}
		checkFiles(t, "svg", files, 1)
	}
}

func checkFiles(t *testing.T, format string, files []string, want int) {
	t.Helper()
	if len(files) != want {
		t.Errorf("files %v, want %d", files, want)
	}
	begins := map[string]string{"png": "\x89PNG", "svg": "<?xml"}[format]
	for _, f := range files {
		data, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.HasPrefix(data, []byte(begins)) || len(data) < 1000 {
			t.Errorf("%s: %d bytes, no %s", f, len(data), format)
		}
	}
}
