package remedy

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/farswap/farswap/internal/inuse"
	"github.com/farswap/farswap/status"
	"github.com/farswap/farswap/ublk"
)

var (
	swap  = inuse.Use{Kind: inuse.Swap, Where: "/dev/ublkb4"}
	mount = inuse.Use{Kind: inuse.Mount, Where: "/mnt"}
	above = inuse.Use{Kind: inuse.Holder, Where: "/dev/dm-0"}
	full  = []inuse.Area{{Path: "/dev/ublkb4", Size: 1 << 30, Used: 35 << 20}}
	empty = []inuse.Area{{Path: "/dev/ublkb4", Size: 1 << 30}}
)

const (
	del      = "`farswap ublk del 4`"
	force    = "`farswap ublk del --force 4`"
	recovery = "`farswap ublk recover 4`"
)

// TestAdvice: each state has its own advice, and the command that it names is one that works there.
func TestAdvice(t *testing.T) {
	for name, tc := range map[string]struct {
		facts Facts
		note  string // a part of it
		do    string // all commands that are named, in order
	}{
		"it lives":                  {Facts{Ours: true, Server: true, Kernel: Served, Uses: []inuse.Use{swap}, Swap: full}, "", ""},
		"it starts":                 {Facts{Ours: true, Server: true, Kernel: Absent}, "", ""},
		"another program's":         {Facts{Kernel: Served}, "", ""},
		"the driver does not say":   {Facts{Kernel: Unknown}, "", ""},
		"ours, and it does not say": {Facts{Ours: true, Kernel: Unknown}, "is gone", "run this as root to see what helps"},
		"none":                      {Facts{}, "", ""},
		"folder only":               {Facts{Ours: true}, "only its state folder", del},
		"served without a lock":     {Facts{Ours: true, Kernel: Served}, "does not hold", "end that process first"},
		"unused":                    {Facts{Ours: true, Kernel: Waiting}, "nothing uses it", del},
		"unused, with state":        {Facts{Ours: true, Kept: true, Kernel: Waiting}, "nothing uses it", del},
		"swap, with state":          {Facts{Ours: true, Kept: true, Kernel: Waiting, Uses: []inuse.Use{swap}, Swap: full}, "I/O waits; no page is lost", recovery},
		"mounted, with state":       {Facts{Ours: true, Kept: true, Kernel: Failing, Uses: []inuse.Use{mount}}, "I/O fails; no page is lost", recovery},
		"swap":                      {Facts{Ours: true, Kernel: Waiting, Uses: []inuse.Use{swap}, Swap: full}, "35M of swap on it are lost", force},
		"swap whose I/O fails":      {Facts{Ours: true, Kernel: Failing, Uses: []inuse.Use{swap}, Swap: full}, "its I/O fails; 35M", force},
		"swap without a page":       {Facts{Ours: true, Kernel: Waiting, Uses: []inuse.Use{swap}, Swap: empty}, "no page is on it", force},
		"mounted":                   {Facts{Ours: true, Kernel: Waiting, Uses: []inuse.Use{mount}}, "what is on it is lost", force + " `umount /mnt`"},
		"held":                      {Facts{Ours: true, Kernel: Waiting, Uses: []inuse.Use{above, mount}}, "is lost", force + " remove /dev/dm-0 `umount /mnt`"},
		"stopped":                   {Facts{Ours: true, Kernel: Stopped}, "so is its block device", del},
		"stopped, not ours":         {Facts{Kernel: Stopped}, "no block device", force},
		"stopped under swap":        {Facts{Ours: true, Kernel: Stopped, Uses: []inuse.Use{swap}, Swap: full}, "nothing can take this swap off", "restart the machine"},
		"stopped under a mount":     {Facts{Ours: true, Kernel: Stopped, Uses: []inuse.Use{mount}}, "still used", "`umount /mnt` " + del},
		"another's, dead":           {Facts{Kernel: Waiting}, "another program made it", force},
	} {
		t.Run(name, func(t *testing.T) {
			tc.facts.ID = 4
			got := tc.facts.Advice()
			if tc.note == "" && got != (Advice{}) || !strings.Contains(got.Note, tc.note) {
				t.Errorf("note: got %q, want %q in it", got.Note, tc.note)
			}
			rest := got.Do
			for _, part := range commands(tc.do) {
				_, after, ok := strings.Cut(rest, part)
				if !ok {
					t.Errorf("advice %q lacks %q there", got.Do, part)
				}
				rest = after
			}
			if strings.Count(got.Do, "`") != strings.Count(tc.do, "`") {
				t.Errorf("advice %q names other commands than %q", got.Do, tc.do)
			}
			if strings.Contains(got.String(), "`swapoff") {
				t.Errorf("%q sends to a command that does not end", got)
			}
		})
	}
}

// commands splits a list of commands in backquotes, and of words between them.
func commands(list string) []string {
	var parts []string
	for i, s := range strings.Split(list, "`") {
		if i%2 == 1 {
			s = "`" + s + "`"
		}
		if s = strings.TrimSpace(s); s != "" {
			parts = append(parts, s)
		}
	}
	return parts
}

func TestRelease(t *testing.T) {
	f := Facts{ID: 4, Uses: []inuse.Use{swap, mount}}
	if got := f.Release(); !strings.Contains(got, "`farswap ublk stop --swapoff 4`") || !strings.Contains(got, "`umount /mnt`") {
		t.Errorf("got %q", got)
	}
	if got := (Facts{}).Release(); got != "" {
		t.Errorf("unused: got %q", got)
	}
}

// TestLook looks at folders that no server holds, for a number that no device has.
func TestLook(t *testing.T) {
	const id = 7003
	root := t.TempDir()
	look := func() Facts {
		t.Helper()
		f, err := Look(root, id)
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	if f := look(); f.Ours || f.Server || f.Kept || len(f.Uses) > 0 || f.Advice() != (Advice{}) {
		t.Errorf("nothing there: got %+v", f)
	}
	lock, err := status.Acquire(status.StateDir(root, id))
	if err != nil {
		t.Fatal(err)
	}
	if f := look(); !f.Ours || !f.Server {
		t.Errorf("with a server: got %+v", f)
	}
	if err := lock.Release(); err != nil {
		t.Fatal(err)
	}
	kept := filepath.Join(root, "noswap", "7003")
	if err := os.MkdirAll(kept, 0o700); err != nil {
		t.Fatal(err)
	}
	if f := look(); !f.Ours || f.Server || f.Kept {
		t.Errorf("without a server: got %+v", f)
	}
	if err := os.WriteFile(filepath.Join(kept, "map"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if f := look(); !f.Kept || f.Path() != "/dev/ublkb7003" {
		t.Errorf("with kept state: got %+v", f)
	}
}

func TestDoing(t *testing.T) {
	gone := int32(1 << 29) // above every process id
	for want, info := range map[Kernel]ublk.DevInfo{
		Served:  {State: ublk.StateLive, ServerPID: int32(os.Getpid())},
		Waiting: {State: ublk.StateQuiesced},
		Failing: {State: ublk.StateFailIO},
		Stopped: {State: ublk.StateDead},
		Unknown: {State: 99},
	} {
		if got := doing(info); got != want {
			t.Errorf("%v: got %v, want %v", info.State, got, want)
		}
	}
	if got := doing(ublk.DevInfo{State: ublk.StateLive, ServerPID: gone}); got != Waiting {
		t.Errorf("live without a process: got %v", got)
	}
}
