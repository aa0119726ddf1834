//go:build browser

package web

import (
	"encoding/json"
	"fmt"
	"net/url"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/farswap/farswap/status"
)

// The virtual machine is emulated and shares the host's processors with the browser.
const (
	livePatience = 90 * time.Second
	liveTime     = 25 * time.Minute
)

// liveViews are the views of the device, with their tab's name and a text that each shows when
// it is there.
var liveViews = []struct{ id, tab, has string }{
	{"latency", "Latency", "By source"},
	{"slabs", "Slabs", "Busiest"},
	{"donors", "Donors", "Baseline"},
	{"slow", "Slow pages", "To blame"},
	{"log", "Log", "donor-up"},
	{"cgroups", "Control groups", "farswap-demo"},
	{"overview", "Overview", "Page I/O"},
}

// live is a page of a device that swaps, and the machine that it is in.
type live struct {
	*testing.T
	b       *browser
	machine *machine
	key     string // of the device
}

// TestLive is a person who looks at a device that swaps, in the virtual machine that
// vmtest/dash-live has started: everything that moves moves, and what is shown is what status
// says.
func TestLive(t *testing.T) {
	if *liveURL == "" {
		t.Skip("takes the virtual machine of `./do dash-live`, which runs it")
	}
	l := &live{T: t, machine: &machine{t, *liveDir}}
	before := l.swaps()
	l.key = fmt.Sprint("local/device/", before.ID)
	l.b = openBrowserFor(t, liveTime, trusted(t, *liveURL, filepath.Join(*liveDir, "ca.crt")))
	l.b.shots, l.b.patience = *liveDir, livePatience

	// One after the other, each from where the one before left the page.
	for _, step := range []struct {
		name string
		do   func(*live)
	}{
		{"sign in", (*live).signIn},
		{"figures move", (*live).moves},
		{"every view by its tab", (*live).clicks},
		{"counters lie between two statuses", (*live).counters},
		{"rows stay", (*live).rowsStay},
		{"farswap top", (*live).top},
		{"pictures", (*live).pictures},
		{"at rest every figure is the status", (*live).rest},
	} {
		ok := t.Run(step.name, func(t *testing.T) {
			one := *l
			one.T, one.b.t, one.machine.t = t, t, t
			step.do(&one)
		})
		l.b.t, l.machine.t = t, t
		if !ok && step.name == "sign in" {
			t.FailNow() // nobody else gets in, either
		}
	}
	l.b.quiet(*liveURL, "about:blank")
	after := l.machine.status()
	if after.IO.Errors+after.IO.Corrupt > 0 || after.Pages.Lost > 0 || after.IO.RemoteReads <= before.IO.RemoteReads {
		t.Errorf("the device: %+v, before %+v; %d pages lost", after.IO, before.IO, after.Pages.Lost)
	}
}

// swaps waits until pages come and go, and both donors hold slabs.
func (l *live) swaps() (d *status.Device) {
	l.Helper()
	await(l.T, "swap through both donors", 3*livePatience, func() (wrong []string) {
		d = l.machine.status()
		for _, o := range d.Donors {
			if o.State != "up" || o.Slabs == 0 {
				wrong = append(wrong, fmt.Sprintf("donor %s: %s, %d slabs", o.Name, o.State, o.Slabs))
			}
		}
		if len(d.Donors) != 2 || d.IO.RemoteReads == 0 {
			wrong = append(wrong, fmt.Sprintf("%d donors, %+v", len(d.Donors), d.IO))
		}
		return wrong
	})
	if l.Failed() {
		l.FailNow()
	}
	return d
}

// signIn gives the token to the form, and gets to the one device that there is.
func (l *live) signIn() {
	l.b.look("light", 1440, 900)
	l.b.open(*liveURL)
	l.b.until("the form", "location.pathname === '/login'")
	l.b.signIn(l.machine.token())
	l.b.until("the device, as there is no other", "document.querySelector('#tabs [aria-current]')?.textContent === 'Overview' && location.hash.includes("+strconv.Quote(url.PathEscape(l.key))+")")
	l.b.prepare()
}

