package metrics

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
)

const (
	rulesFile     = "../../contrib/prometheus/farswap.rules.yml"
	ruleTestsFile = "../../contrib/prometheus/farswap.test.yml"
	dashboardFile = "../../contrib/grafana/farswap.json"
)

// tool finds a program of Debian's package prometheus, which `./do unit` unpacks. Without
// it the test fails: nothing else shows that Prometheus understands what is here.
func tool(t *testing.T, name string) string {
	t.Helper()
	if path, err := filepath.Abs("../../.cache/prometheus/usr/bin/" + name); err == nil {
		if _, err := os.Stat(path); err == nil {
			return path
		}
	}
	path, err := exec.LookPath(name)
	if err != nil {
		t.Fatalf("%v: run the tests with `./do unit`, which fetches it, or install the package prometheus", err)
	}
	return path
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// TestNamesInContrib: rules and dashboard use no metric that there is not, and every
// alert is tested.
func TestNamesInContrib(t *testing.T) {
	known := map[string]bool{}
	for _, f := range families {
		known[f.name] = true
	}
	known[deviceLatency.name+"_bucket"], known[deviceCgroups.name+"_bucket"] = true, true
	for _, path := range []string{rulesFile, ruleTestsFile, dashboardFile} {
		names := regexp.MustCompile(`\bfarswap_(device|donor|exporter)_[a-z0-9_]+`).FindAllString(readFile(t, path), -1)
		if len(names) < 15 {
			t.Errorf("%s: only %d names were found", path, len(names))
		}
		for _, name := range names {
			if !known[name] {
				t.Errorf("%s: %s is no metric of this package", path, name)
			}
		}
	}
	tests := readFile(t, ruleTestsFile)
	for _, name := range alertNames(t) {
		if !strings.Contains(tests, `"`+name+`"`) {
			t.Errorf("%s: nothing about %s", ruleTestsFile, name)
		}
	}
}

// alertNames lists the alerts, and checks that each says what it means and what to do.
func alertNames(t *testing.T) []string {
	t.Helper()
	var names []string
	for _, rule := range strings.Split(readFile(t, rulesFile), "- alert: ")[1:] {
		name, _, _ := strings.Cut(rule, "\n")
		names = append(names, name)
		for _, part := range []string{"severity: ", "summary: ", "meaning: ", "action: "} {
			if strings.Count(rule, part) != 1 {
				t.Errorf("%s has no %q", name, part)
			}
		}
	}
	if len(names) < 10 {
		t.Fatalf("only %d alerts were found", len(names))
	}
	return names
}

func TestRules(t *testing.T) {
	for _, args := range [][]string{{"check", "rules", rulesFile}, {"test", "rules", ruleTestsFile}} {
		out, err := exec.Command(tool(t, "promtool"), args...).CombinedOutput()
		if err != nil || !bytes.Contains(out, []byte("SUCCESS")) {
			t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
}

// TestPromtoolChecksMetrics: no finding about any name, unit or help text.
func TestPromtoolChecksMetrics(t *testing.T) {
	var text bytes.Buffer
	root := machine(t, newSynthetic(8, 3, 2), &sync.Mutex{})
	if err := New(root, Options{Slabs: true, Version: "1"}).WriteText(&text); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(tool(t, "promtool"), "check", "metrics")
	cmd.Stdin = &text
	if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("promtool check metrics: %v\n%s", err, out)
	}
	cmd = exec.Command(tool(t, "promtool"), "check", "metrics")
	cmd.Stdin = strings.NewReader("# TYPE bad_milliseconds counter\nbad_milliseconds 1\n")
	if out, err := cmd.CombinedOutput(); err == nil {
		t.Errorf("promtool finds nothing wrong with a bad name: %s", out)
	}
}

// dashboard is what matters here of Grafana's format.
type dashboard struct {
	Panels []struct {
		Title   string
		Targets []struct{ Expr string }
	}
	Templating struct {
		List []struct{ Name, Type, Definition string }
	}
}

func readDashboard(t *testing.T) dashboard {
	t.Helper()
	var d dashboard
	if err := json.Unmarshal([]byte(readFile(t, dashboardFile)), &d); err != nil {
		t.Fatal(err)
	}
	return d
}
