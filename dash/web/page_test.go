//go:build browser

package web

import (
	"context"
	"fmt"
	"math"
	"net/url"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"farswap/status"
)

// deviceViews are the views of a device, with the text that each shows when it is there.
var deviceViews = []struct{ id, has string }{
	{"overview", "Page I/O"},
	{"latency", "By source"},
	{"slabs", "Busiest"},
	{"donors", "Baseline"},
	{"slow", "To blame"},
	{"log", "slow-donor"},
	{"cgroups", "postgresql"},
}

const deviceKey = "local/device/7"

func viewURL(s *Server, key, view string) string {
	return s.URL() + "#/" + url.PathEscape(key) + "/" + view
}

// still is a world that stands still, and a page that has all of it.
func still(t *testing.T) (*browser, *Server, status.Device) {
	t.Helper()
	root, w, _ := fakeWorld(t)
	s := serve(t, Config{Root: root, Interval: 100 * time.Millisecond})
	eventually(t, "a first answer", func() bool { return s.feed.Polls() > 1 })
	for range 12 { // a history
		w.Step(3 * time.Second)
		polls := s.feed.Polls()
		eventually(t, "an answer", func() bool { return s.feed.Polls() > polls+1 })
	}
	s.feed.SetInterval(time.Second) // or the history would be pushed out by quiet
	return openBrowser(t), s, w.Device()
}

// TestPageShowsTheStatus holds what each view shows against the device's status.
func TestPageShowsTheStatus(t *testing.T) {
	b, s, want := still(t)
	b.look("light", 1440, 900)
	exact := func(what string, got string, want any) {
		t.Helper()
		if got != fmt.Sprint(want) {
			t.Errorf("%s: the page has %q, the status %v", what, got, want)
		}
	}
	view := func(name, has string) {
		t.Helper()
		b.open(viewURL(s, deviceKey, name))
		b.until(name, fmt.Sprintf("document.querySelector('main').innerText.includes(%q)", has))
	}
	view("overview", "Page I/O")
	b.until("pages", "checks.field('pages.both') !== 'missing' && checks.field('pages.both') !== ''")
	for field, v := range map[string]int64{"both": want.Pages.Both, "remote": want.Pages.Remote, "backing": want.Pages.Backing, "none": want.Pages.None, "lost": want.Pages.Lost} {
		exact("pages."+field, eval[string](b, fmt.Sprintf("checks.field('pages.%s')", field)), v)
	}

	view("donors", "Baseline")
	donors := b.rows("devicedonors")
	if len(donors) != len(want.Donors) {
		t.Fatalf("%d donors, want %d", len(donors), len(want.Donors))
	}
	for i, d := range want.Donors {
		row := donors[i]
		exact("donor", row["head"], d.Name)
		for label, v := range map[string]any{
			"Slabs": d.Slabs, "Free": d.Free, "Lends at most": d.Total, "p99 lately": d.P99, "Baseline": d.Baseline, "Address": d.Address,
			"p50 ever": d.Latency.P50, "p99 ever": d.Latency.P99, "p99.9 ever": d.Latency.P999,
		} {
			exact(d.Name+" "+label, row[label], v)
		}
		if d.Slow != strings.Contains(row["State"], "slow") || !strings.Contains(row["State"], d.State) {
			t.Errorf("%s: %s", d.Name, row["State"])
		}
	}

	view("slow", "To blame")
	slowest := b.rows("slowest")
	if len(slowest) != len(want.Slowest) {
		t.Errorf("%d slow pages, want %d", len(slowest), len(want.Slowest))
	}
	for i, p := range want.Slowest[:min(len(slowest), len(want.Slowest))] {
		for label, v := range map[string]any{"Took": p.Total, "Waited": p.Queued, "At the donor": p.Remote, "Backing file": p.Backing, "Slab": p.Slab, "Page": p.Page, "To blame": p.Blame} {
			exact(fmt.Sprintf("slow page %d %s", i, label), slowest[i][label], v)
		}
	}

	view("cgroups", "postgresql")
	groups := map[string]map[string]string{}
	for _, row := range b.rows("cgroups") {
		groups[row["head"]] = row
	}
	for _, g := range want.Cgroups {
		for label, v := range map[string]any{"Faults": g.Latency.Count(), "Waited in all": g.Latency.Sum, "p50": g.Latency.Quantile(0.5), "p99": g.Latency.Quantile(0.99), "p99.9": g.Latency.Quantile(0.999)} {
			exact(g.Name+" "+label, groups[g.Name][label], v)
		}
	}

	view("log", "slow-donor")
	eventRows, decisions := b.rows("events"), b.rows("decisions")
	if len(eventRows) != len(want.Events) || len(decisions) != len(want.Decisions) {
		t.Errorf("%d events and %d decisions, want %d and %d", len(eventRows), len(decisions), len(want.Events), len(want.Decisions))
	}
	slices.Reverse(want.Events)
	for i, e := range want.Events[:min(len(eventRows), len(want.Events))] {
		exact("event", eventRows[i]["What"]+eventRows[i]["Donor"]+eventRows[i]["In words"]+eventRows[i]["Level"], e.Kind+e.Donor+e.Text+e.Level)
	}
	slices.Reverse(want.Decisions)
	for i, d := range want.Decisions[:min(len(decisions), len(want.Decisions))] {
		exact("decision", decisions[i]["Slab"]+decisions[i]["Rule"]+decisions[i]["Why"]+decisions[i]["Took"], fmt.Sprint(d.Slab, d.Rule, d.Why, d.Took))
	}

	view("latency", "The last interval")
	b.until("the heatmap", "checks.painted('canvas.draw')")
	if rows := b.rows("sources"); len(rows) != len(want.Histograms) {
		t.Errorf("%d sources, want %d", len(rows), len(want.Histograms))
	}

	view("slabs", "Busiest")
	b.until("the slab map", "checks.painted('#slabs')")
	slabsShown(t, b, &want, exact)
	if err := s.feed.Err(); err != nil {
		t.Error(err)
	}
	b.quiet(s.URL())
}

