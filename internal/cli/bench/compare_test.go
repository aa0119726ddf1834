package bench

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/farswap/farswap/benchmarks"
	"github.com/farswap/farswap/benchmarks/harness"
	"github.com/farswap/farswap/benchmarks/workload"
)

// TestReadResult refuses what another command has written.
func TestReadResult(t *testing.T) {
	plan := harness.Plan{Workloads: []string{"gups"}, Backends: []string{harness.Reference}, Runs: 1, Duration: 1, TimeLimit: 60, Size: workload.Small}
	for name, tc := range map[string]struct {
		content any
		wants   string // parts of the error
	}{
		"a result":       {benchmarks.PagingResult{Name: "a", Size: 1 << 20, Phases: []benchmarks.PagingPhase{{}}}, ""},
		"of bench run":   {harness.File{Schema: harness.Schema, Plan: plan}, "of `farswap bench run`|bench report --compare"},
		"of a device":    {map[string]any{"schema": 1, "id": 0}, "it has no phases"},
		"nothing at all": {map[string]any{}, "it has no phases"},
		"no object":      {"text", "is not a result"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "file")
			data, err := json.Marshal(tc.content)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, data, 0o600); err != nil {
				t.Fatal(err)
			}
			_, err = readResult(path)
			if (err == nil) != (tc.wants == "") {
				t.Fatalf("%v", err)
			}
			for part := range strings.SplitSeq(tc.wants, "|") {
				if err != nil && (!strings.Contains(err.Error(), part) || !strings.Contains(err.Error(), path)) {
					t.Errorf("%v lacks %q", err, part)
				}
			}
		})
	}
}
