package add

import (
	"encoding/json"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/farswap/farswap/internal/cli/command"
)

// TestCommandLineIsRemembered: the next server of a device has the options of the first, wherever they came from.
func TestCommandLineIsRemembered(t *testing.T) {
	config := filepath.Join(t.TempDir(), "device.toml")
	cmd, o := newCommand(&command.App{})
	for name, value := range map[string]string{
		"size": "16G", "slab": "32M", "donor": "mem1:9400,dns:donors:9400", "grace": "90s", "hot": "2.5", "seal": "off",
		"prefetch": "false", "rdma-mtu": "2048", "slow-factor": "3", "gossip-listen": ":7000", "swapon": "true", "id": "7", "priority": "5",
	} {
		if err := cmd.Flags().Set(name, value); err != nil {
			t.Fatalf("--%s: %v", name, err)
		}
	}
	// A file sets flags so, and names of donors in it are read again.
	if err := cmd.Flags().Lookup("config").Value.Set(config); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Flags().Lookup("allow-donor").Value.(pflag.SliceValue).Replace([]string{"a", "b"}); err != nil {
		t.Fatal(err)
	}
	kept, err := remember(cmd)
	if err != nil {
		t.Fatal(err)
	}
	var r remembered
	if err := json.Unmarshal(kept, &r); err != nil || r.Folder == "" {
		t.Fatalf("%s: %v", kept, err)
	}
	next, n := newCommand(&command.App{})
	if err := r.recall(next); err != nil {
		t.Fatal(err)
	}
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		want := f.Value.String()
		if slices.Contains([]string{"swapon", "id", "priority"}, f.Name) { // of the first server alone
			want = f.DefValue
		}
		if got := next.Flags().Lookup(f.Name).Value.String(); got != want {
			t.Errorf("--%s is %s, and was %s", f.Name, got, want)
		}
	})
	if list := command.ListOf(next, "allow-donor"); list.Path != config || !slices.Equal(n.allow, o.allow) {
		t.Errorf("the names of donors %q are read from %q", n.allow, list.Path)
	}
	if err := refuseForeign(next.Flags(), targetSwap); err != nil {
		t.Error(err)
	}
}

// recalled is the command of the next server of a device, and its options.
func recalled(t *testing.T, cmd *cobra.Command) (*cobra.Command, *options) {
	t.Helper()
	kept, err := remember(cmd)
	if err != nil {
		t.Fatal(err)
	}
	var r remembered
	if err := json.Unmarshal(kept, &r); err != nil {
		t.Fatal(err)
	}
	next, o := newCommand(&command.App{})
	if err := r.recall(next); err != nil {
		t.Fatal(err)
	}
	return next, o
}

// TestNamesFromTheCommandLine are not read again from a file.
func TestNamesFromTheCommandLine(t *testing.T) {
	cmd, _ := newCommand(&command.App{})
	if err := cmd.Flags().Set("allow-donor", "a"); err != nil {
		t.Fatal(err)
	}
	next, n := recalled(t, cmd)
	if list := command.ListOf(next, "allow-donor"); list.Path != "" || !slices.Equal(n.allow, []string{"a"}) {
		t.Errorf("the names of donors %q are read from %q", n.allow, list.Path)
	}
}

// TestRememberedByALaterRelease: what this program does not know is named.
func TestRememberedByALaterRelease(t *testing.T) {
	for text, want := range map[string]string{
		`{"flags":{"from-the-future":["1"]}}`: "--from-the-future",
		`{"flags":{"size":["large"]}}`:        `--size`,
	} {
		var r remembered
		if err := json.Unmarshal([]byte(text), &r); err != nil {
			t.Fatal(err)
		}
		next, _ := newCommand(&command.App{})
		if err := r.recall(next); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", text, err)
		}
	}
}