// slabsShown goes over the slab map with keys and with the mouse.
func slabsShown(t *testing.T, b *browser, want *status.Device, exact func(string, string, any)) {
	t.Helper()
	b.do(chromedp.Focus(chromedp.CSS("#slabs")))
	slab := func(how string) {
		t.Helper()
		// The field is a slider: its value is the slab.
		i, err := strconv.Atoi(eval[string](b, "document.getElementById('slab').dataset.slab"))
		if err != nil || i < 0 || i >= len(want.Slabs) {
			t.Fatalf("%s: slab %d, %v", how, i, err)
		}
		one := &want.Slabs[i]
		get := func(name string) string {
			return eval[string](b, fmt.Sprintf("[...document.querySelectorAll('#slab dt')].find((d) => d.textContent === %q).nextSibling.dataset.value", name))
		}
		what := fmt.Sprintf("%s: slab %d ", how, i)
		exact(what+"state", get("State"), one.State)
		exact(what+"donor", get("Donor"), one.Donor)
		exact(what+"pages", get("Pages on donor"), one.RemotePages)
		exact(what+"p99", get("Block read p99"), rounded(one.Latency.P99))
		activity, err := strconv.ParseFloat(get("Activity"), 64)
		if err != nil || math.Abs(activity-one.Activity) > 0.051*one.Activity+0.05 {
			t.Errorf("%sactivity: the page has %v, the status %v", what, activity, one.Activity)
		}
	}
	slab("focus")
	for _, key := range []string{kb.ArrowRight, kb.ArrowDown, kb.ArrowRight, kb.ArrowUp, kb.ArrowLeft, kb.End, kb.ArrowUp, kb.PageUp, kb.Home, kb.ArrowDown, kb.ArrowDown} {
		b.do(chromedp.KeyEvent(key))
		slab(fmt.Sprintf("key %q", key))
		now, text := eval[string](b, "document.getElementById('slabs').getAttribute('aria-valuenow')"), eval[string](b, "document.getElementById('slabs').getAttribute('aria-valuetext')")
		shown := eval[string](b, "document.getElementById('slab').dataset.slab")
		if now != shown || !strings.HasPrefix(text, "Slab "+shown+",") {
			t.Errorf("a screen reader hears %q, %q; shown is %s", now, text, shown)
		}
	}
	box := eval[[]float64](b, "(({x, y, width, height}) => [x, y, width, height])(document.getElementById('slabs').getBoundingClientRect())")
	seen := map[string]bool{}
	for _, at := range []float64{0.05, 0.3, 0.55, 0.8} {
		b.do(chromedp.MouseEvent("mouseMoved", box[0]+box[2]*at, box[1]+box[3]*at))
		slab(fmt.Sprintf("mouse at %g", at))
		seen[eval[string](b, "document.getElementById('slab').dataset.slab")] = true
	}
	if len(seen) != 4 {
		t.Errorf("the mouse was over slabs %v", seen)
	}
	held := map[string]int{}
	for i := range want.Slabs {
		held[want.Slabs[i].Donor+"/"+want.Slabs[i].State]++
	}
	for _, row := range b.rows("slabgroups") {
		name := row["head"]
		if name == "on none" {
			name = ""
		}
		exact("slabs of "+name, row["Slabs"], held[name+"/"+row["State"]])
		delete(held, name+"/"+row["State"])
	}
	if len(held) > 0 {
		t.Errorf("not in the table: %v", held)
	}
	for _, colour := range []string{"activity", "remote", "latency", "donor"} {
		b.do(chromedp.Click(chromedp.CSS(".seg label:has(input[value=" + colour + "])")))
		b.until("colours by "+colour, "checks.painted('#slabs')")
	}
}