// click goes to a view as a person does.
func (l *live) click(id, tab, has string) {
	l.Helper()
	l.b.do(chromedp.Click(chromedp.CSS("#tabs a[href$='/" + id + "']")))
	l.b.until(tab, fmt.Sprintf("document.querySelector('#tabs [aria-current]').textContent === %q && document.querySelector('main').innerText.includes(%q) && document.getElementById('live').dataset.state === 'live'", tab, has))
}

// moves: the first view lives.
func (l *live) moves() {
	b := l.b
	b.until("the heatmap", "checks.painted('canvas.draw')")
	for _, tile := range []string{"Page-ins", "Page-outs"} {
		figure := fmt.Sprintf("checks.fact(%q)", tile)
		b.until(tile+" above 0", "parseFloat("+figure+") > 0")
		first := eval[string](b, figure)
		b.until("other "+tile, fmt.Sprintf("%s !== %q && parseFloat(%[1]s) > 0", figure, first))
	}
	b.until("a latency", `/[1-9].* (µs|ms|s)$/.test(checks.fact("Latency p99"))`)
	first := eval[string](b, `checks.fact("Latency p99")`)
	b.until("another latency", fmt.Sprintf(`![%q, "–"].includes(checks.fact("Latency p99"))`, first))
	if donors := eval[string](b, `checks.fact("Donors")`); donors != "2 of 2" {
		l.Errorf("donors: %q", donors)
	}
}

// clicks goes through every view, and through the cluster to a donor and back.
func (l *live) clicks() {
	b := l.b
	for _, v := range liveViews {
		l.click(v.id, v.tab, v.has)
		switch v.id {
		case "latency":
			l.quantiles()
		case "slabs":
			b.until("the slab map", "checks.painted('#slabs')")
		}
	}
	d := l.machine.status()
	b.do(chromedp.Click(chromedp.CSS("#tabs a[href='#/cluster']")))
	b.until("the cluster", "checks.rows('devices').length === 1 && checks.rows('donors').length === 2")
	if device := b.rows("devices")[0]; device["head"] != d.Path || device["Size"] != fmt.Sprint(d.Size) || device["Donors up"] != "2 of 2" {
		l.Errorf("the cluster has %v, the status %s of %d bytes", device, d.Path, d.Size)
	}
	for i, o := range b.rows("donors") {
		if want := d.Donors[i]; o["head"] != want.Name || o["At most"] != fmt.Sprint(want.Total) || !strings.Contains(o["State"], "serving") {
			l.Errorf("the cluster has %v, the status %+v", o, want)
		}
	}
	b.do(chromedp.Click(chromedp.CSS("[data-table=donors] tbody tr:nth-child(2) a")))
	b.until("a donor's own view", "checks.rows('sessions').length === 1 && document.querySelector('#tabs [aria-current]').textContent === 'Donor'")
	await(l.T, "the donor's session", livePatience, func() (wrong []string) {
		want, row := l.machine.status().Donors[1], b.rows("sessions")[0]
		if row["Slabs"] != fmt.Sprint(want.Slabs) || row["Bytes"] != fmt.Sprint(int64(want.Slabs)*d.SlabSize) {
			wrong = append(wrong, fmt.Sprintf("%s: the page has %v, the status %+v", want.Name, row, want))
		}
		return wrong
	})
	b.do(chromedp.Click(chromedp.CSS("#tabs a[href='#/cluster']")))
	b.until("the cluster", "checks.rows('devices').length === 1")
	b.do(chromedp.Click(chromedp.CSS("[data-table=devices] tbody a")))
	b.until("the device", "document.querySelector('#tabs [aria-current]').textContent === 'Overview' && !['', 'missing'].includes(checks.field('pages.both'))")
}

