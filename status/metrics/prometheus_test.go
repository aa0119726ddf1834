package metrics

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/farswap/farswap/status"
)

const (
	// liveDeadline is far above what Prometheus needs to start, to scrape a few times
	// and to answer everything.
	liveDeadline = time.Minute
	scrapeEvery  = time.Second / 2
	// rateOver replaces Grafana's intervals.
	rateOver = "15s"
)

// The two scrape jobs: one gets native histograms, the other classic ones.
const (
	nativeJob  = "farswap"
	classicJob = "farswap-classic"
)

// live is a Prometheus that scrapes an exporter.
type live struct {
	t   *testing.T
	url string
	log string
}

// TestWithPrometheus lets Debian's Prometheus scrape a machine on which everything
// moves, with the rules loaded. Every rule must evaluate, and every query of the dashboard
// must bring data: with native histograms, and with classic ones.
func TestWithPrometheus(t *testing.T) {
	s, mu := newSynthetic(100, 3, 15), &sync.Mutex{}
	exporter := httptest.NewServer(formats(Handler(machine(t, s, mu))))
	t.Cleanup(exporter.Close)
	stop := make(chan struct{})
	var moving sync.WaitGroup
	moving.Go(func() {
		tick := time.NewTicker(scrapeEvery / 2)
		defer tick.Stop()
		for {
			select {
			case <-stop:
				return
			case <-tick.C:
				mu.Lock()
				s.move()
				mu.Unlock()
			}
		}
	})
	halt := sync.OnceFunc(func() { close(stop); moving.Wait() })
	t.Cleanup(halt)
	p := startPrometheus(t, exporter.Listener.Addr().String())
	t.Run("scrapes", p.checkScrapes)
	t.Run("dashboard", p.checkDashboard)
	t.Run("variables", p.checkVariables)
	t.Run("rules", p.checkRules)
	halt()
	t.Run("quantiles", func(t *testing.T) { p.checkQuantiles(t, s) })
}

// formats adds /classic, where nobody gets protobuf, and thus no native histogram.
func formats(h http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", h)
	mux.HandleFunc("GET /classic", func(w http.ResponseWriter, r *http.Request) {
		r.Header.Set("Accept", plainText)
		h.ServeHTTP(w, r)
	})
	return mux
}

// startPrometheus returns when Prometheus is ready.
func startPrometheus(t *testing.T, target string) *live {
	t.Helper()
	dir := t.TempDir()
	rules, err := filepath.Abs(rulesFile)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "prometheus.yml")
	writeConfig(t, path, rules, target)
	address := freeAddress(t)
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	cmd := exec.Command(tool(t, "prometheus"), "--config.file="+path, "--storage.tsdb.path="+filepath.Join(dir, "data"),
		"--web.listen-address="+address, "--enable-feature=native-histograms")
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		if err := <-ended; err != nil {
			t.Errorf("prometheus: %v", err)
		}
	})
	timer := time.AfterFunc(3*liveDeadline, func() { _ = cmd.Process.Kill() })
	t.Cleanup(func() { timer.Stop() })
	p := &live{t, "http://" + address, log.Name()}
	p.until("ready", func() error { _, err := p.get("/-/ready", nil); return err })
	return p
}

// writeConfig lets Prometheus store native histograms: since 3.8 that is an option of the
// configuration, which older ones, with a feature flag, refuse.
func writeConfig(t *testing.T, path, rules, target string) {
	t.Helper()
	var out []byte
	var err error
	for _, native := range []string{`"scrape_native_histograms": true, `, ""} {
		config := fmt.Sprintf(`{"global": {%s"scrape_interval": %q, "evaluation_interval": %[2]q}, "rule_files": [%q], "scrape_configs": [
			{"job_name": %q, "static_configs": [{"targets": [%q]}]},
			{"job_name": %q, "metrics_path": "/classic", "static_configs": [{"targets": [%[5]q]}]}]}`,
			native, scrapeEvery.String(), rules, nativeJob, target, classicJob)
		if err = os.WriteFile(path, []byte(config), 0o600); err != nil { // JSON is YAML
			t.Fatal(err)
		}
		if out, err = exec.Command(tool(t, "promtool"), "check", "config", path).CombinedOutput(); err == nil {
			return
		}
	}
	t.Fatalf("promtool check config: %v\n%s", err, out)
}

