//go:build browser

package web

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/farswap/farswap/status"
	"github.com/farswap/farswap/status/statustest"
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

// TestPageShowsTheStatus compares what each view shows with the device's status.
func TestPageShowsTheStatus(t *testing.T) {
	b, s, want := still(t)
	b.look("light", 1440, 900)
	for _, v := range deviceViews {
		b.open(viewURL(s, deviceKey, v.id))
		b.until(v.id, fmt.Sprintf("document.querySelector('main').innerText.includes(%q)", v.has))
		switch v.id {
		case "overview":
			b.until("pages", "!['', 'missing'].includes(checks.field('pages.both'))")
		case "latency":
			b.until("the heatmap", "checks.painted('canvas.draw')")
		case "slabs":
			b.until("the slab map", "checks.painted('#slabs')")
		}
		for _, wrong := range compare(b, v.id, &want) {
			t.Error(wrong)
		}
	}
	if err := s.feed.Err(); err != nil {
		t.Error(err)
	}
	b.quiet(s.URL())
}

// TestPageKeepsTheReadersPlace: a row stays what it is, with what is selected in it, while
// others come and go above it.
func TestPageKeepsTheReadersPlace(t *testing.T) {
	b, s, _ := still(t)
	b.open(s.URL() + "#/cluster")
	got, err := chromedp.Run(b.ctx, chromedp.Evaluate[string](`import("/assets/table.js").then(({ table }) => {
		const t = table({ caption: "letters", key: (x) => x, columns: [{ label: "Letter", text: (x) => x }] });
		document.querySelector("main").append(t.el);
		t.update(["a", "b", "read", "d"]);
		const row = t.rows.get("read");
		getSelection().selectAllChildren(row);
		t.update(["b", "read", "d", "e"]);
		t.update(["new", "read", "e"]);
		return [t.rows.get("read") === row, getSelection().toString().trim(), t.el.querySelector("tbody").textContent].join();
	})`, chromedp.EvalAwaitPromise))
	if want := "true,read,newreade"; err != nil || got != want {
		t.Errorf("got %q, %v, want %q", got, err, want)
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
	b.signIn(testToken)
	if cookie := eval[string](b, "document.cookie"); cookie != "" {
		t.Errorf("scripts can read the cookie: %q", cookie)
	}
	b.quiet(s.URL())
}

// TestPageOverTLS: a browser can talk to a dashboard with an identity, and sign in there.
func TestPageOverTLS(t *testing.T) {
	root, _, _ := fakeWorld(t)
	ca, id := testIdentity(t)
	s := serve(t, Config{Listen: notLoopback, Root: root, Identity: id, Token: testToken})
	_, port, err := net.SplitHostPort(address(s))
	if err != nil {
		t.Fatal(err)
	}
	base := "https://127.0.0.1:" + port + "/"
	b := openBrowser(t, trusted(t, base, filepath.Join(ca, "ca.crt")))
	b.open(base)
	b.until("the form", "location.pathname === '/login'")
	b.signIn(testToken)
	b.quiet(base)
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
	socket, err := status.ServeDevice(status.Socket(lock.Dir()), statustest.DeviceFunc(func() status.Device {
		step++
		now := d
		now.At, now.Slabs = time.Now(), bigDevice(n)
		for i := range now.Slabs {
			now.Slabs[i].Activity = float64((i*7 + step*311) % 1000)
		}
		return now
	}))
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
	// This device has no histograms, no probes and no events. The page must cope with that.
	for _, v := range deviceViews {
		b.open(viewURL(s, deviceKey, v.id))
		b.until(v.id, "document.querySelector('main .panel') && document.getElementById('live').dataset.state === 'live'")
	}
	b.quiet(s.URL())
	if matches, err := filepath.Glob(filepath.Join(b.shots, "*.png")); err != nil || len(matches) == 0 {
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
