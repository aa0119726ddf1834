package metrics

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/farswap/farswap/status"
)

// TestCgroupsOnlyGrow runs random histories: groups fault, vanish from status, come
// back, start again under a new id, lose their name. No counter may ever go down, none may
// count a fault twice or lose one, and there are never too many.
func TestCgroupsOnlyGrow(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		most := rapid.IntRange(0, 3).Draw(t, "most")
		c, now := newCgroups(most), time.Now()
		truth, ids := map[uint64]*status.CgroupLatency{}, rapid.Uint64Range(1, 8)
		before, told := map[string]status.Distribution{}, map[uint64]uint64{}
		for range rapid.IntRange(1, 30).Draw(t, "steps") {
			now = now.Add(time.Duration(rapid.IntRange(0, 90).Draw(t, "seconds")) * time.Second)
			for range rapid.IntRange(0, 5).Draw(t, "faults") {
				id := ids.Draw(t, "id")
				if truth[id] == nil {
					truth[id] = &status.CgroupLatency{ID: id, Name: rapid.SampledFrom([]string{"/a", "/b", "/c", "/d", Other}).Draw(t, "name")}
				}
				for range rapid.IntRange(1, 40).Draw(t, "count") {
					truth[id].Latency.Record(int64(id) << 12)
				}
			}
			if g := truth[ids.Draw(t, "gone")]; g != nil {
				g.Name = fmt.Sprint(g.ID)
			}
			var list []status.CgroupLatency
			for id, g := range truth {
				if rapid.IntRange(0, 3).Draw(t, "hidden") > 0 {
					list, told[id] = append(list, *g), g.Latency.Count()
				}
			}
			before = checkSeries(t, c.add(list, now), before, told, most)
		}
	})
}

func checkSeries(t *rapid.T, series []cgroupSeries, before map[string]status.Distribution, told map[uint64]uint64, most int) map[string]status.Distribution {
	now, sum, want := map[string]status.Distribution{}, uint64(0), uint64(0)
	for _, s := range series {
		if _, twice := now[s.name]; twice {
			t.Fatalf("%s is there twice", s.name)
		}
		now[s.name] = s.latency
		if old, ok := before[s.name]; ok {
			for i, count := range s.latency.Counts {
				if count < old.Counts[i] {
					t.Fatalf("%s went down from %d to %d in bucket %d", s.name, old.Counts[i], count, i)
				}
			}
		}
		sum += s.latency.Count()
	}
	for name, old := range before { // what a series had is gone with it; no group has the id 0
		if _, ok := now[name]; !ok {
			told[0] -= old.Count()
		}
	}
	for _, n := range told {
		want += n
	}
	if sum != want || len(series) > most+1 {
		t.Fatalf("%d faults in %d series, want %d in at most %d", sum, len(series), want, most+1)
	}
	return now
}

// TestBusyCgroupsHaveSeries: those with the most faults, and a new busy one takes the
// place of one that does nothing, within a minute or two.
func TestBusyCgroupsHaveSeries(t *testing.T) {
	c, now := newCgroups(2), time.Now()
	groups := make([]status.CgroupLatency, 4)
	fault := func(i, count int) {
		for range count {
			groups[i].Latency.Record(1 << 20)
		}
	}
	names := func() string {
		var names []string
		for _, s := range c.add(groups, now) {
			names = append(names, fmt.Sprintf("%s %d", s.name, s.latency.Count()))
		}
		return strings.Join(names, ", ")
	}
	for i := range groups {
		groups[i].ID, groups[i].Name = uint64(i+1), fmt.Sprintf("/%d", i)
		fault(i, i+1)
	}
	steps := []struct {
		later time.Duration
		group int
		count int
		want  string
	}{
		{0, 0, 0, "/2 3, /3 4, (other) 3"},
		{time.Second, 0, 100, "/2 3, /3 4, (other) 103"}, // not before the minute is over
		{reviewEvery, 3, 60, "/0 0, /3 64, (other) 103"}, // all of /0's were counted in other
		{time.Second, 0, 5, "/0 5, /3 64, (other) 103"},
		{reviewEvery, 2, 8, "/0 5, /2 8, (other) 103"}, // /3 had none; what it had ends with its series
		{reviewEvery, 2, 2, "/0 5, /2 10, (other) 103"},
		{reviewEvery, 3, 1, "/0 5, /3 1, (other) 103"}, // neither had any since the last review
	}
	for i, step := range steps {
		now = now.Add(step.later)
		fault(step.group, step.count)
		if got := names(); got != step.want {
			t.Errorf("step %d: got %s, want %s", i, got, step.want)
		}
	}
}
