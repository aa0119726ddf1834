package readahead

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// keptPages is how many pages that were fetched ahead are kept until they are used, those
// fetched last: as much as a queue with 8 buffers of 128 KiB has, and the same for each policy.
const keptPages = 256

// outcome is what a policy made of a trace.
type outcome struct{ reads, hits, fetched int }

// coverage is the share of the reads that had been fetched.
func (o outcome) coverage() float64 { return float64(o.hits) / float64(o.reads) }

// accuracy is the share of the fetched pages that were used.
func (o outcome) accuracy() float64 { return float64(o.hits) / float64(o.fetched) }

func (o outcome) vain() int { return o.fetched - o.hits }

func (o outcome) String() string {
	if o.fetched == 0 {
		return "–"
	}
	return fmt.Sprintf("%.0f%%, %.0f%%, %d", 100*o.coverage(), 100*o.accuracy(), o.vain())
}

// replay gives a trace to a policy. What it fetches is there at the next read.
func replay(p policy, t trace) (o outcome) {
	kept := newLRU(keptPages)
	for _, a := range t.reads {
		hit := kept.take(a.page)
		o.reads++
		if hit {
			o.hits++
		}
		for _, page := range p.fault(a, hit) {
			if page != a.page && !kept.use(page) {
				o.fetched++
			}
		}
	}
	return o
}

// TestCompare replays the traces with the policies. benchmarks/RESULTS.md has what comes of
// it: farswap has to cover at least as much as every other one, within 2 of 100 reads, unless
// that one reads at least as many pages in vain as it hits.
func TestCompare(t *testing.T) {
	const page = "../../benchmarks/RESULTS.md"
	results, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	var table strings.Builder
	head := "| Trace |"
	for _, p := range policies() {
		head += " " + p.name + " |"
	}
	fmt.Fprintf(&table, "%s\n|---|%s\n", head, strings.Repeat("---|", len(policies())))
	for _, trace := range traces() {
		line, ours := "| "+trace.name+" |", outcome{}
		for i, p := range policies() {
			o := replay(p, trace)
			line += " " + o.String() + " |"
			switch {
			case i == 0:
				ours = o
			case o.coverage() > ours.coverage()+0.02 && o.hits > o.vain():
				t.Errorf("%s: %s has %v, farswap %v", trace.name, p.name, o, ours)
			}
		}
		if ours.vain() > ours.hits && ours.vain() > 2*FirstCredit {
			t.Errorf("%s: %d pages were fetched in vain", trace.name, ours.vain())
		}
		table.WriteString(line + "\n")
	}
	if !strings.Contains(string(results), table.String()) {
		t.Errorf("%s has not this table:\n%s", page, table.String())
	}
}
