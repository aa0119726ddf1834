package harness

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestSqueeze(t *testing.T) {
	make := func(files map[string]string) string {
		dir := t.TempDir()
		for name, text := range files {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		return dir
	}
	read := func(dir string) string {
		text, err := os.ReadFile(filepath.Join(dir, "memory.reclaim"))
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}

	small := make(map[string]string{"memory.current": "100\n", "memory.reclaim": ""})
	if err := squeeze(t.Context(), small, 200); err != nil || read(small) != "" {
		t.Errorf("below its limit: %v, reclaimed %q", err, read(small))
	}
	old := make(map[string]string{"memory.current": "300\n"})
	if err := squeeze(t.Context(), old, 200); err != nil {
		t.Errorf("a kernel that cannot reclaim: %v", err)
	}
	if err := squeeze(t.Context(), t.TempDir(), 200); err == nil {
		t.Error("no group, and no error")
	}

	// A kernel that has nothing freed: asked for what is above, until there is no time.
	large := make(map[string]string{"memory.current": "300\n", "memory.reclaim": ""})
	late := errors.New("too late")
	ctx, cancel := context.WithTimeoutCause(t.Context(), 50*time.Millisecond, late)
	defer cancel()
	if err := squeeze(ctx, large, 200); !errors.Is(err, late) {
		t.Errorf("without end: %v", err)
	}
	if got := read(large); got[:3] != "100" {
		t.Errorf("reclaimed %q, want 100 bytes", got)
	}
}