// quantiles: of what applications feel, and of what the server does for it, there are new ones.
func (l *live) quantiles() {
	l.b.until("the heatmap", "checks.painted('canvas.draw')")
	for _, source := range []string{"Page fault", "Server read", "Donor read", "Server write", "Donor write"} {
		figures := fmt.Sprintf("JSON.stringify(checks.rows('sources').filter((r) => r.head === %q && r.Requests > 0 && r.p50 > 0 && Number(r.p50) <= Number(r.p99)))", source)
		l.b.until(source+" is measured", figures+" !== '[]'")
		first := eval[string](l.b, figures)
		l.b.until("other figures of "+source, fmt.Sprintf("![%q, '[]'].includes(%s)", first, figures))
	}
}

// counters never go down, so the page is between what status said before and after.
func (l *live) counters() {
	l.click("cgroups", "Control groups", "farswap-demo")
	faults := func(d *status.Device) (n, sum uint64) {
		for i := range d.Cgroups {
			if strings.HasSuffix(d.Cgroups[i].Name, "farswap-demo") {
				n, sum = d.Cgroups[i].Latency.Count(), d.Cgroups[i].Latency.Sum
			}
		}
		return n, sum
	}
	low, lowSum := faults(l.machine.status())
	row := "checks.rows('cgroups').find((r) => r.head.endsWith('farswap-demo'))"
	l.b.until("a page as new as the status", fmt.Sprintf("Number(%s.Faults) >= %d", row, low))
	got := eval[map[string]string](l.b, row)
	high, highSum := faults(l.machine.status())
	n, err := strconv.ParseUint(got["Faults"], 10, 64)
	sum, err2 := strconv.ParseUint(got["Waited in all"], 10, 64)
	if err != nil || err2 != nil || low == 0 || low == high || n < low || n > high || sum < lowSum || sum > highSum {
		l.Errorf("the page has %v, the status %d faults of %d ns and then %d of %d ns", got, low, lowSum, high, highSum)
	}
}

// rowsStay: a slow page's row is the same for as long as it is listed, selected text included.
// The last rows are left out: what others push out at the end may be listed again later.
func (l *live) rowsStay() {
	b := l.b
	l.click("slow", "Slow pages", "To blame")
	b.until("slow pages", "checks.rows('slowest').length > 15")
	eval[any](b, `window.figures = (tr) => [...tr.children].map((td) => td.dataset.value ?? td.textContent).join(" ");
		window.kept = [...document.querySelectorAll("[data-table=slowest] tbody tr")].slice(0, 10).map((tr) => [tr, figures(tr)]);
		getSelection().selectAllChildren(kept[0][0]); window.selected = getSelection().toString(); 0`)
	time.Sleep(5 * time.Second) // answers come meanwhile
	type rows struct {
		Listed, Same int
		First        bool // is listed still
		Selected     string
		Before       string
	}
	got := eval[rows](b, `(() => {
		const now = new Map([...document.querySelectorAll("[data-table=slowest] tbody tr")].map((tr) => [figures(tr), tr]));
		const listed = kept.filter(([, text]) => now.has(text));
		return { listed: listed.length, same: listed.filter(([tr, text]) => now.get(text) === tr).length, first: now.has(kept[0][1]), selected: getSelection().toString(), before: selected };
	})()`)
	if got.Listed == 0 || got.Same != got.Listed {
		l.Errorf("of %d rows that are listed still %d are the same", got.Listed, got.Same)
	}
	if got.First && got.Selected != got.Before || got.Before == "" {
		l.Errorf("selected was %q, now %q", got.Before, got.Selected)
	}
	l.blame()
}

