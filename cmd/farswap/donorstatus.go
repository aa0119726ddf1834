package main

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"farswap/status"
)

func (a *app) donorStatus() *cobra.Command {
	var root string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "status [NAME]",
		Short: "Show a donor of this machine: its memory, devices and I/O",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return nil
			}
			return a.oneArg("NAME")(cmd, args)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			name, err := chosenDonor(args, root)
			if err != nil {
				return err
			}
			d, err := status.FetchDonor(cmd.Context(), status.Socket(status.DonorDir(root, name)))
			if errors.Is(err, status.ErrNoServer) {
				return fmt.Errorf("donor %s: %w: start it with `farswap donor`", name, err)
			}
			if err != nil {
				return err
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
	fmt.Fprintf(t, "memory\tlends %s of %s, %s free, %s prepared\n", humanBytes(m.Mapped), humanBytes(m.Total), humanBytes(m.Free), humanBytes(m.Prepared))
	io := d.IO
	fmt.Fprintf(t, "I/O\treads %d (%s), writes %d (%s), refused %d\n", io.Reads, humanBytes(int64(io.BytesRead)),
		io.Writes, humanBytes(int64(io.BytesWritten)), io.Refused)
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
