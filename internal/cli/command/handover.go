package command

import "github.com/spf13/cobra"

// handsOver is the annotation of a command that another program carries out.
const handsOver = "hands-over"

// HandOver makes a command hand its command line to another program as it is. The other
// program reads the configuration file and opens the log: a file that can be read once
// only, such as a pipe, must not be read before.
func HandOver(cmd *cobra.Command, run func() error) {
	cmd.Annotations = map[string]string{handsOver: ""}
	cmd.RunE = func(*cobra.Command, []string) error { return run() }
}

// HandsOver says whether another program carries out a command.
func HandsOver(cmd *cobra.Command) bool {
	_, ok := cmd.Annotations[handsOver]
	return ok
}
