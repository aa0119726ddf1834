package main

import (
	"errors"
	"fmt"
	"io"
	"os/signal"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"github.com/farswap/farswap/cluster"
)

// clusterDonor is one line of `cluster members`.
type clusterDonor struct {
	Name       string `json:"name"`
	Address    string `json:"address"`
	Free       int64  `json:"free"`  // bytes, as last announced
	Total      int64  `json:"total"` // bytes
	AgeMS      int64  `json:"age_ms"`
	UpSeconds  int64  `json:"up_seconds"`            // how long it had announced then
	RefusedFor string `json:"refused_for,omitempty"` // address of the donor that has its name; free and all after it are 0
}

func (a *app) clusterMembers() *cobra.Command {
	o := &clusterOptions{}
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "members --gossip-key FILE --join HOST:PORT…",
		Short: "Join a cluster as an observer and list its donors",
		Args:  a.noArgs,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			if !o.given() || len(o.join) == 0 {
				return usage("--gossip-key FILE and --join HOST:PORT are needed")
			}
			ctx, cancel := signal.NotifyContext(cmd.Context(), unix.SIGINT, unix.SIGTERM)
			defer cancel()
			g, err := o.gossip(ctx, a.log, true)
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, g.Close()) }()
			donors := clusterDonors(g.Donors(), g.Conflicts(), time.Now())
			if asJSON {
				return printJSON(cmd.OutOrStdout(), donors)
			}
			return writeClusterDonors(cmd.OutOrStdout(), donors, g.Stats())
		},
	}
	o.flags(cmd.Flags())
	jsonFlag(cmd, &asJSON)
	return cmd
}

// clusterDonors puts those that are refused last.
func clusterDonors(donors []cluster.Donor, conflicts []cluster.Conflict, now time.Time) []clusterDonor {
	lines := []clusterDonor{} // not null in JSON
	for _, d := range donors {
		lines = append(lines, clusterDonor{
			Name: d.Name, Address: d.Address, Free: d.Free, Total: d.Total,
			AgeMS: now.Sub(d.Seen).Milliseconds(), UpSeconds: int64(d.Up.Seconds()),
		})
	}
	for _, c := range conflicts {
		lines = append(lines, clusterDonor{Name: c.Name, Address: c.Refused, RefusedFor: c.Address})
	}
	return lines
}

func writeClusterDonors(w io.Writer, donors []clusterDonor, stats cluster.Stats) error {
	if len(donors) == 0 {
		_, err := fmt.Fprintf(w, "no donors; %d members that only listen\n", stats.Members)
		return err
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "DONOR\tADDRESS\tFREE\tTOTAL\tAGE\tUP\tNOTE")
	for _, d := range donors {
		if d.RefusedFor != "" {
			fmt.Fprintf(t, "%s\t%s\t-\t-\t-\t-\trefused: %s has its name\n", d.Name, d.Address, d.RefusedFor)
			continue
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\n", d.Name, d.Address, humanBytes(d.Free), humanBytes(d.Total),
			humanAge(time.Duration(d.AgeMS)*time.Millisecond), humanAge(time.Duration(d.UpSeconds)*time.Second))
	}
	return t.Flush()
}
