package command

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/sys/unix"

	"github.com/farswap/farswap/internal/cli/flags"
	"github.com/farswap/farswap/internal/owned"
)

type configured struct {
	size   flags.Size
	depth  int
	loss   bool
	donors []string
	ack    string
	config string
}

func (c *configured) flags() *pflag.FlagSet {
	*c = configured{size: 1, depth: 2, ack: "strict"}
	f := pflag.NewFlagSet("test", pflag.ContinueOnError)
	f.Var(&c.size, "size", "")
	f.IntVar(&c.depth, "depth", c.depth, "")
	f.BoolVar(&c.loss, "accept-loss", false, "")
	f.StringSliceVar(&c.donors, "donor", nil, "")
	f.StringVar(&c.ack, "ack", c.ack, "")
	f.StringVar(&c.config, "config", "", "")
	return f
}

func TestApplyConfig(t *testing.T) {
	var c configured
	f := c.flags()
	if err := f.Parse([]string{"--depth=64", "--donor", "cli:1"}); err != nil {
		t.Fatal(err)
	}
	err := applyConfig("size = '16G'\ndepth = 8\naccept-loss = true\ndonor = ['a:1', 'b:2']\n", f)
	if err != nil {
		t.Fatal(err)
	}
	if c.size != 16<<30 || c.depth != 64 || !c.loss || !slices.Equal(c.donors, []string{"cli:1"}) || c.ack != "strict" {
		t.Errorf("got %+v", c)
	}
	f = c.flags()
	if err := applyConfig("size = 4096\ndonor = ['a:1', 'b:2']", f); err != nil || c.size != 4096 || !slices.Equal(c.donors, []string{"a:1", "b:2"}) {
		t.Errorf("got %+v, %v", c, err)
	}
	f = c.flags()
	if err := applyConfig("donor = 'a:1'", f); err != nil || !slices.Equal(c.donors, []string{"a:1"}) {
		t.Errorf("got %+v, %v", c, err)
	}
}

func TestApplyConfigErrors(t *testing.T) {
	for text, part := range map[string]string{
		"sice = 1":                 `unknown key "sice"`,
		"z = 1\ny = 1\nx = 1":      `unknown key "x"`,
		"config = 'other'":         `unknown key "config"`,
		"[ublk]\nsize = 1":         `unknown key "ublk"`,
		"size = '64MB'":            `key "size"`,
		"size = -1":                `key "size"`,
		"depth = 'deep'":           `key "depth"`,
		"depth = [1]":              `key "depth"`,
		"ack = ['a', 'b']":         "want one value",
		"accept-loss = 'maybe'":    `key "accept-loss"`,
		"donor = [1]":              "is not a string",
		"size = 1979-05-27":        "want a string",
		"size = ":                  "line 1",
		"\nsize = 1\nsize = 2\n":   "line 3",
		"size = 1\n\x00":           "line 2",
		"donor = { a = 'b' }":      "want a string",
		"ack = '''a\nb'''\nx = 12": `unknown key "x"`,
	} {
		var c configured
		err := applyConfig(text, c.flags())
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("%q: got %v, want %q in it", text, err, part)
		}
	}
}

// TestOverriddenKeyIsChecked: a wrong key does not hide behind a flag.
func TestOverriddenKeyIsChecked(t *testing.T) {
	var c configured
	f := c.flags()
	if err := f.Parse([]string{"--depth=64"}); err != nil {
		t.Fatal(err)
	}
	if err := applyConfig("depth = { a = 1 }", f); err == nil {
		t.Error("no error")
	}
}

// TestListIsReadAgain: a list that is gone, or in a file that cannot be used, is an error: nobody is let in
// by a file that is half written.
func TestListIsReadAgain(t *testing.T) {
	path := filepath.Join(t.TempDir(), "config.toml")
	put := func(text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	listOf := func(args ...string) ConfigList {
		t.Helper()
		cmd := &cobra.Command{Use: "x", RunE: func(cmd *cobra.Command, _ []string) error { return loadConfig(cmd) }}
		cmd.Flags().StringArray("allow", nil, "")
		WithConfig(cmd, filepath.Join(t.TempDir(), "none"))
		cmd.SetArgs(args)
		if err := cmd.Execute(); err != nil {
			t.Fatal(err)
		}
		return ListOf(cmd, "allow")
	}
	put("allow = ['a', 'b']\n")
	list := listOf("--config", path)
	if list.Path != path {
		t.Fatalf("the list is of %q", list.Path)
	}
	put("allow = ['c']\n")
	if names, err := list.Read(); err != nil || !slices.Equal(names, []string{"c"}) {
		t.Errorf("%v, %v", names, err)
	}
	for text, want := range map[string]error{"": ErrListGone, "allow = []\n": ErrListGone, "other = 1\n": ErrListGone, "allow = \n": nil, "allow = [1]\n": nil} {
		put(text)
		if names, err := list.Read(); err == nil || want != nil && !errors.Is(err, want) || !strings.Contains(err.Error(), path) {
			t.Errorf("%q: %v, %v", text, names, err)
		}
	}
	if err := errors.Join(os.Remove(path), unix.Mkfifo(path, 0o600)); err != nil {
		t.Fatal(err)
	}
	if _, err := list.Read(); !errors.Is(err, owned.ErrNotRegular) {
		t.Errorf("a FIFO: %v", err)
	}
	other := filepath.Join(filepath.Dir(path), "other.toml")
	if err := os.WriteFile(other, []byte("allow = ['a']\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{nil, {"--allow", "a"}, {"--config", other, "--allow", "a"}} {
		if list := listOf(args...); list != (ConfigList{}) {
			t.Errorf("%v: the list is of %q", args, list.Path)
		}
	}
}

func FuzzApplyConfig(f *testing.F) {
	f.Add("size = '16G'\ndepth = 8\naccept-loss = true\ndonor = ['a:1', 'b:2']\n")
	f.Add("size = ")
	f.Add("[a.b]\nc = 1979-05-27T07:32:00Z")
	f.Fuzz(func(t *testing.T, text string) {
		var c configured
		if err := applyConfig(text, c.flags()); err == nil && (c.size < 0 || c.config != "") {
			t.Errorf("%q gave %+v", text, c)
		}
	})
}