// TestEveryView looks at each view in both schemes, on a desk and on a phone.
func TestEveryView(t *testing.T) {
	b, s, _ := still(t)
	pages := map[string]string{"cluster": s.URL() + "#/cluster", "donor": viewURL(s, "local/donor/mem2", "donor")}
	for _, v := range deviceViews {
		pages[v.id] = viewURL(s, deviceKey, v.id)
	}
	for _, scheme := range []string{"light", "dark"} {
		for _, width := range []int64{1440, 360} {
			b.look(scheme, width, 800)
			for name, url := range pages {
				where := fmt.Sprintf("%s-%s-%d", name, scheme, width)
				b.open(url)
				b.until(where, "document.querySelector('main .panel') && !document.querySelector('main > .empty') && document.getElementById('live').dataset.state === 'live'")
				b.until(where+": figures", "/[0-9]/.test(document.querySelector('main').innerText)")
				for _, bad := range eval[[]string](b, "checks.wide()") {
					t.Errorf("%s sticks out: %s", where, bad)
				}
				for _, bad := range eval[[]string](b, "checks.faint()") {
					t.Errorf("%s is faint: %s", where, bad)
				}
				for _, bad := range eval[[]string](b, "checks.marks()") {
					t.Errorf("%s: a line is faint: %s", where, bad)
				}
				roles := b.named()
				if roles["main"] != 1 || roles["navigation"] != 1 || roles["banner"] != 1 || roles["heading"] < 2 {
					t.Errorf("%s: landmarks and headings: %v", where, roles)
				}
				b.shot(where)
			}
		}
	}
	b.quiet(s.URL(), "about:blank")
}

