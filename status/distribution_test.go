package status

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestDistribution(t *testing.T) {
	var d, more Distribution
	for _, ns := range []int64{500, 2048, 2048, 1 << 40} {
		d.Record(ns)
	}
	if from, to := Bounds(17); d.Count() != 4 || d.Counts[17] != 2 || from != 2048 || to != 2048+128 {
		t.Errorf("%d durations, bucket 17 has %d of [%d, %d)", d.Count(), d.Counts[17], from, to)
	}
	if p50 := d.Quantile(0.5); p50 < 2048 || p50 >= 2048+128 {
		t.Errorf("p50 is %d", p50)
	}
	more = d
	more.Add(&d)
	if more.Count() != 8 || more.Since(&d) != d || d.Since(&more) != d {
		t.Errorf("%d durations in two", more.Count())
	}
	data, err := json.Marshal(&d)
	if want := `{"count":4,"sum_ns":1099511632372,"buckets":[[0,1],[2048,2],[34359738368,1]]}`; err != nil || string(data) != want {
		t.Errorf("%s, %v", data, err)
	}
	var back Distribution
	if err := json.Unmarshal(data, &back); err != nil || back != d {
		t.Errorf("read back: %+v, %v", back, err)
	}
	if err := json.Unmarshal([]byte(`{"count":1,"buckets":[[2049,1]]}`), &back); err == nil || !strings.Contains(err.Error(), "lower bound") {
		t.Errorf("another scale: %v", err)
	}
}
