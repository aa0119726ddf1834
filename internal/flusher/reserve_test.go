package flusher

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestReserve(t *testing.T) {
	for content, warns := range map[string]bool{"3068\n": true, "32768\n": false, "262144\n": false, "many\n": false} {
		root := t.TempDir()
		dir := filepath.Join(root, "proc/sys/vm")
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "min_free_kbytes"), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := Reserve(root); strings.Contains(got, "sysctl vm.min_free_kbytes") != warns {
			t.Errorf("%q: %q", content, got)
		}
	}
	if got := Reserve(t.TempDir()); got != "" {
		t.Errorf("without the file: %q", got)
	}
}
