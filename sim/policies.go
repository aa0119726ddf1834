package sim

import (
	"context"
	"fmt"
	"io"
	"text/tabwriter"
)

// Table compares policies that differ in one thing.
type Table struct {
	Title string `json:"title"`
	Rows  []Row  `json:"rows"`
}

// Row is one policy.
type Row struct {
	Name string `json:"name"`
	Summary
}

// variant describes a row.
type variant struct {
	name   string
	change func(*Config)
}

// SlabSizes are the slab sizes that Policies compares, in bytes.
var SlabSizes = []int64{4 << 20, 16 << 20, 64 << 20, 256 << 20, 1 << 30}

// variants are the tables and their rows.
func variants() (titles []string, rows [][]variant) {
	var places, extras, slabs []variant
	for _, choices := range []int{1, 2, 3} {
		for _, anyDonor := range []bool{false, true} {
			name := []string{"random", "power of two", "power of three"}[choices-1]
			if !anyDonor {
				name += ", new machines first"
			}
			places = append(places, variant{name, func(c *Config) { c.Choices, c.AnyDonor = choices, anyDonor }})
		}
	}
	for _, extra := range []int{0, 2, 10} {
		extras = append(extras, variant{fmt.Sprintf("E′ = %d", extra), func(c *Config) { c.Extra = extra }})
	}
	for _, size := range SlabSizes {
		slabs = append(slabs, variant{fmt.Sprintf("%d MiB", size>>20), func(c *Config) { c.SlabSize = size }})
	}
	return []string{"placement", "candidates beyond those to evict", "slab size"}, [][]variant{places, extras, slabs}
}

// Policies compares placements, values of E′ and slab sizes, each with the given number of seeds. Everything that a
// table does not vary is from config. Policies calls progress with the finished share of the work, 0 to 1.
func Policies(ctx context.Context, config Config, runs int, progress func(done float64)) ([]Table, error) {
	titles, all := variants()
	of, done := 0, 0
	for _, rows := range all {
		of += len(rows)
	}
	var tables []Table
	for i, rows := range all {
		table := Table{Title: titles[i]}
		for _, v := range rows {
			one := config
			v.change(&one)
			s, err := RunSeeds(ctx, one, runs, func(share float64) {
				if progress != nil {
					progress((float64(done) + share) / float64(of))
				}
			})
			if err != nil {
				return nil, fmt.Errorf("%s: %w", v.name, err)
			}
			table.Rows = append(table.Rows, Row{v.name, s})
			done++
		}
		tables = append(tables, table)
	}
	return tables, nil
}

// WriteTables writes tables for people.
func WriteTables(w io.Writer, tables []Table) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	for i, table := range tables {
		if i > 0 {
			fmt.Fprintln(t)
		}
		fmt.Fprintf(t, "%s\tused\tof it live\tmax/median\tmax/min\tevictions\tactivity\tmoved\tdropped\tmap data\tmaps\tqueries\tmap\tunprepared\tmove\t\n", table.Title)
		for _, r := range table.Rows {
			fmt.Fprintf(t, "%s\t%.1f%%\t%.1f%%\t%.2f\t%.2f\t%d\t%.1f/s\t%.1f GiB\t%d\t%.1f MiB\t%d\t%d\t%.2f ms\t%.2f ms\t%.0f ms\t\n",
				r.Name, r.UsedWith, r.UsedLive, r.MaxOverMedian, r.MaxOverMin, r.Evictions, r.EvictedActivity,
				float64(r.MovedBytes)/gib, r.Dropped, float64(r.MetadataBytes)/(1<<20), r.Maps, r.Queries, r.MapMillis, r.MapUnprepared, r.MoveMillis)
		}
	}
	return t.Flush()
}
