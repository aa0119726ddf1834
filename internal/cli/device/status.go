package device

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/farswap/farswap/internal/cli/command"
	"github.com/farswap/farswap/internal/cli/flags"
	"github.com/farswap/farswap/internal/human"
	"github.com/farswap/farswap/status"
	"github.com/farswap/farswap/swapdev"
	"github.com/farswap/farswap/ublk"
)

func statusCommand(a *command.App) *cobra.Command {
	var root string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "status [DEVICE]",
		Short: "Show a device: its donors, slabs, pages, I/O and latencies",
		Args:  a.PerhapsOne,
		RunE: func(cmd *cobra.Command, args []string) error {
			id, err := chosenDevice(args, root)
			if err != nil {
				return err
			}
			d, err := status.Fetch(cmd.Context(), status.Socket(status.StateDir(root, id)))
			if errors.Is(err, status.ErrNoServer) {
				return fmt.Errorf("%s: %w: see `farswap ublk list`", ublk.BlockPath(id), err)
			}
			if err != nil {
				return err
			}
			if asJSON {
				return command.PrintJSON(cmd.OutOrStdout(), d)
			}
			return writeStatus(cmd.OutOrStdout(), d, time.Now())
		},
	}
	flags.StateRoot(cmd, &root)
	command.JSONFlag(cmd, &asJSON)
	return cmd
}

// writeStatus shows a device: one line for each subject, then its donors, its latencies and
// its last events. The slabs come last; neighbours that are alike share a line.
func writeStatus(w io.Writer, d status.Device, now time.Time) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "%s\t%s\n", d.Path, strings.Join(headline(d, now), ", "))
	if d.Degraded {
		fmt.Fprintf(t, "degraded\t%s\n", d.Reason)
	}
	if d.DonorsIgnored > 0 {
		fmt.Fprintf(t, "ignored\t%d donors of the cluster: the device has as many as it can have\n", d.DonorsIgnored)
	}
	fmt.Fprintf(t, "shape\t%s in slabs of %s, %d queues × %d requests of up to %s, ublk %s\n", human.Bytes(d.Size),
		human.Bytes(d.SlabSize), d.Queues, d.Depth, human.Bytes(int64(d.MaxIO)), human.OrDash(strings.Join(d.Ublk, " ")))
	fmt.Fprintf(t, "copies\t%s over %s, backing %s\n", human.OrDash(d.Ack), over(d), backing(d))
	p := d.Pages
	fmt.Fprintf(t, "pages\tremote %d, backing %d, both %d, none %d", p.Remote, p.Backing, p.Both, p.None)
	if p.Lost > 0 {
		fmt.Fprintf(t, ", lost %d", p.Lost)
	}
	fmt.Fprintln(t)
	io := d.IO
	fmt.Fprintf(t, "requests\treads %d (%s), writes %d (%s), discards %d, flushes %d\n", io.Reads, human.Bytes(int64(io.BytesRead)),
		io.Writes, human.Bytes(int64(io.BytesWritten)), io.Discards, io.Flushes)
	fmt.Fprintf(t, "page I/O\tremote %d in %d out, backing %d in %d out, zeros %d", io.RemoteReads, io.RemoteWrites,
		io.BackingReads, io.BackingWrites, io.ZeroReads)
	if io.Prefetched > 0 {
		fmt.Fprintf(t, ", %d fetched ahead and %d of them used (%.0f%%)", io.Prefetched, io.PrefetchHits,
			100*float64(io.PrefetchHits)/float64(io.Prefetched))
	}
	fmt.Fprintln(t)
	if io.HedgedReads > 0 {
		fmt.Fprintf(t, "late donors\t%d reads were asked for a second time, %d of them answered by the backing file first\n", io.HedgedReads, io.HedgedWins)
	}
	fmt.Fprintf(t, "trouble\terrors %d, corrupt %d, failovers %d", io.Errors, io.Corrupt, io.Failovers)
	if io.Forged > 0 {
		fmt.Fprintf(t, ", FORGED %d", io.Forged)
	}
	if d.UblkRefused > 0 {
		fmt.Fprintf(t, ", commands that the driver refused %d", d.UblkRefused)
	}
	if d.LogDropped > 0 {
		fmt.Fprintf(t, ", lines of the log dropped %d", d.LogDropped)
	}
	fmt.Fprintln(t)
	if m := d.Moves; m.Slabs+m.Dropped > 0 {
		fmt.Fprintf(t, "given back\t%d slabs moved, the last in %s, %d dropped", m.Slabs, human.Nanos(m.Last), m.Dropped)
		if m.Slow > 0 {
			fmt.Fprintf(t, "; %d of them left slow donors", m.Slow)
		}
		fmt.Fprintln(t)
	}
	if r := d.Scrub; r.Backed+r.Warmed+r.Mended > 0 || r.Lacking > 0 {
		fmt.Fprintf(t, "put right\t%d pages brought to the backing file, which lacks %d now, %d to donors, %d bad copies written anew\n",
			r.Backed, r.Lacking, r.Warmed, r.Mended)
	}
	fmt.Fprintf(t, "latency\tread %s\n\twrite %s\n", quantiles(d.Latency.Read), quantiles(d.Latency.Write))
	if line := probesLine(d); line != "" {
		fmt.Fprintf(t, "probes\t%s\n", line)
	}
	fmt.Fprintf(t, "memory\t%.2f bytes per page (%.3f%% of the device), %s\n", d.Memory.PerPage, d.Memory.PerPageShare,
		lockedWords(d.Memory))
	if err := t.Flush(); err != nil {
		return err
	}
	if err := writeDonors(w, d.Donors); err != nil {
		return err
	}
	if err := errors.Join(writeLatencies(w, d), writeSlowest(w, d), writeLastEvents(w, d)); err != nil {
		return err
	}
	return writeSlabs(w, d.Slabs)
}

