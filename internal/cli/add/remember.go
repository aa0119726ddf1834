package add

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/farswap/farswap/internal/cli/command"
)

// remembered is the command line of a device, as its next server needs it.
type remembered struct {
	Folder string `json:"folder"` // in which the server was started: paths may be relative to it
	// Flags are the values of all flags, wherever they came from. One that is no list has one value.
	Flags map[string][]string `json:"flags"`
	// Config is the configuration file from which the names of allowed donors are read again; empty: none.
	Config string `json:"config"`
}

// forgotten are flags of one server, and not of its device.
var forgotten = []string{"config", "help", "id", "swapon", "priority", "state-root"}

// remember makes what is kept of a command line.
func remember(cmd *cobra.Command) (json.RawMessage, error) {
	folder, err := os.Getwd()
	if err != nil {
		return nil, fmt.Errorf("tell in which folder this is: %w", err)
	}
	r := remembered{Folder: folder, Flags: map[string][]string{}, Config: command.ListOf(cmd, "allow-donor").Path}
	cmd.LocalFlags().VisitAll(func(f *pflag.Flag) {
		if slices.Contains(forgotten, f.Name) {
			return
		}
		if list, ok := f.Value.(pflag.SliceValue); ok {
			r.Flags[f.Name] = list.GetSlice()
			return
		}
		r.Flags[f.Name] = []string{f.Value.String()}
	})
	return json.Marshal(r)
}

// recall sets the flags of a command as they were. The command line has none of them.
func (r remembered) recall(cmd *cobra.Command) error {
	for name, values := range r.Flags {
		f := cmd.Flags().Lookup(name)
		if f == nil {
			return fmt.Errorf("its server was started with --%s, which this program does not know: use the release that started it, or a later one", name)
		}
		var err error
		switch list, ok := f.Value.(pflag.SliceValue); {
		case ok:
			err = list.Replace(values)
		case len(values) == 1 && values[0] != f.Value.String():
			err = f.Value.Set(values[0])
		}
		if err != nil {
			return fmt.Errorf("its server was started with --%s %q: %w", name, values, err)
		}
	}
	if r.Config != "" {
		return cmd.Flags().Lookup("config").Value.Set(r.Config)
	}
	cmd.Flags().Lookup("allow-donor").Changed = true // it comes from no file
	return nil
}
