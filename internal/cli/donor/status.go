package donor

import (
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/farswap/farswap/internal/cli/command"
	"github.com/farswap/farswap/internal/cli/flags"
	"github.com/farswap/farswap/internal/human"
	"github.com/farswap/farswap/status"
)

func statusCommand(a *command.App) *cobra.Command {
	var root string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "status [NAME]",
		Short: "Show a donor of this machine: its memory, devices and I/O",
		Args:  a.PerhapsOne,
		RunE: func(cmd *cobra.Command, args []string) error {
			name, err := chosenDonor(args, root)
			if err != nil {
				return err
			}
			d, err := status.FetchDonor(cmd.Context(), status.Socket(status.DonorDir(root, name)))
			if err != nil {
				return donorError(name, err)
			}
			if asJSON {
				return command.PrintJSON(cmd.OutOrStdout(), d)
			}
			return writeDonor(cmd.OutOrStdout(), d, time.Now())
		},
	}
	flags.StateRoot(cmd, &root)
	command.JSONFlag(cmd, &asJSON)
	return cmd
}

func writeDonor(w io.Writer, d status.DonorDaemon, now time.Time) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	insecure := ""
	if d.Insecure {
		insecure = ", INSECURE"
	}
	fmt.Fprintf(t, "%s\tserves %s, process %d, up %s%s\n", d.Name, d.Address, d.PID, human.Age(now.Sub(d.Started)), insecure)
	for _, way := range d.Transports {
		fmt.Fprintf(t, "over %s\t%s, %d connections, %d slabs\n", way.Name, way.Address, way.Connections, way.Slabs)
	}
	if len(d.Transports) == 0 {
		fmt.Fprintln(t, "over\tno transport: see the log")
	}
	m := d.Memory
	fmt.Fprintf(t, "memory\tlends %s of %s, %s free, %s prepared", human.Bytes(m.Mapped), human.Bytes(m.Total), human.Bytes(m.Free), human.Bytes(m.Prepared))
	if m.Returning > 0 {
		fmt.Fprintf(t, ", %s asked back", human.Bytes(m.Returning))
	}
	fmt.Fprintf(t, "\nmachine\t%s: %s of %s available, headroom %s, room for %s more, tasks wait %.1f%%\n", human.OrDash(d.State), human.Bytes(m.Available),
		human.Bytes(m.Machine), human.Bytes(m.HeadRoom), human.Bytes(m.Room), 100*m.Stall)
	fmt.Fprintf(t, "evicted\t%s\n", evictions(d, now))
	if u := d.Upgrade; u != nil {
		fmt.Fprintf(t, "upgrade\t%s\n", upgrade(*u, now))
	}
	io := d.IO
	fmt.Fprintf(t, "I/O\treads %d (%s), writes %d (%s), refused %d\n", io.Reads, human.Bytes(int64(io.BytesRead)),
		io.Writes, human.Bytes(int64(io.BytesWritten)), io.Refused)
	writeIdentities(t, d.Identities)
	if len(d.Sessions)+len(d.Leases) > 0 {
		fmt.Fprintln(t, "\nDEVICE\tIDENTITY\tADDRESS\tSLABS\tSINCE")
	}
	for _, s := range d.Sessions {
		fmt.Fprintf(t, "%s\t%s\t%s\t%d\t%s ago\n", s.Device, human.OrDash(s.Identity), s.Address, s.Slabs, human.Age(now.Sub(s.Since)))
	}
	for _, l := range d.Leases {
		fmt.Fprintf(t, "%s\t-\tlost\t%d\tkept for %s\n", l.Device, l.Slabs, human.Age(l.Expires.Sub(now)))
	}
	return t.Flush()
}

// evictions says how much went back so far, and how the last eviction went.
func evictions(d status.DonorDaemon, now time.Time) string {
	text := fmt.Sprintf("%d slabs (%s)", d.Evictions, human.Bytes(int64(d.EvictedBytes)))
	e := d.LastEviction
	if e == nil {
		return text
	}
	text += fmt.Sprintf("; last %s ago: %d slabs of %s (%s)", human.Age(now.Sub(e.At)), e.Slabs, human.OrDash(e.Device), e.Why)
	switch {
	case e.Leased:
		return text + " under lease"
	case e.Forced:
		text += ", its session was ended"
	}
	return text + fmt.Sprintf(", returned in %s", human.Nanos(e.Choosing+e.Returning+e.Freeing))
}

// upgrade says how the last upgrade went.
func upgrade(u status.DonorUpgrade, now time.Time) string {
	ago := human.Age(now.Sub(u.At))
	if u.Error != "" {
		return fmt.Sprintf("failed %s ago: %s", ago, u.Error)
	}
	return fmt.Sprintf("%s ago, from process %d; nobody served for %s", ago, u.From, human.Nanos(u.Paused))
}

// writeIdentities shows the identities if any of them has a bound. The list of devices shows
// the others.
func writeIdentities(w io.Writer, list []status.DonorIdentity) {
	if !slices.ContainsFunc(list, func(i status.DonorIdentity) bool { return i.Most > 0 || i.Reserve > 0 }) {
		return
	}
	fmt.Fprintln(w, "\nIDENTITY\tHOLDS\tAT MOST\tRESERVED")
	for _, i := range list {
		most := "-"
		if i.Most > 0 {
			most = human.Bytes(i.Most)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", human.OrDash(i.Name), human.Bytes(i.Mapped), most, human.Bytes(i.Reserve))
	}
}
