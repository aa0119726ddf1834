package command

import (
	"encoding/json"
	"io"

	"github.com/spf13/cobra"
)

// JSONFlag gives a command the flag --json.
func JSONFlag(cmd *cobra.Command, value *bool) {
	cmd.Flags().BoolVar(value, "json", false, "print JSON")
}

// PrintJSON writes one indented document.
func PrintJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(v)
}
