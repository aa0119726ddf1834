package workload

import (
	"os"
	"path/filepath"
	"testing"
)

func TestFindLooksBesidePath(t *testing.T) {
	root := t.TempDir()
	for _, file := range []string{"usr/bin/memcached", "usr/lib/postgresql/9/bin/initdb", "usr/lib/postgresql/15/bin/initdb"} {
		path := filepath.Join(root, file)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, nil, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", "/nowhere/bin:"+filepath.Join(root, "usr/bin"))
	for command, want := range map[string]string{"memcached": "usr/bin/memcached", "initdb": "usr/lib/postgresql/15/bin/initdb"} {
		if got, err := Find(command); err != nil || got != filepath.Join(root, want) {
			t.Errorf("%s: %s, %v", command, got, err)
		}
	}
	w := Workload{Needs: []string{"memcached", "redis-server", "initdb"}}
	if got := w.Missing(); len(got) != 1 || got[0] != "redis-server" {
		t.Errorf("missing: %q", got)
	}
}
