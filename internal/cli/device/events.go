package device

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/signal"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"github.com/farswap/farswap/internal/cli/command"
	"github.com/farswap/farswap/internal/cli/flags"
	"github.com/farswap/farswap/status"
	"github.com/farswap/farswap/ublk"
)

// followPause is the time between two questions of `events --follow`. When a device has more
// than status.MaxEvents events in that time, the first of them are missed.
const followPause = 500 * time.Millisecond

func eventsCommand(a *command.App) *cobra.Command {
	var root string
	var asJSON, follow bool
	cmd := &cobra.Command{
		Use:   "events [DEVICE]",
		Short: "Show what has happened to a device: donors that came or were lost, slabs that moved, bad copies",
		Long: fmt.Sprintf(`events shows the last %d events of a device, oldest first. With --follow it waits for more
until the device is gone or a signal comes; with --json as well, each event is a line. A
line on standard error counts events that came too fast to be shown.`, status.MaxEvents),
		Args: a.PerhapsOne,
		RunE: func(cmd *cobra.Command, args []string) error {
			id, err := chosenDevice(args, root)
			if err != nil {
				return err
			}
			ctx, cancel := signal.NotifyContext(cmd.Context(), unix.SIGINT, unix.SIGTERM)
			defer cancel()
			d, err := askSummary(ctx, root, id)
			switch {
			case err != nil:
				return err
			case !follow && asJSON:
				return command.PrintJSON(cmd.OutOrStdout(), d.Events)
			case !follow:
				return writeEvents(cmd.OutOrStdout(), d.Events)
			}
			f := &follower{out: cmd.OutOrStdout(), problems: cmd.ErrOrStderr(), asJSON: asJSON}
			return f.run(ctx, d, func() (status.Device, error) { return askSummary(ctx, root, id) })
		},
	}
	flags.StateRoot(cmd, &root)
	command.JSONFlag(cmd, &asJSON)
	cmd.Flags().BoolVarP(&follow, "follow", "f", false, "wait for more events")
	return cmd
}

// askSummary is a device's status without its slabs.
func askSummary(ctx context.Context, root string, id int) (status.Device, error) {
	d, err := status.FetchSummary(ctx, status.Socket(status.StateDir(root, id)))
	if errors.Is(err, status.ErrNoServer) {
		err = fmt.Errorf("%s: %w: see `farswap ublk list`", ublk.BlockPath(id), err)
	}
	return d, err
}

// follower prints the events of a device as they come.
type follower struct {
	out, problems io.Writer
	asJSON        bool
	begun         time.Time // of the server
	last          uint64    // Seq
}

// run prints the events of d, then asks again and again. It ends without an error when ctx
// ends, or when nobody answers any more: the device is gone.
func (f *follower) run(ctx context.Context, d status.Device, ask func() (status.Device, error)) error {
	f.begun = d.Started
	if len(d.Events) > 0 {
		f.last = d.Events[0].Seq - 1 // nobody asked for older events, so they are not missed
	}
	for {
		if err := f.take(d); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(followPause):
		}
		var err error
		switch d, err = ask(); {
		case ctx.Err() != nil, errors.Is(err, status.ErrNoServer):
			return nil
		case errors.Is(err, status.ErrNoAnswer):
			fmt.Fprintf(f.problems, "farswap: %v: asking again\n", err)
			d = status.Device{Started: f.begun}
		case err != nil:
			return err
		}
	}
}

// take prints the events of d that are new.
func (f *follower) take(d status.Device) error {
	if !d.Started.Equal(f.begun) {
		fmt.Fprintln(f.problems, "farswap: another server has the device now: its events begin anew")
		f.begun, f.last = d.Started, 0
	}
	fresh := slices.DeleteFunc(slices.Clone(d.Events), func(e status.Event) bool { return e.Seq <= f.last })
	if len(fresh) == 0 {
		return nil
	}
	if first := fresh[0].Seq; first > f.last+1 {
		fmt.Fprintf(f.problems, "farswap: %d events were missed, %d to %d: they came too fast\n", first-f.last-1, f.last+1, first-1)
	}
	f.last = fresh[len(fresh)-1].Seq
	for _, e := range fresh {
		var err error
		if f.asJSON {
			err = json.NewEncoder(f.out).Encode(e)
		} else {
			_, err = fmt.Fprintln(f.out, eventLine(e, "  "))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// eventLine is an event on one line, with sep between the parts that form columns.
func eventLine(e status.Event, sep string) string {
	about := "-"
	switch {
	case e.Slab != status.NoSlab && e.Donor != "":
		about = fmt.Sprintf("slab %d at %s", e.Slab, e.Donor)
	case e.Slab != status.NoSlab:
		about = fmt.Sprintf("slab %d", e.Slab)
	case e.Donor != "":
		about = e.Donor
	}
	return fmt.Sprint(e.At.Local().Format(time.DateTime), sep, e.Level, sep, e.Kind, sep, about, sep, e.Text)
}

func writeEvents(w io.Writer, events []status.Event) error {
	if len(events) == 0 {
		_, err := fmt.Fprintln(w, "no events")
		return err
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "TIME\tLEVEL\tEVENT\tABOUT\tTEXT")
	for _, e := range events {
		fmt.Fprintln(t, eventLine(e, "\t"))
	}
	return t.Flush()
}
