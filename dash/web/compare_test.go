//go:build browser

package web

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/farswap/farswap/status"
)

// comparison compares a view in the browser with a status.
type comparison struct {
	b     *browser
	want  *status.Device
	wrong []string
}

// compare says where the view that is shown differs from a status of the same moment.
func compare(b *browser, view string, want *status.Device) []string {
	b.t.Helper()
	c := &comparison{b: b, want: want}
	map[string]func(){
		"overview": c.overview, "latency": c.latency, "slabs": c.slabs, "donors": c.donors, "slow": c.slow, "log": c.log, "cgroups": c.cgroups,
	}[view]()
	return c.wrong
}

func (c *comparison) errorf(format string, args ...any) {
	c.wrong = append(c.wrong, fmt.Sprintf(format, args...))
}

func (c *comparison) exact(what, got string, want any) {
	if got != fmt.Sprint(want) {
		c.errorf("%s: the page has %q, the status %v", what, got, want)
	}
}

// cells compares those of a row that have a label.
func (c *comparison) cells(what string, row map[string]string, want map[string]any) {
	for _, label := range slices.Sorted(maps.Keys(want)) {
		c.exact(what+" "+label, row[label], want[label])
	}
}

func (c *comparison) overview() {
	p := c.want.Pages
	for field, v := range map[string]int64{"both": p.Both, "remote": p.Remote, "backing": p.Backing, "none": p.None, "lost": p.Lost} {
		c.exact("pages."+field, eval[string](c.b, fmt.Sprintf("checks.field('pages.%s')", field)), v)
	}
	for fact, v := range map[string]any{"Acknowledges": c.want.Ack, "Backing": c.want.Backing} {
		c.exact(fact, eval[string](c.b, fmt.Sprintf("checks.fact(%q)", fact)), v)
	}
	if queues := eval[string](c.b, `checks.fact("Queues")`); queues != fmt.Sprintf("%d of %d requests", c.want.Queues, c.want.Depth) {
		c.errorf("the page has %q, the status %d queues of %d", queues, c.want.Queues, c.want.Depth)
	}
}

func (c *comparison) latency() {
	if rows := c.b.rows("sources"); len(rows) != len(c.want.Histograms) {
		c.errorf("%d sources, want %d", len(rows), len(c.want.Histograms))
	}
}

func (c *comparison) donors() {
	rows := c.b.rows("devicedonors")
	if len(rows) != len(c.want.Donors) {
		c.errorf("%d donors, want %d", len(rows), len(c.want.Donors))
		return
	}
	for i, d := range c.want.Donors {
		c.cells(d.Name, rows[i], map[string]any{
			"head": d.Name, "Slabs": d.Slabs, "Free": d.Free, "Lends at most": d.Total, "p99 lately": d.P99, "Baseline": d.Baseline, "Address": d.Address,
			"p50 ever": d.Latency.P50, "p99 ever": d.Latency.P99, "p99.9 ever": d.Latency.P999,
		})
		if state := rows[i]["State"]; d.Slow != strings.Contains(state, "slow") || !strings.Contains(state, d.State) {
			c.errorf("%s: the page has %q, the status %s, slow %v", d.Name, state, d.State, d.Slow)
		}
	}
}

func (c *comparison) slow() {
	rows := c.b.rows("slowest")
	if len(rows) != len(c.want.Slowest) {
		c.errorf("%d slow pages, want %d", len(rows), len(c.want.Slowest))
	}
	for i, p := range c.want.Slowest[:min(len(rows), len(c.want.Slowest))] {
		c.cells(fmt.Sprint("slow page ", i), rows[i], map[string]any{
			"Took": p.Total, "Waited": p.Queued, "At the donor": p.Remote, "Backing file": p.Backing, "Slab": p.Slab, "Page": p.Page, "To blame": p.Blame,
		})
	}
}

func (c *comparison) cgroups() {
	groups := map[string]map[string]string{}
	for _, row := range c.b.rows("cgroups") {
		groups[row["head"]] = row
	}
	for i := range c.want.Cgroups {
		g := &c.want.Cgroups[i]
		h := &g.Latency
		c.cells(g.Name, groups[g.Name], map[string]any{
			"Faults": h.Count(), "Waited in all": h.Sum, "p50": h.Quantile(0.5), "p99": h.Quantile(0.99), "p99.9": h.Quantile(0.999),
		})
	}
}