// TestKeyboardOnly reads every view without a mouse, and can see where the focus is.
func TestKeyboardOnly(t *testing.T) {
	b, s, _ := still(t)
	b.look("light", 1440, 900)
	b.open(s.URL())
	b.until("the device, as there is no other", "document.querySelector('#tabs [aria-current]')?.textContent === 'Overview'")
	type focus struct {
		Tag, ID, Text, Href string
		Visible             bool
	}
	tab := func() focus {
		t.Helper()
		b.do(chromedp.KeyEvent(kb.Tab))
		f := eval[focus](b, "checks.focused()")
		if f.Tag != "BODY" && !f.Visible {
			t.Errorf("one cannot see that the focus is on %+v", f)
		}
		return f
	}
	// tabTo presses Tab until the focus is there.
	tabTo := func(what string, there func(focus) bool) {
		t.Helper()
		for range 80 {
			if there(tab()) {
				return
			}
		}
		t.Fatalf("Tab never comes to %s", what)
	}
	if first := tab(); !strings.HasPrefix(first.Text, "Skip") {
		t.Errorf("the first stop is %+v", first)
	}
	for _, v := range deviceViews[1:] {
		tabTo(v.id, func(f focus) bool { return strings.HasSuffix(f.Href, "/"+v.id) && f.Tag == "A" })
		b.do(chromedp.KeyEvent(kb.Enter))
		b.until(v.id, fmt.Sprintf("document.querySelector('main').innerText.includes(%q)", v.has))
		if f := eval[focus](b, "checks.focused()"); f.ID != "main" {
			t.Errorf("%s: the focus is on %+v", v.id, f)
		}
		switch v.id {
		case "slabs":
			tabTo("the slab map", func(f focus) bool { return f.ID == "slabs" })
			b.do(chromedp.KeyEvent(kb.ArrowRight))
			b.until("slab 1", "document.getElementById('slab').dataset.slab === '1'")
		case "latency":
			tabTo("the heatmap", func(f focus) bool { return f.Tag == "CANVAS" })
			b.do(chromedp.KeyEvent(kb.ArrowLeft))
			b.until("a column's figures", "document.activeElement.getAttribute('aria-valuetext').includes('requests')")
		case "cgroups":
			tabTo("a column's head", func(f focus) bool { return f.Tag == "BUTTON" && f.Text == "p50" })
			b.do(chromedp.KeyEvent(kb.Enter))
			b.until("sorted by p50", "document.querySelector('[data-table=cgroups] [aria-sort]').textContent === 'p50'")
		}
		eval[any](b, `document.activeElement.blur(); document.querySelector('.skip').focus(); 0`)
	}
	tabTo("pause", func(f focus) bool { return f.ID == "pause" })
	b.do(chromedp.KeyEvent(" "))
	b.until("paused", "document.getElementById('live-text').textContent === 'Paused' && document.getElementById('pause').getAttribute('aria-pressed') === 'true'")
	b.quiet(s.URL())
}

// TestPageLives: figures follow what happens, and the page says when nobody answers.
func TestPageLives(t *testing.T) {
	root, w, servers := fakeWorld(t)
	live, cancel := context.WithCancel(t.Context())
	defer cancel()
	done := make(chan struct{})
	go func() { defer close(done); w.Live(live, 4) }()
	defer func() { cancel(); <-done }()
	s := serve(t, Config{Root: root, Interval: 200 * time.Millisecond})
	b := openBrowser(t)
	b.look("dark", 1440, 900)
	b.open(viewURL(s, deviceKey, "overview"))
	b.until("figures", "!['', 'missing'].includes(checks.field('pages.both'))")
	first := eval[string](b, "checks.field('pages.both')")
	b.until("other figures", fmt.Sprintf("checks.field('pages.both') !== %q", first))
	b.do(chromedp.Click(chromedp.CSS("#pause")))
	held := eval[string](b, "checks.field('pages.both')")
	time.Sleep(time.Second)
	if now := eval[string](b, "checks.field('pages.both')"); now != held {
		t.Error("figures change while paused")
	}
	b.do(chromedp.Click(chromedp.CSS("#pause")))
	b.until("other figures again", fmt.Sprintf("checks.field('pages.both') !== %q", held))
	b.do(chromedp.Click(chromedp.CSS("#span label:has(input[value=coarse])")))
	b.until("an hour", "document.querySelector('#span input[value=coarse]').checked")

	if err := servers.KillDevice(); err != nil {
		t.Fatal(err)
	}
	b.until("the end", "document.getElementById('live').dataset.state === 'lost' && !document.getElementById('notice').hidden")
	if text := eval[string](b, "document.getElementById('announce').textContent"); !strings.Contains(text, "its server died") {
		t.Errorf("a screen reader hears %q", text)
	}
	b.shot("device-died")
	if err := servers.StartDevice(); err != nil {
		t.Fatal(err)
	}
	b.until("life", "document.getElementById('live').dataset.state === 'live' && document.getElementById('notice').hidden")
	b.quiet(s.URL())
}

