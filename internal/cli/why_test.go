package cli

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"github.com/farswap/farswap/internal/cli/command"
	"github.com/farswap/farswap/status"
)

func TestWhy(t *testing.T) {
	root := t.TempDir()
	d := testDevice()
	at := time.Date(2026, 7, 1, 12, 0, 0, 0, time.Local)
	d.Decisions = []status.Decision{
		{Seq: 1, At: at, Slab: 2, To: "mem2", Rule: "new-machine", Why: "it was the only donor without a slab of this device", Took: 3_700_000, Figures: []status.DonorFigures{}},
		{Seq: 2, At: at, Slab: 1, To: "mem1", Rule: "emptier", Why: "not of this slab", Figures: []status.DonorFigures{}},
		{Seq: 3, At: at.Add(time.Hour), Slab: 2, From: "mem2", To: "mem1", Rule: "slow-donor", Why: "mem2 was slow: p99 20ms", Took: 1_500_000_000, Figures: []status.DonorFigures{{Donor: "mem1", Free: 0.5}}},
		{Seq: 4, At: at.Add(2 * time.Hour), Slab: 2, From: "mem1", Rule: "slow-donor", Why: "no donor took it", Figures: []status.DonorFigures{}},
		{Seq: 5, At: at.Add(3 * time.Hour), Slab: 2, From: "mem1", Rule: "given-back", Why: "mem1 wanted its memory back", Figures: []status.DonorFigures{}},
		{Seq: 6, At: at.Add(4 * time.Hour), Slab: 2, Rule: "emptier", Why: "no donor took it: all full", Figures: []status.DonorFigures{}},
	}
	fakeServer(t, root, d, "")
	got := execute(t, root, "ublk", "why", "2", "--state-root", root)
	if got.code != command.ExitDone || got.stderr != "" {
		t.Fatalf("%+v", got)
	}
	requireLines(t, got.stdout, []string{
		"2026-07-01 12:00:00 slab 2 was mapped to mem2 in 3.7ms (new-machine)",
		"it was the only donor without a slab of this device",
		"2026-07-01 13:00:00 slab 2 moved from mem2 to mem1 in 1.5s (slow-donor)",
		"mem2 was slow: p99 20ms",
		"2026-07-01 14:00:00 slab 2 stayed at mem1 (slow-donor)",
		"no donor took it",
		"2026-07-01 15:00:00 slab 2 left mem1 for the backing file (given-back)",
		"mem1 wanted its memory back",
		"2026-07-01 16:00:00 slab 2 stayed in the backing file (emptier)",
		"no donor took it: all full",
	})
	got = execute(t, root, "ublk", "why", "2", "--id", d.Path, "--json", "--state-root", root)
	var back []status.Decision
	if err := json.Unmarshal([]byte(got.stdout), &back); err != nil || len(back) != 5 || !reflect.DeepEqual(back[2].Figures, d.Decisions[3].Figures) || back[1].Seq != 3 {
		t.Errorf("%+v, %v", got, err)
	}
	got = execute(t, root, "ublk", "why", "9", "--state-root", root)
	requireLines(t, got.stdout, []string{"slab 9: no donor has had it since the server's start, so it is in the backing file"})
	got = execute(t, root, "ublk", "why", "9", "--json", "--state-root", root)
	if got.stdout != "[]\n" {
		t.Errorf("%+v", got)
	}
	bad("a slab that is not there", 2, "ublk why 16 --state-root "+root, "slab 16|slabs 0 to 15").run(t, root)
	fakeDead(t, root, 7002)
	bad("which device", 2, "ublk why 2 --state-root "+root, "several devices").run(t, root)
	bad("a device without a server", 1, "ublk why 2 --id 7002 --state-root "+root, "ublkb7002|no server answers").run(t, root)
}
