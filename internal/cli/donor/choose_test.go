package donor

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/farswap/farswap/status"
)

// TestChosenDonor: without a name it is the only donor that runs, whatever others have left behind.
func TestChosenDonor(t *testing.T) {
	for name, tc := range map[string]struct {
		run, dead []string
		want      string
		err       string
	}{
		"none":                    {err: "no donor runs here: start"},
		"one":                     {run: []string{"a"}, want: "a"},
		"one, another was killed": {run: []string{"b"}, dead: []string{"a", "c"}, want: "b"},
		"two":                     {run: []string{"a", "b"}, err: "several donors, name one: a, b"},
		"two, one was killed":     {run: []string{"a", "c"}, dead: []string{"b"}, err: "name one: a, c"},
		"all were killed":         {dead: []string{"a", "b"}, err: "a, b ended without a goodbye"},
	} {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			for _, n := range tc.run {
				lock, err := status.Acquire(status.DonorDir(root, n))
				if err != nil {
					t.Fatal(err)
				}
				defer func() {
					if err := lock.Release(); err != nil {
						t.Error(err)
					}
				}()
			}
			for _, n := range tc.dead {
				if err := os.MkdirAll(status.DonorDir(root, n), 0o700); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(filepath.Join(status.DonorDir(root, n), "lock"), []byte("1\n"), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			got, err := chosenDonor(nil, root)
			if got != tc.want || (err == nil) != (tc.err == "") || err != nil && !strings.Contains(err.Error(), tc.err) {
				t.Errorf("got %q, %v", got, err)
			}
		})
	}
	if got, err := chosenDonor([]string{"x"}, "/nowhere"); got != "x" || err != nil {
		t.Errorf("the one that was named: %q, %v", got, err)
	}
}
