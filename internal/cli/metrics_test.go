package cli

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/farswap/farswap/control"
)

func TestMetricsOnce(t *testing.T) {
	root := t.TempDir()
	fakeServer(t, root, testDevice(), "")
	fakeDead(t, root, unusedID+1)
	got := execute(t, root, "metrics", "--once", "--state-root", root)
	if got.code != 0 || got.stderr != "" {
		t.Fatalf("got %+v", got)
	}
	for _, want := range []string{
		`farswap_device_up{device="ublkb7001"} 1`, `farswap_device_up{device="ublkb7002"} 0`,
		`farswap_device_requests_total{device="ublkb7001",op="read"} 5`, "farswap_exporter_info",
	} {
		if !strings.Contains(got.stdout, "\n"+want) {
			t.Errorf("no line %q", want)
		}
	}
	if strings.Contains(got.stdout, "slab_page_activity") {
		t.Error("series for each slab that nobody asked for")
	}
	got = execute(t, root, "metrics", "--once", "--slabs", "--state-root", root)
	if want := `farswap_device_slab_page_activity{device="ublkb7001",donor="mem1",slab="2",state="mapped"} 10.5`; !strings.Contains(got.stdout, want) {
		t.Errorf("--slabs: no line %q", want)
	}
}

// metricsServer starts `farswap metrics` and returns the URL from its log. It is ended as
// systemd would, and has to end well.
func metricsServer(t *testing.T, dir string, args ...string) string {
	t.Helper()
	cmd := farswap(dir, append([]string{"metrics", "--config", "/dev/null", "--state-root", dir}, args...)...)
	log, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	timer := start(t, cmd)
	lines := bufio.NewScanner(log)
	t.Cleanup(func() { endMetrics(t, cmd, lines, timer) })
	for lines.Scan() {
		var event struct{ URL string }
		if err := json.Unmarshal(lines.Bytes(), &event); err == nil && event.URL != "" {
			return event.URL
		}
		t.Logf("farswap metrics: %s", lines.Text())
	}
	t.Fatal("farswap metrics does not say where it serves")
	return ""
}

func endMetrics(t *testing.T, cmd *exec.Cmd, log *bufio.Scanner, timer *time.Timer) {
	defer timer.Stop()
	_ = cmd.Process.Signal(os.Interrupt)
	for log.Scan() { // to its end, before Wait closes it
		t.Logf("farswap metrics: %s", log.Text())
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("farswap metrics: %v", err)
	}
}

// get is a scrape by a client with this configuration.
func get(t *testing.T, url string, config *tls.Config) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), commandTimeout)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	client := http.Client{Transport: &http.Transport{TLSClientConfig: config, DisableKeepAlives: true}}
	answer, err := client.Do(r)
	if err != nil {
		return "", err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if answer.StatusCode != http.StatusOK {
		return "", errors.New(answer.Status)
	}
	return string(body), err
}

func TestMetricsServed(t *testing.T) {
	dir := t.TempDir()
	fakeServer(t, dir, testDevice(), "")
	const want = `farswap_device_up{device="ublkb7001"} 1`
	for _, args := range [][]string{{"--listen", "127.0.0.1:0"}, {"--listen", ":0", "--plain"}} {
		url := metricsServer(t, dir, args...)
		if body, err := get(t, url, nil); err != nil || !strings.HasPrefix(url, "http://") || !strings.Contains(body, want) {
			t.Errorf("%v: %s: %v, no %q", args, url, err, want)
		}
		// A page of another site whose name leads here must not read what is for this machine.
		foreign, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
		if err != nil {
			t.Fatal(err)
		}
		foreign.Host = "elsewhere.example"
		code := http.StatusMisdirectedRequest
		if len(args) > 2 { // --plain answers everybody
			code = http.StatusOK
		}
		answer, err := http.DefaultClient.Do(foreign)
		if err != nil {
			t.Fatal(err)
		}
		_ = answer.Body.Close()
		if answer.StatusCode != code {
			t.Errorf("%v: for another host's name: %s, want %d", args, answer.Status, code)
		}
	}
}

// TestMetricsOverTLS: who has no identity of the authority is not answered.
func TestMetricsOverTLS(t *testing.T) {
	dir, certs := t.TempDir(), t.TempDir()
	fakeServer(t, dir, testDevice(), "")
	folder := func(name string) string { return filepath.Join(certs, name) }
	identities := map[string]*control.Identity{}
	for _, ca := range []string{"ca", "other"} {
		if err := control.InitCA(folder(ca), ca); err != nil {
			t.Fatal(err)
		}
	}
	for name, ca := range map[string]string{"here": "ca", "prometheus": "ca", "stranger": "other"} {
		if err := control.Issue(folder(ca), folder(name), name, []string{"127.0.0.1"}); err != nil {
			t.Fatal(err)
		}
		id, err := control.LoadIdentity(folder(name))
		if err != nil {
			t.Fatal(err)
		}
		identities[name] = id
	}
	url := metricsServer(t, dir, "--listen", "127.0.0.1:0", "--cert", folder("here"))
	body, err := get(t, url, identities["prometheus"].ClientConfig("127.0.0.1"))
	if err != nil || !strings.Contains(body, "farswap_device_up") {
		t.Errorf("%s: %v: %.100s", url, err, body)
	}
	nameless := &tls.Config{InsecureSkipVerify: true}
	stranger := identities["stranger"].ClientConfig("127.0.0.1")
	stranger.InsecureSkipVerify = true
	for who, config := range map[string]*tls.Config{"nobody": nameless, "a stranger": stranger} {
		if body, err := get(t, url, config); err == nil {
			t.Errorf("%s is answered: %.100s", who, body)
		}
	}
	if body, err := get(t, strings.Replace(url, "https:", "http:", 1), nil); err == nil {
		t.Errorf("answered without TLS: %.100s", body)
	}
}
