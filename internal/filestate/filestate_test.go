package filestate

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestSame(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "file")
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	at := time.Now().Add(-time.Hour)
	before := Of(path)
	if !before.Same(Of(path)) {
		t.Error("a file that is not there has changed")
	}
	for _, change := range []struct {
		what string
		do   func() error
	}{
		{"made", func() error { return os.WriteFile(path, []byte("1"), 0o600) }},
		{"written", func() error { return os.WriteFile(path, []byte("22"), 0o600) }},
		{"touched", func() error { return os.Chtimes(path, at, at) }},
		{"open to all", func() error { return os.Chmod(path, 0o644) }},
		{"replaced", func() error {
			other := filepath.Join(dir, "other")
			if err := os.WriteFile(other, []byte("33"), 0o600); err != nil {
				return err
			}
			if err := os.Chmod(other, 0o644); err != nil {
				return err
			}
			if err := os.Chtimes(other, at, at); err != nil {
				return err
			}
			return os.Rename(other, path)
		}},
		{"removed", func() error { return os.Remove(path) }},
		{"a link", func() error { return os.Symlink(dir, path) }},
	} {
		must(change.do())
		now := Of(path)
		if before.Same(now) || now.Same(before) {
			t.Errorf("%s: not noticed", change.what)
		}
		if !now.Same(Of(path)) {
			t.Errorf("%s: changes by itself", change.what)
		}
		before = now
	}
	if Of(path).Same(Of(dir)) {
		t.Error("two paths are one file")
	}
}
