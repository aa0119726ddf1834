package benchmarks

import (
	"fmt"
	"io"
	"text/tabwriter"
)

// WriteVerbs writes rows as a table.
func WriteVerbs(w io.Writer, rows []VerbsRow) error {
	t := tabwriter.NewWriter(w, 0, 0, 3, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "TRANSPORT\tOP\tSIZE\tDEPTH\tP50\tP99\tOPS/S\tBYTES/S\t")
	for _, r := range rows {
		fmt.Fprintf(t, "%s\t%s\t%s\t%d\t%s\t%s\t%s\t%s\t\n", r.Transport, r.Op, byteSize(int64(r.Size)), r.Depth,
			nanoseconds(r.P50NS), nanoseconds(r.P99NS), grouped(int64(r.OpsPerSecond)), byteSize(int64(r.BytesPerSecond)))
	}
	return t.Flush()
}
