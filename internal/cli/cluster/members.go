package cluster

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
	"github.com/farswap/farswap/internal/cli/command"
	"github.com/farswap/farswap/internal/cli/flags"
	"github.com/farswap/farswap/internal/cli/usage"
	"github.com/farswap/farswap/internal/human"
)

// donorLine is one line of `cluster members`.
type donorLine struct {
	Name       string `json:"name"`
	Address    string `json:"address"`
	Free       int64  `json:"free"`  // bytes, as last announced
	Total      int64  `json:"total"` // bytes
	AgeMS      int64  `json:"age_ms"`
	UpSeconds  int64  `json:"up_seconds"`            // how long it had announced then
	RefusedFor string `json:"refused_for,omitempty"` // address of the donor that has its name; free and all after it are 0
}

func membersCommand(a *command.App) *cobra.Command {
	o := &flags.Gossip{}
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "members --gossip-key FILE --join HOST:PORT…",
		Short: "Join a cluster as an observer and list its donors",
		Args:  a.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			if !o.Given() || len(o.Join) == 0 {
				return usage.Errorf("--gossip-key FILE and --join HOST:PORT are needed")
			}
			ctx, cancel := signal.NotifyContext(cmd.Context(), unix.SIGINT, unix.SIGTERM)
			defer cancel()
			g, err := o.Open(ctx, a.Log, true)
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, g.Close()) }()
			donors := listDonors(g.Donors(), g.Conflicts(), time.Now())
			if asJSON {
				return command.PrintJSON(cmd.OutOrStdout(), donors)
			}
			return writeDonors(cmd.OutOrStdout(), donors, g.Stats())
		},
	}
	o.Register(cmd.Flags())
	command.JSONFlag(cmd, &asJSON)
	return cmd
}

// listDonors puts those that are refused last.
func listDonors(donors []cluster.Donor, conflicts []cluster.Conflict, now time.Time) []donorLine {
	lines := []donorLine{} // not null in JSON
	for _, d := range donors {
		lines = append(lines, donorLine{
			Name: d.Name, Address: d.Address, Free: d.Free, Total: d.Total,
			AgeMS: now.Sub(d.Seen).Milliseconds(), UpSeconds: int64(d.Up.Seconds()),
		})
	}
	for _, c := range conflicts {
		lines = append(lines, donorLine{Name: c.Name, Address: c.Refused, RefusedFor: c.Address})
	}
	return lines
}

func writeDonors(w io.Writer, donors []donorLine, stats cluster.Stats) error {
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
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\n", d.Name, d.Address, human.Bytes(d.Free), human.Bytes(d.Total),
			human.Age(time.Duration(d.AgeMS)*time.Millisecond), human.Age(time.Duration(d.UpSeconds)*time.Second))
	}
	return t.Flush()
}