// headline is what a device is and does, in a few words.
func headline(d status.Device, now time.Time) []string {
	words := []string{d.State, "target " + human.OrDash(d.Target)}
	if d.Swap {
		words = append(words, "swapped on")
	}
	if d.Insecure {
		words = append(words, "INSECURE")
	}
	if d.Target == "swap" && !d.Sealed {
		words = append(words, "PAGES NOT SEALED")
	}
	words = append(words, fmt.Sprintf("served by process %d", d.PID))
	if !d.Started.IsZero() {
		words = append(words, "up "+human.Age(now.Sub(d.Started)))
	}
	return words
}

// over says how a device's pages travel, and the setting where it leaves a choice.
func over(d status.Device) string {
	if d.TransportSetting == "" || d.TransportSetting == d.Transport {
		return human.OrDash(d.Transport)
	}
	return fmt.Sprintf("%s (%s)", d.Transport, d.TransportSetting)
}

func backing(d status.Device) string {
	if d.Backing != "" && d.Backing != swapdev.NoBacking && !d.BackingOK {
		return d.Backing + " (FAILED)"
	}
	return human.OrDash(d.Backing)
}

func quantiles(q status.Quantiles) string {
	return fmt.Sprintf("p50 %s, p99 %s, p999 %s", human.Nanos(q.P50), human.Nanos(q.P99), human.Nanos(q.P999))
}

func writeDonors(w io.Writer, donors []status.Donor) error {
	if len(donors) == 0 {
		return nil
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "\nDONOR\tADDRESS\tSTATE\tOVER\tSLABS\tFREE\tP50\tP99\tNOTE")
	for _, d := range donors {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%d\t%s\t%s\t%s\t%s\n", human.OrDash(d.Name), d.Address, d.State, human.OrDash(d.Transport), d.Slabs,
			human.Bytes(d.Free), human.Nanos(d.Latency.P50), human.Nanos(d.Latency.P99), donorNote(d))
	}
	return t.Flush()
}

// donorNote says what is wrong with a donor, empty if nothing is.
func donorNote(d status.Donor) string {
	if d.Error != "" || !d.Slow {
		return d.Error
	}
	if d.P99 == 0 {
		return "slow"
	}
	return fmt.Sprintf("slow: p99 %s, %s when all is well", human.Nanos(d.P99), human.Nanos(d.Baseline))
}

// slabRun is a run of neighbouring slabs in one state on one donor.
type slabRun struct {
	first, last int
	state       string
	donor       string
	activity    float64
	remotePages int64
}

func slabRuns(slabs []status.Slab) []slabRun {
	slabs = slices.SortedFunc(slices.Values(slabs), func(a, b status.Slab) int { return cmp.Compare(a.Index, b.Index) })
	var runs []slabRun
	for _, s := range slabs {
		if n := len(runs) - 1; n >= 0 && runs[n].last+1 == s.Index && runs[n].state == s.State && runs[n].donor == s.Donor {
			runs[n].last = s.Index
			runs[n].activity += s.Activity
			runs[n].remotePages += s.RemotePages
			continue
		}
		runs = append(runs, slabRun{s.Index, s.Index, s.State, s.Donor, s.Activity, s.RemotePages})
	}
	return runs
}

func writeSlabs(w io.Writer, slabs []status.Slab) error {
	if len(slabs) == 0 {
		return nil
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "\nSLABS\tSTATE\tDONOR\tPAGES/S\tREMOTE PAGES")
	for _, r := range slabRuns(slabs) {
		which := fmt.Sprint(r.first)
		if r.last > r.first {
			which = fmt.Sprintf("%d-%d", r.first, r.last)
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%.1f\t%d\n", which, r.state, human.OrDash(r.donor), r.activity, r.remotePages)
	}
	return t.Flush()
}
