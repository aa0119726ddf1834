package main

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/farswap/farswap/benchmarks/pathmodel"
	"github.com/farswap/farswap/swapdev"
)

func TestDefaults(t *testing.T) {
	var said strings.Builder
	o, err := parse(nil, "self", &said)
	c := o.config
	if err != nil || said.String() != "" || o.json || c.Realtime || c.DeviceProcess {
		t.Fatalf("%+v, %v, %q", o, err, said.String())
	}
	if !slices.Equal(c.Modes, []pathmodel.Mode{pathmodel.One, pathmodel.Apart, pathmodel.Free}) || !slices.Equal(c.Threads, []int{1, 8}) ||
		!slices.Equal(c.Ops, []string{pathmodel.Read, pathmodel.Write}) || c.Seal != swapdev.SealOff || c.Size != 64<<20 || c.Turns < 3 {
		t.Errorf("%+v", c)
	}
	// Two minutes: 12 cells, 3 turns of 3 contenders each, and as much again for the rest.
	if all := time.Duration(12*3*c.Turns) * c.Time; all > 80*time.Second {
		t.Errorf("the turns alone take %v", all)
	}
}

func TestOptions(t *testing.T) {
	args := []string{
		"--modes", "free,one", "--threads", "3", "--ops", "write", "--cpus", "3,2", "--mib", "32", "--seal", "on",
		"--time", "2s", "--turns", "5", "--realtime", "--device-process", "--json", "--farswap", "/opt/farswap",
	}
	o, err := parse(args, "self", &strings.Builder{})
	c := o.config
	if err != nil || !o.json || !c.Realtime || !c.DeviceProcess || c.Time != 2*time.Second || c.Turns != 5 || c.Size != 32<<20 || c.Seal != swapdev.SealOn {
		t.Fatalf("%+v, %v", o, err)
	}
	if !slices.Equal(c.Modes, []pathmodel.Mode{pathmodel.Free, pathmodel.One}) || !slices.Equal(c.Threads, []int{3}) || !slices.Equal(c.CPUs, []int{3, 2}) ||
		!slices.Equal(c.Ops, []string{pathmodel.Write}) || !slices.Equal(c.Donor, []string{"/opt/farswap", "donor"}) || !slices.Equal(c.Self, []string{"self", partWord}) {
		t.Errorf("%+v", c)
	}
}

// TestBadCommandLines end with the exit code of usage, say why, and start nothing.
func TestBadCommandLines(t *testing.T) {
	for _, line := range []string{
		"--modes two", "--modes one,one", "--modes=", "--threads 0", "--threads 1,x", "--threads 65", "--ops trim", "--cpus 1,1", "--cpus 0 --modes apart",
		"--cpus x", "--mib 7", "--mib 10", "--mib -1", "--mib 17592186044480", "--seal maybe", "--time 0s", "--time soon", "--time -1s", "--turns 0", "--turns 101",
		"--colour", "more", "part", "part kernel {}", "part device {",
	} {
		var said, out strings.Builder
		if code := run(strings.Fields(line), "self", strings.NewReader(""), &out, &said); code != exitUsage || said.Len() == 0 || out.Len() > 0 {
			t.Errorf("%s: exit code %d, said %q, printed %q", line, code, said.String(), out.String())
		}
	}
}

func TestHelp(t *testing.T) {
	var said strings.Builder
	if code := run([]string{"--help"}, "self", nil, nil, &said); code != 0 || !strings.Contains(said.String(), "-realtime") {
		t.Errorf("exit code %d: %q", code, said.String())
	}
}