// blame: each row's verdict is the status's, and the sum above the table is that of its rows.
func (l *live) blame() {
	await(l.T, "to blame", livePatience, func() (wrong []string) {
		want := map[string]string{}
		for _, p := range l.machine.status().Slowest {
			want[fmt.Sprintf("%s%d %d", p.Op, p.Page, p.Total)] = fmt.Sprintf("%s%s %d %d %d", p.Blame, p.Donor, p.Queued, p.Remote, p.Backing)
		}
		state := eval[string](l.b, `JSON.stringify({ rows: checks.rows("slowest"), sum: document.getElementById("blamed").textContent })`)
		var page struct {
			Rows []map[string]string
			Sum  string
		}
		if err := json.Unmarshal([]byte(state), &page); err != nil {
			return []string{err.Error()}
		}
		known, by := 0, map[string]int{}
		for _, r := range page.Rows {
			who := r["To blame"]
			donor := strings.TrimPrefix(r["Donor"], "–")
			if w, ok := want[r["What"]+r["Page"]+" "+r["Took"]]; ok {
				known++
				if got := who + donor + " " + r["Waited"] + " " + r["At the donor"] + " " + r["Backing file"]; got != w {
					wrong = append(wrong, fmt.Sprintf("the page has %q, the status %q", got, w))
				}
			}
			if who == status.BlameDonor {
				who += " " + donor
			}
			by[who]++
		}
		if known < len(page.Rows)/2 || known == 0 {
			wrong = append(wrong, fmt.Sprintf("of %d rows the status has %d", len(page.Rows), known))
		}
		for who, n := range by {
			if !strings.Contains(page.Sum, fmt.Sprint(who, " ", n)) {
				wrong = append(wrong, fmt.Sprintf("%s %d times, and the sum is %q", who, n, page.Sum))
			}
		}
		return wrong
	})
}

// pictures of each view in both schemes, on a desk and on a phone.
func (l *live) pictures() {
	b := l.b
	pages := map[string]string{"cluster": "#/cluster", "donor": "#/" + url.PathEscape("local/donor/demo1") + "/donor"}
	for _, v := range liveViews {
		pages[v.id] = "#/" + url.PathEscape(l.key) + "/" + v.id
	}
	for _, scheme := range []string{"light", "dark"} {
		for _, width := range []int64{1440, 360} {
			b.look(scheme, width, 800)
			for name, hash := range pages {
				where := fmt.Sprintf("%s-%s-%d", name, scheme, width)
				eval[any](b, fmt.Sprintf("location.hash = %q; 0", hash))
				b.until(where, fmt.Sprintf("location.hash === %q && document.querySelector('main .panel') && document.getElementById('live').dataset.state === 'live' && /[0-9]/.test(document.querySelector('main').innerText)", hash))
				if eval[bool](b, "Boolean(document.querySelector('main canvas.draw'))") {
					b.until(where+" is painted", "checks.painted('main canvas.draw')")
				}
				await(l.T, where, 5*time.Second, func() (wrong []string) { // it may still be drawn in the other scheme
					for check, bad := range map[string][]string{"sticks out": eval[[]string](b, "checks.wide()"), "is faint": eval[[]string](b, "checks.faint()")} {
						for _, what := range bad {
							wrong = append(wrong, check+": "+what)
						}
					}
					return wrong
				})
				b.shot(where)
			}
		}
	}
	b.look("light", 1440, 900)
	eval[any](b, fmt.Sprintf("location.hash = %q; 0", pages["overview"]))
}

// rest halts the program: then nothing changes but what decays, and every figure of every view
// has to become the status's.
func (l *live) rest() {
	l.machine.order("rest")
	defer l.machine.order("work")
	// Activity decays for a while: the view that has it comes last.
	views := slices.Clone(liveViews)
	slices.SortStableFunc(views, func(a, b struct{ id, tab, has string }) int {
		return strings.Compare(fmt.Sprint(a.id == "slabs"), fmt.Sprint(b.id == "slabs"))
	})
	for _, v := range views {
		l.click(v.id, v.tab, v.has)
		await(l.T, v.tab, 2*livePatience, func() []string {
			return compare(l.b, v.id, l.machine.status())
		})
	}
}
