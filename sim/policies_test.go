package sim

import (
	"context"
	"strings"
	"testing"
)

func TestPolicies(t *testing.T) {
	c := DefaultConfig(paper(t))
	c.Workload.Cluster.Hours, c.Workload.Cluster.Warmup = 0.1, 60
	last := 0.0
	tables, err := Policies(context.Background(), c, 1, func(done float64) {
		if done < last {
			t.Errorf("progress from %g to %g", last, done)
		}
		last = done
	})
	if err != nil {
		t.Fatal(err)
	}
	if last != 1 {
		t.Errorf("progress ended at %g", last)
	}
	var text strings.Builder
	if err := WriteTables(&text, tables); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"random, new machines first", "power of two", "power of three", "E′ = 0", "E′ = 2", "E′ = 10", "4 MiB", "1024 MiB"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("no %q in\n%s", want, text.String())
		}
	}
	rows := tables[2].Rows
	for i := range rows[1:] {
		if rows[i+1].MetadataBytes >= rows[i].MetadataBytes {
			t.Errorf("slabs of %s take %d bytes, of %s %d", rows[i+1].Name, rows[i+1].MetadataBytes, rows[i].Name, rows[i].MetadataBytes)
		}
	}
}

func TestScale(t *testing.T) {
	r, err := Scale(context.Background(), ScaleConfig(DefaultConfig(paper(t)), 50, 0.1), nil)
	if err != nil {
		t.Fatal(err)
	}
	if r.Machines != 50 || r.Containers != 140 || r.Hours != 0.1 || r.Seconds != 360 || r.PeakBytes <= 0 || r.Events < 360*50 || r.WallSeconds <= 0 {
		t.Errorf("%+v", r)
	}
}
