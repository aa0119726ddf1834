package doctor

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"github.com/farswap/farswap/internal/cli/process"
	"github.com/farswap/farswap/internal/cli/remedy"
	"github.com/farswap/farswap/internal/machine"
	"github.com/farswap/farswap/status"
	"github.com/farswap/farswap/ublk"
)

// askTimeout bounds the question to one server.
const askTimeout = 2 * time.Second

// servedChecks are about the devices and donors that are served here, and about devices whose
// server is gone: what somebody should look at. One that is well, or that does not answer, has
// none. They are about vm.page-cluster, too, which these devices say something about. Root alone
// may ask.
func servedChecks(ctx context.Context, m *machine.Machine, root string) []check {
	folders, err := status.Folders(root)
	if err != nil {
		return nil
	}
	var checks []check
	var reads status.IO // of all swap devices
	for _, f := range folders {
		switch {
		case f.Alive && f.Donor != "":
			checks = append(checks, askDonor(ctx, f)...)
		case f.Alive:
			checks = append(checks, askDevice(ctx, f, &reads)...)
		case f.Donor == "":
			checks = append(checks, unserved(root, f.ID)...)
		}
	}
	return append(checks, clusterChecks(m, reads)...)
}

// unserved is about a device whose server is gone.
func unserved(root string, id int) []check {
	facts, err := remedy.Look(root, id)
	if err != nil {
		return nil
	}
	advice := facts.Advice()
	if advice == (remedy.Advice{}) { // a server has just come
		return nil
	}
	return []check{{
		Area: areaServed, Name: filepath.Base(facts.Path()), State: machine.Warn,
		Found: advice.Note, Advice: advice.Do,
	}}
}

func askDonor(ctx context.Context, f status.Folder) []check {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	d, err := status.FetchDonor(ctx, status.Socket(f.Dir))
	if err != nil {
		return nil
	}
	name := "donor " + f.Donor
	return append(logChecks(name, d.LogDropped), certificateChecks(name, d.Certificate)...)
}

// askDevice adds what the device has read to reads, if it is swap.
func askDevice(ctx context.Context, f status.Folder, reads *status.IO) []check {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	d, err := status.FetchSummary(ctx, status.Socket(f.Dir))
	if err != nil {
		return nil
	}
	if d.Swap {
		reads.Reads += d.IO.Reads
		reads.BytesRead += d.IO.BytesRead
		reads.RemoteReads += d.IO.RemoteReads
		reads.Prefetched += d.IO.Prefetched
		reads.PrefetchHits += d.IO.PrefetchHits
	}
	return deviceTrouble(filepath.Base(ublk.BlockPath(f.ID)), d)
}

// deviceTrouble is what a device tells of itself that somebody should look at.
func deviceTrouble(name string, d status.Device) []check {
	checks := append(logChecks(name, d.LogDropped), certificateChecks(name, d.Certificate)...)
	if d.DonorsIgnored > 0 {
		checks = append(checks, check{
			Area: areaServed, Name: name, State: machine.Warn,
			Found:  fmt.Sprintf("%d donors of its cluster are ignored: it has %d, as many as it can have", d.DonorsIgnored, len(d.Donors)),
			Advice: "join it to a smaller cluster, or restart its server when donors are gone for good",
		})
	}
	if d.UblkRefused > 0 {
		checks = append(checks, check{
			Area: areaServed, Name: name, State: machine.Warn,
			Found:  fmt.Sprintf("the driver has refused %d commands of its queues", d.UblkRefused),
			Advice: "its log says why; if memory was short, raise vm.min_free_kbytes",
		})
	}
	return checks
}

// certificateChecks are about a certificate that ends soon, has ended, or states no role.
func certificateChecks(name string, c *status.Certificate) []check {
	if c == nil {
		return nil
	}
	var checks []check
	say := func(found, advice string) {
		checks = append(checks, check{Area: areaServed, Name: name, State: machine.Warn, Found: found, Advice: advice})
	}
	const renew = "`farswap cert renew` it and copy its folder; the server reads it again"
	switch days := c.SecondsLeft / 86400; {
	case c.SecondsLeft <= 0:
		say(fmt.Sprintf("its certificate %s ended %s", c.Name, c.NotAfter.UTC().Format(time.DateOnly)), renew)
	case c.SecondsLeft <= int64(process.EndsSoon.Seconds()):
		say(fmt.Sprintf("its certificate %s ends in %d days", c.Name, days), renew)
	}
	if !c.RolesStated {
		say(fmt.Sprintf("its certificate %s states no role, and a later release will refuse it", c.Name), "`farswap cert renew --role` it")
	}
	return checks
}

func logChecks(name string, dropped uint64) []check {
	if dropped == 0 {
		return nil
	}
	return []check{{
		Area: areaServed, Name: name, State: machine.Warn,
		Found:  fmt.Sprintf("%d lines of its log were dropped", dropped),
		Advice: "nobody read them in time: look at what reads its standard error",
	}}
}
