package main

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/farswap/farswap/status"
)

func (a *app) donorStatus() *cobra.Command {
	var root string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "status [NAME]",
		Short: "Show a donor of this machine: its memory, devices and I/O",
		Args:  a.donorName,
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
				return printJSON(cmd.OutOrStdout(), d)
			}
			return writeDonor(cmd.OutOrStdout(), d, time.Now())
		},
	}
	rootFlag(cmd, &root)
	jsonFlag(cmd, &asJSON)
	return cmd
}

// donorName allows one argument.
func (a *app) donorName(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	return a.oneArg("NAME")(cmd, args)
}

// chosenDonor is the donor that was named, or the only one.
func chosenDonor(args []string, root string) (string, error) {
	if len(args) > 0 {
		return args[0], nil
	}
	folders, err := status.Folders(root)
	if err != nil {
		return "", err
	}
	var names []string
	for _, f := range folders {
		if f.Donor != "" {
			names = append(names, f.Donor)
		}
	}
	switch len(names) {
	case 0:
		return "", errors.New("no donor runs here: start one with `farswap donor`")
	case 1:
		return names[0], nil
	default:
		return "", usage("there are several donors, name one: %s", strings.Join(names, ", "))
	}
}

func writeDonor(w io.Writer, d status.DonorDaemon, now time.Time) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	insecure := ""
	if d.Insecure {
		insecure = ", INSECURE"
	}
	fmt.Fprintf(t, "%s\tserves %s, process %d, up %s%s\n", d.Name, d.Address, d.PID, humanAge(now.Sub(d.Started)), insecure)
	for _, way := range d.Transports {
		fmt.Fprintf(t, "over %s\t%s, %d connections, %d slabs\n", way.Name, way.Address, way.Connections, way.Slabs)
	}
	if len(d.Transports) == 0 {
		fmt.Fprintln(t, "over\tno transport: see the log")
	}
	m := d.Memory
	fmt.Fprintf(t, "memory\tlends %s of %s, %s free, %s prepared", humanBytes(m.Mapped), humanBytes(m.Total), humanBytes(m.Free), humanBytes(m.Prepared))
	if m.Returning > 0 {
		fmt.Fprintf(t, ", %s asked back", humanBytes(m.Returning))
	}
	fmt.Fprintf(t, "\nmachine\t%s: %s of %s available, headroom %s, room for %s more, tasks wait %.1f%%\n", orDash(d.State), humanBytes(m.Available),
		humanBytes(m.Machine), humanBytes(m.HeadRoom), humanBytes(m.Room), 100*m.Stall)
	fmt.Fprintf(t, "evicted\t%s\n", evictions(d, now))
	io := d.IO
	fmt.Fprintf(t, "I/O\treads %d (%s), writes %d (%s), refused %d\n", io.Reads, humanBytes(int64(io.BytesRead)),
		io.Writes, humanBytes(int64(io.BytesWritten)), io.Refused)
	writeIdentities(t, d.Identities)
	if len(d.Sessions)+len(d.Leases) > 0 {
		fmt.Fprintln(t, "\nDEVICE\tIDENTITY\tADDRESS\tSLABS\tSINCE")
	}
	for _, s := range d.Sessions {
		fmt.Fprintf(t, "%s\t%s\t%s\t%d\t%s ago\n", s.Device, orDash(s.Identity), s.Address, s.Slabs, humanAge(now.Sub(s.Since)))
	}
	for _, l := range d.Leases {
		fmt.Fprintf(t, "%s\t-\tlost\t%d\tkept for %s\n", l.Device, l.Slabs, humanAge(l.Expires.Sub(now)))
	}
	return t.Flush()
}

// evictions are what went back so far, and how the last of it did.
func evictions(d status.DonorDaemon, now time.Time) string {
	text := fmt.Sprintf("%d slabs (%s)", d.Evictions, humanBytes(int64(d.EvictedBytes)))
	e := d.LastEviction
	if e == nil {
		return text
	}
	text += fmt.Sprintf("; last %s ago: %d slabs of %s (%s)", humanAge(now.Sub(e.At)), e.Slabs, orDash(e.Device), e.Why)
	switch {
	case e.Leased:
		return text + " under lease"
	case e.Forced:
		text += ", its session was ended"
	}
	return text + fmt.Sprintf(", returned in %s", humanNanos(e.Choosing+e.Returning+e.Freeing))
}

// writeIdentities shows who has bounds. Those without are seen by their devices.
func writeIdentities(w io.Writer, list []status.DonorIdentity) {
	if !slices.ContainsFunc(list, func(i status.DonorIdentity) bool { return i.Most > 0 || i.Reserve > 0 }) {
		return
	}
	fmt.Fprintln(w, "\nIDENTITY\tHOLDS\tAT MOST\tRESERVED")
	for _, i := range list {
		most := "-"
		if i.Most > 0 {
			most = humanBytes(i.Most)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", orDash(i.Name), humanBytes(i.Mapped), most, humanBytes(i.Reserve))
	}
}
