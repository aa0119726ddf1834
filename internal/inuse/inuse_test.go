package inuse

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const swapsHead = "Filename\tType\tSize\tUsed\tPriority\n"

func TestFind(t *testing.T) {
	sys := map[string]string{
		"sys/class/block/ublkb1/dev":          "259:3\n",
		"sys/class/block/ublkb1/holders/":     "",
		"sys/class/block/ublkb1/ublkb1p2/dev": "259:5\n",
		"sys/class/block/ublkb10/dev":         "259:9\n",
	}
	for name, tc := range map[string]struct {
		files map[string]string
		want  []Use
	}{
		"nothing":       {nil, nil},
		"other swap":    {map[string]string{"proc/swaps": swapsHead + "/dev/ublkb10 partition 1 0 -2\n/swap\\040file file 1 0 -3\n"}, nil},
		"swap":          {map[string]string{"proc/swaps": swapsHead + "/dev/ublkb1 partition 1048572 0 -2\n"}, []Use{{Swap, "/dev/ublkb1"}}},
		"partition":     {map[string]string{"proc/swaps": swapsHead + "/dev/ublkb1p2 partition 1048572 0 -2\n"}, []Use{{Swap, "/dev/ublkb1p2"}}},
		"node removed":  {map[string]string{"proc/swaps": swapsHead + "/dev/ublkb1\\040(deleted) partition 1048572 0 -2\n"}, []Use{{Swap, "/dev/ublkb1 (deleted)"}}},
		"mount":         {map[string]string{"proc/self/mountinfo": "36 35 259:3 / /mnt/a\\040b rw,noatime shared:1 - ext4 /dev/root rw\n"}, []Use{{Mount, "/mnt/a b"}}},
		"both see it":   {map[string]string{"proc/self/mountinfo": "36 35 259:5 / /m rw - ext4 x rw\n", "proc/1/mountinfo": "99 35 259:5 / /m rw - ext4 x rw\n"}, []Use{{Mount, "/m"}}},
		"by source":     {map[string]string{"proc/1/mountinfo": "36 35 0:44 / /m rw - btrfs /dev/ublkb1 rw\n"}, []Use{{Mount, "/m"}}},
		"tmpfs of name": {map[string]string{"proc/1/mountinfo": "36 35 0:44 / /m rw - tmpfs ublkb1 rw\nshort - \n\n"}, nil},
		"holder":        {map[string]string{"sys/class/block/ublkb1/holders/dm-0": ""}, []Use{{Holder, "/dev/dm-0"}}},
	} {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			write(t, root, sys)
			write(t, root, tc.files)
			got, err := find(root, "ublkb1")
			if err != nil || !slices.Equal(got, tc.want) {
				t.Errorf("got %v, %v; want %v", got, err, tc.want)
			}
		})
	}
}

func write(t *testing.T, root string, files map[string]string) {
	t.Helper()
	for name, content := range files {
		path := filepath.Join(root, name)
		dir := filepath.Dir(path)
		if strings.HasSuffix(name, "/") {
			dir = path
		}
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		if dir == path {
			continue
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func TestFindHere(t *testing.T) {
	uses, err := Find("/dev/nothing-of-this-name")
	if err != nil || len(uses) != 0 {
		t.Errorf("got %v, %v", uses, err)
	}
}

func TestAdvice(t *testing.T) {
	for use, want := range map[Use]string{
		{Swap, "/dev/ublkb0"}: "swapoff /dev/ublkb0",
		{Mount, "/mnt"}:       "umount /mnt",
		{Holder, "/dev/dm-0"}: "/dev/dm-0",
	} {
		if got := use.String(); !strings.Contains(got, want) {
			t.Errorf("%v: %q lacks %q", use.Kind, got, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(swapsHead + "/dev/ublkb1 partition 1 0 -2\n")
	f.Add("36 35 259:3 / /mnt\\040\\134 rw - ext4 /dev/ublkb1 rw\n")
	f.Add("\\777\\04")
	d := device{names: map[string]bool{"ublkb1": true}, numbers: map[string]bool{"259:3": true}}
	f.Fuzz(func(t *testing.T, text string) {
		for _, parse := range []func() ([]Use, error){
			func() ([]Use, error) { return d.swaps(strings.NewReader(text)) },
			func() ([]Use, error) { return d.mounts(strings.NewReader(text)) },
		} {
			uses, err := parse()
			if err != nil && len(text) < 64<<10 {
				t.Errorf("%q: %v", text, err)
			}
			if len(uses) > 0 && !strings.Contains(text, "ublkb1") && !strings.Contains(text, "259:3") && !strings.Contains(text, `\`) {
				t.Errorf("%q gave %v", text, uses)
			}
		}
		if got := unescape(text); len(got) > len(text) || !strings.Contains(text, `\`) && got != text {
			t.Errorf("unescape(%q) = %q", text, got)
		}
	})
}