// TestClusterOnOnePage: this dashboard shows a peer's device, and that another is down.
func TestClusterOnOnePage(t *testing.T) {
	root, w, _ := fakeWorld(t)
	far := serve(t, Config{Root: root, Interval: 200 * time.Millisecond})
	near := serve(t, Config{Peers: []string{address(far), "127.0.0.1:1"}})
	b := openBrowser(t)
	b.look("light", 1440, 900)
	b.open(near.URL())
	b.until("the peer's things", "checks.rows('devices').length === 1 && checks.rows('donors').length === 3")
	b.until("the peer that is down", "checks.rows('machines').some((m) => m.State.includes('does not answer') && m.State.includes('farswap dash --listen'))")
	rows := b.rows("donors")
	for i := range rows {
		if want := w.Donor(i).Memory; rows[i]["Lent"] != fmt.Sprint(want.Mapped) || rows[i]["At most"] != fmt.Sprint(want.Total) {
			t.Errorf("donor %d: %v", i, rows[i])
		}
	}
	b.shot("cluster-peer-down")
	b.do(chromedp.Click(chromedp.CSS("[data-table=devices] tbody a")))
	b.until("the peer's device", "!['', 'missing'].includes(checks.field('pages.both'))")
	if got, want := eval[string](b, "checks.field('pages.both')"), fmt.Sprint(w.Device().Pages.Both); got != want {
		t.Errorf("pages: the page has %s, the peer's device %s", got, want)
	}
	b.quiet(near.URL())
}

// TestSignInOnThePage: a wrong token is refused in words, the right one lets in.
func TestSignInOnThePage(t *testing.T) {
	root, _, _ := fakeWorld(t)
	s := serve(t, Config{Root: root, Token: testToken})
	b := openBrowser(t)
	for _, scheme := range []string{"dark", "light"} {
		b.look(scheme, 360, 700)
		b.open(s.URL())
		b.until("the form", "location.pathname === '/login' && document.getElementById('wrong')?.hidden")
		if faint := eval[[]string](b, "checks.faint().filter((f) => !f.startsWith('only'))"); len(faint) > 0 {
			t.Errorf("faint: %v", faint)
		}
		b.named()
		b.shot("login-" + scheme)
	}
	b.do(chromedp.SendKeys(chromedp.CSS("#token"), "nonsense"+kb.Enter))
	b.until("refusal", "location.search === '?wrong=1' && document.getElementById('wrong')?.hidden === false")
	b.do(chromedp.SendKeys(chromedp.CSS("#token"), testToken+kb.Enter))
	b.until("the page", "location.pathname === '/' && document.getElementById('live')?.dataset.state === 'live'")
	if cookie := eval[string](b, "document.cookie"); cookie != "" {
		t.Errorf("scripts can read the cookie: %q", cookie)
	}
	b.quiet(s.URL())
}

