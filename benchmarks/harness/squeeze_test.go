package harness

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
)

func TestSqueeze(t *testing.T) {
	group := func(files map[string]string) string {
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

	small := group(map[string]string{"memory.current": "100\n", "memory.reclaim": ""})
	if err := squeeze(t.Context(), small, 200); err != nil || read(small) != "" {
		t.Errorf("below its limit: %v, reclaimed %q", err, read(small))
	}
	old := group(map[string]string{"memory.current": "300\n"})
	if err := squeeze(t.Context(), old, 200); err != nil {
		t.Errorf("a kernel that cannot reclaim: %v", err)
	}
	if err := squeeze(t.Context(), t.TempDir(), 200); err == nil {
		t.Error("no group, and no error")
	}

	// Nothing is freed: asked for what is above, a bounded number of times.
	stuck := group(map[string]string{"memory.current": "300\n", "memory.reclaim": ""})
	if err := squeeze(t.Context(), stuck, 200); err != nil || read(stuck) != "100" {
		t.Errorf("without progress: %v, reclaimed %q, want 100 bytes", err, read(stuck))
	}
	late := errors.New("too late")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(late)
	if err := squeeze(ctx, stuck, 200); !errors.Is(err, late) {
		t.Errorf("with no time left: %v", err)
	}
}
