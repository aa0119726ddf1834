package bench

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/farswap/farswap/benchmarks"
	"github.com/farswap/farswap/benchmarks/harness"
	"github.com/farswap/farswap/internal/cli/command"
	"github.com/farswap/farswap/internal/owned"
)

const maxResult = 64 << 20 // bytes of a file

// writeComparison writes results side by side, as a table or as JSON.
func writeComparison(w io.Writer, results []benchmarks.PagingResult, asJSON bool) error {
	c, err := benchmarks.Compare(results)
	if err != nil {
		return err
	}
	if asJSON {
		return command.PrintJSON(w, c)
	}
	return c.WriteTable(w)
}

func compareCommand(a *command.App) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "compare FILE…",
		Short: "Set results of bench paging --json side by side",
		Long: `compare sets results of the same workload side by side, the first one as the
baseline. Of several results with one name it takes the medians.`,
		Args: a.SomeArgs("FILE, a result of `farswap bench paging --json`,"),
		RunE: func(cmd *cobra.Command, args []string) error {
			var results []benchmarks.PagingResult
			for _, path := range args {
				result, err := readResult(path)
				if err != nil {
					return err
				}
				results = append(results, result)
			}
			return writeComparison(cmd.OutOrStdout(), results, asJSON)
		},
	}
	command.JSONFlag(cmd, &asJSON)
	return cmd
}

func readResult(path string) (benchmarks.PagingResult, error) {
	var result benchmarks.PagingResult
	data, err := owned.Read(path, maxResult)
	if err != nil {
		return result, err
	}
	if err := json.Unmarshal(data, &result); err != nil {
		return result, fmt.Errorf("%s is not a result of `farswap bench paging --json`: %w", path, err)
	}
	if result.Size > 0 && len(result.Phases) > 0 {
		return result, nil
	}
	if _, err := harness.Load(path); err == nil {
		return result, fmt.Errorf("%s is not a result of `farswap bench paging --json`, but of `farswap bench run`: compare it with `farswap bench report --compare OLD %s`", path, path)
	}
	return result, fmt.Errorf("%s is not a result of `farswap bench paging --json`: it has no phases", path)
}