// TestManySlabs: with 10,000 slabs that change all the time, drawing takes a fraction of
// the time between two answers.
func TestManySlabs(t *testing.T) {
	const n = 10_000
	root := t.TempDir()
	d := status.Device{
		ID: 7, Path: "/dev/ublkb7", State: status.StateLive, Size: n * 64 << 20, SlabSize: 64 << 20, PID: 1, Started: time.Now(), Slabs: bigDevice(n),
		Donors: []status.Donor{{Name: "mem0", State: "up"}},
	}
	lock, err := status.Acquire(status.StateDir(root, 7))
	if err != nil {
		t.Fatal(err)
	}
	step := 0
	socket, err := status.Serve(status.Socket(lock.Dir()), status.Source{Status: func() any {
		step++
		now := d
		now.At, now.Slabs = time.Now(), bigDevice(n)
		for i := range now.Slabs {
			now.Slabs[i].Activity = float64((i*7 + step*311) % 1000)
		}
		return now
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := socket.Close(); err != nil {
			t.Error(err)
		}
		_ = lock.Remove()
	})
	s := serve(t, Config{Root: root, Interval: time.Second})
	b := openBrowser(t)
	b.look("light", 1440, 900)
	b.open(viewURL(s, deviceKey, "slabs"))
	b.until("10,000 slabs", "document.getElementById('slabs')?.getAttribute('aria-valuemax') === '9999' && checks.painted('#slabs')")
	eval[any](b, "window.busy = 0; new PerformanceObserver((l) => { for (const e of l.getEntries()) window.busy += e.duration; }).observe({ type: 'longtask', buffered: false }); window.since = performance.now(); 0")
	activity := "[...document.querySelectorAll('#slab dd')].map((d) => d.textContent).join()"
	for before, i := "", 0; i < 5; i++ { // slab 0 changes with every answer
		b.until("other figures", fmt.Sprintf("%s !== %q", activity, before))
		before = eval[string](b, activity)
	}
	share := eval[float64](b, "window.busy / (performance.now() - window.since)")
	t.Logf("the page is busy for %.0f%% of the time", 100*share)
	if share > 0.5 {
		t.Errorf("the page is busy for %.0f%% of the time", 100*share)
	}
	b.shot("slabs-10000")
	b.look("light", 360, 800)
	time.Sleep(300 * time.Millisecond)
	for _, bad := range eval[[]string](b, "checks.wide()") {
		t.Errorf("sticks out: %s", bad)
	}
	// This device has no histograms, no probes, no events: nothing of it may be in the way.
	for _, v := range deviceViews {
		b.open(viewURL(s, deviceKey, v.id))
		b.until(v.id, "document.querySelector('main .panel') && document.getElementById('live').dataset.state === 'live'")
	}
	b.quiet(s.URL())
	if matches, err := filepath.Glob(filepath.Join(shots, "*.png")); err != nil || len(matches) == 0 {
		t.Errorf("no pictures were kept: %v", err)
	}
}

// TestChecksOfThePageCanFail: what the other tests look for is found where it is.
func TestChecksOfThePageCanFail(t *testing.T) {
	b, s, _ := still(t)
	b.look("light", 360, 800)
	b.open(s.URL() + "#/cluster")
	b.until("the cluster", "document.querySelector('[data-table=devices] tbody tr')")
	if bad := eval[[]string](b, "checks.faint().concat(checks.wide())"); len(bad) > 0 {
		t.Fatalf("to begin with: %v", bad)
	}
	eval[any](b, `(() => {
		const p = document.createElement("p");
		p.textContent = "hardly to be read";
		p.style.color = "#8a8a92";
		p.style.width = "500px";
		document.querySelector("main").append(p);
	})()`)
	if bad := eval[[]string](b, "checks.faint()"); len(bad) != 1 || !strings.Contains(bad[0], "hardly") {
		t.Errorf("faint text: %v", bad)
	}
	if bad := eval[[]string](b, "checks.wide()"); len(bad) == 0 {
		t.Error("a wide paragraph is not found")
	}
	for name, script := range map[string]string{
		"request to elsewhere": `fetch("http://127.0.0.2:1/").then(() => "went", () => "refused")`,
		"markup":               `Promise.resolve((() => { try { document.querySelector("main").innerHTML = "<b>x</b>"; return "went"; } catch { return "refused"; } })())`,
		"picture of elsewhere": `new Promise((done) => { const s = document.createElement("img"); s.onerror = () => done("refused"); s.onload = () => done("went"); s.src = "http://127.0.0.2:1/x.png"; document.body.append(s); })`,
	} {
		got, err := chromedp.Run(b.ctx, chromedp.Evaluate[string](script, chromedp.EvalAwaitPromise))
		if err != nil || got != "refused" {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	eventually(t, "complaints", func() bool {
		b.mu.Lock()
		defer b.mu.Unlock()
		return len(b.trouble) >= 3
	})
	b.mu.Lock()
	b.trouble = nil // as was wanted
	b.mu.Unlock()
}