// freeAddress is a port of this machine that nobody listens on now.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// get is an answer of Prometheus.
func (p *live) get(path string, values url.Values) ([]byte, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, p.url+path+"?"+values.Encode(), nil)
	if err != nil {
		return nil, err
	}
	answer, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(r)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if answer.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", answer.Status, body)
	}
	return body, err
}

// api is the data of an answer of its API.
func (p *live) api(path string, values url.Values, into any) error {
	body, err := p.get("/api/v1/"+path, values)
	if err != nil {
		return err
	}
	answer := struct{ Data any }{into}
	return json.Unmarshal(body, &answer)
}

// until tries until it works, for [liveDeadline].
func (p *live) until(what string, try func() error) {
	p.t.Helper()
	end := time.Now().Add(liveDeadline)
	for {
		err := try()
		if err == nil {
			return
		}
		if time.Now().After(end) {
			log, _ := os.ReadFile(p.log)
			p.t.Fatalf("prometheus is not %s: %v\n%s", what, err, log)
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// checkScrapes waits until both jobs have brought some: rates need two.
func (p *live) checkScrapes(t *testing.T) {
	p.t = t
	for _, job := range []string{nativeJob, classicJob} {
		p.until("scraping "+job, func() error {
			found, err := p.query(fmt.Sprintf(`count_over_time(%s{job=%q}[1m]) > 3`, deviceUp.name, job))
			if err == nil && len(found) == 0 {
				err = errors.New("nothing yet")
			}
			return err
		})
	}
	var targets struct {
		ActiveTargets []struct{ Health, LastError string }
	}
	if err := p.api("targets", nil, &targets); err != nil || len(targets.ActiveTargets) != 2 {
		t.Fatalf("%+v, %v", targets, err)
	}
	for _, target := range targets.ActiveTargets {
		if target.Health != "up" || target.LastError != "" {
			t.Errorf("%+v", target)
		}
	}
}

// query lists the values of an instant query, a native histogram as "histogram".
func (p *live) query(expr string) ([]string, error) {
	var data struct {
		Result []struct {
			Value     []any
			Histogram []any
		}
	}
	err := p.api("query", url.Values{"query": {expr}}, &data)
	var values []string
	for _, r := range data.Result {
		if len(r.Histogram) > 0 {
			values = append(values, "histogram")
		} else if len(r.Value) == 2 {
			values = append(values, fmt.Sprint(r.Value[1]))
		}
	}
	return values, err
}

// substitute does what Grafana does with its variables.
func substitute(expr, job string) string {
	return strings.NewReplacer(
		"$__rate_interval", rateOver, "$__range", rateOver, "$job", job, "$instance", ".*", "$device", ".*", "$donor", ".*", "$source", "read",
	).Replace(expr)
}

// checkDashboard: every query brings something that is a number.
func (p *live) checkDashboard(t *testing.T) {
	p.t = t
	queries := 0
	for _, panel := range readDashboard(t).Panels {
		jobs := []string{nativeJob, classicJob}
		switch {
		case strings.Contains(panel.Title, "(native histogram)"):
			jobs = jobs[:1]
		case strings.Contains(panel.Title, "(classic histogram)"):
			jobs = jobs[1:]
		}
		for _, target := range panel.Targets {
			for _, job := range jobs {
				queries++
				expr := substitute(target.Expr, job)
				values, err := p.query(expr)
				isNumber := func(v string) bool { return v != "NaN" }
				if err != nil || !slices.ContainsFunc(values, isNumber) {
					t.Errorf("%s, job %s: %v, %v\n%s", panel.Title, job, values, err, expr)
				}
				if native := slices.Contains(values, "histogram"); native != (len(jobs) == 1 && job == nativeJob) {
					t.Errorf("%s, job %s: native histogram: %v", panel.Title, job, native)
				}
			}
		}
	}
	if queries < 100 {
		t.Errorf("only %d queries were made", queries)
	}
	t.Logf("%d queries", queries)
}

// checkVariables: every variable of the dashboard has values to choose from.
func (p *live) checkVariables(t *testing.T) {
	p.t = t
	form, checked := regexp.MustCompile(`^label_values\((.*), ([a-z]+)\)$`), 0
	for _, v := range readDashboard(t).Templating.List {
		if v.Type != "query" {
			continue
		}
		parts := form.FindStringSubmatch(v.Definition)
		if parts == nil {
			t.Errorf("%s: %s is not understood", v.Name, v.Definition)
			continue
		}
		var values []string
		match := substitute(parts[1], ".*")
		if err := p.api("label/"+parts[2]+"/values", url.Values{"match[]": {match}}, &values); err != nil || len(values) == 0 {
			t.Errorf("%s: %s: %v, %v", v.Name, v.Definition, values, err)
		}
		checked++
	}
	if checked < 5 {
		t.Errorf("only %d variables were found", checked)
	}
}

// checkRules: all are evaluated without an error, and those that the synthetic machine
// breaks have noticed.
func (p *live) checkRules(t *testing.T) {
	p.t = t
	type rule struct{ Name, Health, LastError, State string }
	var rules map[string]rule
	noticed := []string{
		"FarswapPagesLost", "FarswapIOErrors", "FarswapCorruptPages", "FarswapForgedPages", "FarswapDeviceDegraded", "FarswapSlabsDropped",
		"FarswapDonorSlow", "FarswapDonorShort", "FarswapDonorRefusals", "FarswapCertificateEnds",
	}
	p.until("through with the rules", func() error {
		var data struct{ Groups []struct{ Rules []rule } }
		if err := p.api("rules", nil, &data); err != nil {
			return err
		}
		rules = map[string]rule{}
		for _, g := range data.Groups {
			for _, r := range g.Rules {
				rules[r.Name] = r
			}
		}
		for name, r := range rules {
			if r.Health == "unknown" || r.Health == "ok" && r.State == "inactive" && slices.Contains(noticed, name) {
				return fmt.Errorf("%+v", r)
			}
		}
		return nil
	})
	names := alertNames(t)
	if len(rules) != len(names) {
		t.Errorf("%d rules were loaded, there are %d", len(rules), len(names))
	}
	for _, name := range names {
		r := rules[name]
		if r.Health != "ok" || r.LastError != "" || slices.Contains(noticed, name) == (r.State == "inactive") {
			t.Errorf("%s: %+v", name, r)
		}
	}
}

// checkQuantiles: Prometheus finds the quantiles that farswap itself does, off by the
// width of a bucket at most. Nothing moves any more.
func (p *live) checkQuantiles(t *testing.T, s *synthetic) {
	p.t = t
	i := slices.IndexFunc(s.device.Histograms, func(h status.Histogram) bool { return h.Source == status.SourceRead })
	latency := &s.device.Histograms[i].Latency
	one := func(format, job string, a ...any) (float64, error) {
		selector := fmt.Sprintf(`{job=%q, source="read"}`, job)
		values, err := p.query(strings.ReplaceAll(fmt.Sprintf(format, a...), "{}", selector))
		if err != nil || len(values) != 1 {
			return 0, fmt.Errorf("got %v, %w", values, err)
		}
		return strconv.ParseFloat(values[0], 64)
	}
	for _, c := range []struct {
		job, count, quantile string
		factor               float64 // width of a bucket, and that of loghist's
	}{
		{nativeJob, "histogram_count(farswap_device_latency_seconds{})", "histogram_quantile(%g, farswap_device_latency_seconds{})", 1.16},
		{classicJob, "farswap_device_latency_seconds_count{}", "histogram_quantile(%g, farswap_device_latency_seconds_bucket{})", 2.1},
	} {
		p.until("through with "+c.job, func() error {
			count, err := one(c.count, c.job)
			if err == nil && count != float64(latency.Count()) {
				err = fmt.Errorf("%g durations, want %d", count, latency.Count())
			}
			return err
		})
		for _, q := range []float64{0.01, 0.5, 0.99, 0.999} {
			got, err := one(c.quantile, c.job, q)
			want := seconds(latency.Quantile(q))
			if err != nil || got > want*c.factor || got < want/c.factor {
				t.Errorf("%s: quantile %g is %g s, %v; want about %g", c.job, q, got, err, want)
			}
			t.Logf("%s: quantile %g is %g s, %g by farswap's own histogram", c.job, q, got, want)
		}
	}
}
