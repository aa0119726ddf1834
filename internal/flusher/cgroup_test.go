package flusher

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestCgroup(t *testing.T) {
	me := fmt.Sprint(os.Getpid())
	for name, tc := range map[string]struct {
		files map[string]string
		want  []string // a part of each warning, in order
		swap  string   // memory.swap.max of /a/b afterwards
	}{
		"root":       {map[string]string{"proc/self/cgroup": "0::/\n"}, nil, ""},
		"controller": {map[string]string{"proc/self/cgroup": "0::/a/b\n"}, nil, ""},
		"alone": {map[string]string{
			"proc/self/cgroup":               "0::/a/b\n",
			"sys/fs/cgroup/a/memory.max":     "max\n",
			"sys/fs/cgroup/a/b/memory.max":   "max\n",
			"sys/fs/cgroup/a/b/memory.high":  "max\n",
			"sys/fs/cgroup/a/b/cgroup.procs": me + "\n", "sys/fs/cgroup/a/b/memory.swap.max": "max\n",
		}, nil, "0"},
		"shared": {map[string]string{
			"proc/self/cgroup":               "0::/a/b\n",
			"sys/fs/cgroup/a/b/cgroup.procs": "1\n" + me + "\n", "sys/fs/cgroup/a/b/memory.swap.max": "max\n",
		}, []string{"cgroup /a/b is shared"}, "max"},
		"limits": {map[string]string{
			"proc/self/cgroup":              "0::/a/b\n",
			"sys/fs/cgroup/a/memory.max":    "1048576\n",
			"sys/fs/cgroup/a/b/memory.high": "4096\n", "sys/fs/cgroup/a/b/memory.swap.max": "0\n",
		}, []string{"cgroup /a/b has memory.high 4096", "cgroup /a has memory.max 1048576"}, "0"},
		"limit of a container": {map[string]string{
			"proc/self/cgroup":         "0::/\n",
			"sys/fs/cgroup/memory.max": "1048576\n", "sys/fs/cgroup/memory.swap.max": "0\n",
		}, []string{"cgroup / has memory.max 1048576"}, ""},
		"version 1": {map[string]string{"proc/self/cgroup": "4:memory:/x\n0::/\n"}, []string{"cgroup v1"}, ""},
		"no file":   {nil, []string{"cannot tell"}, ""},
		"bad file":  {map[string]string{"proc/self/cgroup": "x\n"}, []string{"bad line"}, ""},
		"no line":   {map[string]string{"proc/self/cgroup": "3:cpu:/\n"}, []string{"no line of cgroup v2"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			for file, content := range tc.files {
				path := filepath.Join(root, file)
				if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			got := Cgroup(root)
			if len(got) != len(tc.want) {
				t.Fatalf("got %q, want %q", got, tc.want)
			}
			for i, part := range tc.want {
				if !strings.Contains(got[i], part) {
					t.Errorf("got %q, want %q in it", got[i], part)
				}
			}
			if swap, _ := readValue(filepath.Join(root, "sys/fs/cgroup/a/b/memory.swap.max")); !strings.HasPrefix(swap, tc.swap) || (tc.swap == "") != (swap == "") {
				t.Errorf("memory.swap.max is %q, want %q", swap, tc.swap)
			}
		})
	}
}