func (c *comparison) log() {
	events, decisions := c.b.rows("events"), c.b.rows("decisions")
	if len(events) != len(c.want.Events) || len(decisions) != len(c.want.Decisions) {
		c.errorf("%d events and %d decisions, want %d and %d", len(events), len(decisions), len(c.want.Events), len(c.want.Decisions))
		return
	}
	for i, row := range events { // the latest first
		e := c.want.Events[len(events)-1-i]
		c.exact(fmt.Sprint("event ", e.Seq), row["What"]+row["Donor"]+row["In words"]+row["Level"], e.Kind+e.Donor+e.Text+e.Level)
	}
	for i, row := range decisions {
		d := c.want.Decisions[len(decisions)-1-i]
		c.exact(fmt.Sprint("decision on slab ", d.Slab), row["Slab"]+row["Rule"]+row["Why"]+row["Took"], fmt.Sprint(d.Slab, d.Rule, d.Why, d.Took))
	}
}

// slabs goes over the slab map with keys and with the mouse.
func (c *comparison) slabs() {
	b := c.b
	b.do(chromedp.Focus(chromedp.CSS("#slabs")))
	c.slab("focus")
	for _, key := range []string{kb.ArrowRight, kb.ArrowDown, kb.ArrowRight, kb.ArrowUp, kb.ArrowLeft, kb.End, kb.ArrowUp, kb.PageUp, kb.Home, kb.ArrowDown, kb.ArrowDown} {
		b.do(chromedp.KeyEvent(key))
		c.slab(fmt.Sprintf("key %q", key))
		now, text := eval[string](b, "document.getElementById('slabs').getAttribute('aria-valuenow')"), eval[string](b, "document.getElementById('slabs').getAttribute('aria-valuetext')")
		shown := eval[string](b, "document.getElementById('slab').dataset.slab")
		if now != shown || !strings.HasPrefix(text, "Slab "+shown+",") {
			c.errorf("a screen reader hears %q, %q; shown is %s", now, text, shown)
		}
	}
	box := eval[[]float64](b, "(({x, y, width, height}) => [x, y, width, height])(document.getElementById('slabs').getBoundingClientRect())")
	seen := map[string]bool{}
	for _, at := range []float64{0.05, 0.3, 0.55, 0.8} {
		b.do(chromedp.MouseEvent("mouseMoved", box[0]+box[2]*at, box[1]+box[3]*at/2)) // the last row may be short
		c.slab(fmt.Sprintf("mouse at %g", at))
		seen[eval[string](b, "document.getElementById('slab').dataset.slab")] = true
	}
	b.do(chromedp.MouseEvent("mouseMoved", 0, 0)) // or it would go before the keys
	if len(seen) != 4 {
		c.errorf("the mouse was over slabs %v", seen)
	}
	held := map[string]int{}
	for i := range c.want.Slabs {
		held[c.want.Slabs[i].Donor+"/"+c.want.Slabs[i].State]++
	}
	for _, row := range b.rows("slabgroups") {
		name := row["head"]
		if name == "on none" {
			name = ""
		}
		c.exact("slabs of "+name, row["Slabs"], held[name+"/"+row["State"]])
		delete(held, name+"/"+row["State"])
	}
	if len(held) > 0 {
		c.errorf("not in the table: %v", held)
	}
	for _, colour := range []string{"activity", "remote", "latency", "donor"} {
		b.do(chromedp.Click(chromedp.CSS(".seg label:has(input[value=" + colour + "])")))
		b.until("colours by "+colour, "checks.painted('#slabs')")
	}
}

// slab is the one that is shown beside the map.
func (c *comparison) slab(how string) {
	// The field is a slider: its value is the slab.
	i, err := strconv.Atoi(eval[string](c.b, "document.getElementById('slab').dataset.slab"))
	if err != nil || i < 0 || i >= len(c.want.Slabs) {
		c.errorf("%s: slab %d of %d, %v", how, i, len(c.want.Slabs), err)
		return
	}
	one := &c.want.Slabs[i]
	get := func(name string) string {
		return eval[string](c.b, fmt.Sprintf("checks.fact(%q, '#slab')", name))
	}
	what := fmt.Sprintf("%s: slab %d ", how, i)
	c.exact(what+"state", get("State"), one.State)
	c.exact(what+"donor", get("Donor"), one.Donor)
	c.exact(what+"pages", get("Pages on donor"), one.RemotePages)
	c.exact(what+"p99", get("Block read p99"), rounded(one.Latency.P99))
	activity, err := strconv.ParseFloat(get("Activity"), 64)
	if err != nil || math.Abs(activity-one.Activity) > 0.051*one.Activity+0.05 {
		c.errorf("%sactivity: the page has %v, the status %v", what, activity, one.Activity)
	}
}
