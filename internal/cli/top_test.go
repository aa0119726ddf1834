package cli

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/x/ansi"

	"github.com/farswap/farswap/dash/dashtest"
	"github.com/farswap/farswap/internal/human"
	"github.com/farswap/farswap/status"
)

// screen is a tmux with a private socket and farswap top in it.
type screen struct {
	t      *testing.T
	socket string
}

// openScreen runs a command line of a shell in a terminal of a size. The window stays
// after it has ended.
func openScreen(t *testing.T, dir string, width, height int, line string) *screen {
	t.Helper()
	if _, err := exec.LookPath("tmux"); err != nil {
		t.Fatal("tmux is missing: `./do unit` installs it")
	}
	s := &screen{t, filepath.Join(dir, fmt.Sprint("tmux", width))}
	s.tmux("-f", os.DevNull, "new-session", "-d", "-x", fmt.Sprint(width), "-y", fmt.Sprint(height), line+"; echo ended $?; exec sleep 1000")
	t.Cleanup(func() { s.tmux("kill-server") })
	return s
}

func (s *screen) tmux(args ...string) string {
	s.t.Helper()
	cmd := exec.Command("tmux", append([]string{"-S", s.socket}, args...)...)
	cmd.Env = append(os.Environ(), "LANG=C.UTF-8")
	out, err := cmd.CombinedOutput()
	if err != nil {
		s.t.Fatalf("tmux %q: %v: %s", args, err, out)
	}
	return string(out)
}

// key presses a key, by tmux's name.
func (s *screen) key(k string) { s.tmux("send-keys", k) }

// wait waits until the screen shows all parts, and returns it.
func (s *screen) wait(parts ...string) string {
	s.t.Helper()
	deadline := time.Now().Add(commandTimeout)
	for {
		text := s.tmux("capture-pane", "-p")
		missing := ""
		if lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n"); strings.Contains(text, "Overview") && !strings.HasPrefix(lines[len(lines)-1], "q quit") {
			missing = "q quit" // it was caught between two writes, unless it stays so
		}
		for _, p := range parts {
			if !strings.Contains(text, p) {
				missing = p
			}
		}
		if missing == "" {
			return text
		}
		if time.Now().After(deadline) {
			s.t.Fatalf("the screen lacks %q:\n%s", missing, text)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// topRig is a made-up device whose time stands still, and how to run top on it.
func topRig(t *testing.T) (dir, command string, servers *dashtest.Servers) {
	t.Helper()
	dir, err := os.MkdirTemp("", "top") // short: the path of a socket may have 107 bytes
	if err != nil {
		t.Fatal(err)
	}
	w := dashtest.New(1, time.Now().Add(-time.Hour))
	w.Step(100 * time.Second) // mem2 is slow, slabs have moved
	servers, err = dashtest.Serve(filepath.Join(dir, "run"), w)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := servers.Close(); err != nil {
			t.Error(err)
		}
		os.RemoveAll(dir)
	})
	return dir, fmt.Sprintf("env %s=1 LANG=C.UTF-8 TERM=screen-256color %s top --state-root %s --interval 200ms", mainEnv, os.Args[0], filepath.Join(dir, "run")), servers
}

// TestTopOnTerminals drives top through every view on a small and a large terminal: what
// it shows is what `ublk status --json` says.
func TestTopOnTerminals(t *testing.T) {
	for _, size := range [][2]int{{80, 24}, {200, 60}} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			dir, command, _ := topRig(t)
			var d status.Device
			got := execute(t, dir, "ublk", "status", "--json", "--state-root", filepath.Join(dir, "run"))
			if err := json.Unmarshal([]byte(got.stdout), &d); err != nil {
				t.Fatalf("%+v: %v", got, err)
			}
			s := openScreen(t, dir, size[0], size[1], command)
			s.wait("[1 Overview]", "/dev/ublkb7", "q quit")
			for k, views := range topViews(d) {
				s.key(k)
				text := s.wait(views...)
				lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
				if len(lines) != size[1] || !strings.HasPrefix(lines[0], "farswap /dev/ublkb7  live") || !strings.HasPrefix(lines[len(lines)-1], "q quit") {
					t.Errorf("view %s is not a whole screen:\n%s", k, text)
				}
				for _, line := range lines {
					if ansi.StringWidth(line) > size[0] {
						t.Errorf("view %s: too wide: %q", k, line)
					}
				}
				t.Logf("view %s\n%s", k, text)
			}
			s.key("h")
			s.wait("KEYS", "quit; also ctrl+c")
			s.key("Escape")
			s.wait("]") // of the view; right after it any key would be one with Alt
			s.key("1")
			s.wait("[1 Overview]")
			s.key("p")
			s.wait("PAUSED", "[1 Overview]")
			s.key("q")
			s.wait("ended 0")
		})
	}
}

// topViews is what each view has to show of a device.
func topViews(d status.Device) map[string][]string {
	views := map[string][]string{
		"1": {"[1 Overview]", "both " + human.Count(float64(d.Pages.Both)), "donor only " + human.Count(float64(d.Pages.Remote)), fmt.Sprint("moved ", d.Moves.Slabs)},
		"2": {"[2 Latency]"},
		"3": {"[3 Slabs]", "256 of 64M", fmt.Sprintf("SLAB 0  %s", d.Slabs[0].State), fmt.Sprintf("remote %d of %d pages", d.Slabs[0].RemotePages, d.Slabs[0].Pages)},
		"4": {"[4 Donors]", "up slow"},
		"5": {"[5 Slow]", fmt.Sprint(d.Slowest[0].Page), human.Nanos(d.Slowest[0].Total), d.Cgroups[0].Name, human.Nanos(d.Cgroups[0].Latency.Quantile(0.999))},
		"6": {"[6 Events]", d.Events[len(d.Events)-1].Text, d.Decisions[len(d.Decisions)-1].Rule},
	}
	for _, h := range d.Histograms {
		views["2"] = append(views["2"], h.Source)
	}
	for _, o := range d.Donors {
		views["3"] = append(views["3"], fmt.Sprintf("%s %d", o.Name, o.Slabs))
		views["4"] = append(views["4"], human.Nanos(o.Latency.P50), human.Nanos(o.Latency.P99), human.Nanos(o.P99), human.Bytes(o.Free))
		views["1"] = append(views["1"], human.Nanos(o.Latency.P99), human.Bytes(o.Free))
	}
	return views
}

// TestTopLatenciesSinceStart: with the window on everything, the quantiles are those of
// the status.
func TestTopLatenciesSinceStart(t *testing.T) {
	dir, command, _ := topRig(t)
	var d status.Device
	got := execute(t, dir, "ublk", "status", "--json", "--state-root", filepath.Join(dir, "run"))
	if err := json.Unmarshal([]byte(got.stdout), &d); err != nil {
		t.Fatalf("%+v: %v", got, err)
	}
	s := openScreen(t, dir, 80, 24, command)
	s.wait("[1 Overview]")
	s.key("2")
	s.key("W")
	text := s.wait("SINCE START", "[2 Latency]")
	for _, h := range d.Histograms {
		l := h.Latency
		want := strings.Join([]string{h.Source, human.Count(float64(l.Count())), human.Nanos(l.Quantile(0.5)), human.Nanos(l.Quantile(0.99)), human.Nanos(l.Quantile(0.999))}, " ")
		if words := strings.Join(strings.Fields(text), " "); !strings.Contains(words, want) {
			t.Errorf("lacks %q:\n%s", want, text)
		}
	}
}

// TestTopWhileThingsChange: the terminal gets another size, the server dies and comes
// back.
func TestTopWhileThingsChange(t *testing.T) {
	dir, command, servers := topRig(t)
	s := openScreen(t, dir, 80, 24, command)
	s.wait("q quit")
	for _, size := range [][2]int{{120, 40}, {40, 10}, {80, 24}} {
		s.tmux("resize-window", "-x", fmt.Sprint(size[0]), "-y", fmt.Sprint(size[1]))
		deadline := time.Now().Add(commandTimeout)
		for {
			lines := strings.Split(strings.TrimSuffix(s.tmux("capture-pane", "-p"), "\n"), "\n")
			if len(lines) == size[1] && strings.HasPrefix(lines[0], "farswap") && strings.HasPrefix(lines[size[1]-1], "q quit") {
				break
			}
			if time.Now().After(deadline) {
				t.Fatalf("at %v:\n%s", size, strings.Join(lines, "\n"))
			}
			time.Sleep(50 * time.Millisecond)
		}
	}
	if err := servers.KillDevice(); err != nil {
		t.Fatal(err)
	}
	s.wait("the server of /dev/ublkb7 died", "farswap ublk list")
	if err := servers.StartDevice(); err != nil {
		t.Fatal(err)
	}
	s.wait("/dev/ublkb7  live")
	if err := servers.StopDevice(); err != nil {
		t.Fatal(err)
	}
	s.wait("/dev/ublkb7 is gone")
	s.key("C-c")
	s.wait("ended 0")
}

// TestTopOnPoorTerminals: without colours, without UTF-8, and on one that cannot be drawn
// on.
func TestTopOnPoorTerminals(t *testing.T) {
	dir, command, _ := topRig(t)
	colour := regexp.MustCompile(`\x1b\[([0-9;]*;)?(3[0-7]|9[0-7]|38;5;[0-9]+)m`)
	coloured := func(s *screen) bool { return colour.MatchString(s.tmux("capture-pane", "-p", "-e")) }
	for i, tc := range []struct {
		env           string
		parts         []string
		colour, ascii bool
	}{
		{"COLORTERM=", []string{"q quit", "µs"}, true, false},
		{"NO_COLOR=yes", []string{"q quit", "µs"}, false, false},
		{"LANG=C LC_ALL= LC_CTYPE=", []string{"q quit", "us"}, true, true},
		{"TERM=dumb", []string{"farswap /dev/ublkb7", "mem2"}, false, true},
	} {
		s := openScreen(t, dir, 80+i, 30, strings.Replace(command, "TERM=screen-256color", "TERM=screen-256color "+tc.env, 1))
		text := s.wait(tc.parts...)
		if got := coloured(s); got != tc.colour {
			t.Errorf("%s: coloured %v", tc.env, got)
		}
		if got := !strings.ContainsFunc(text, func(r rune) bool { return r > 127 }); got != tc.ascii {
			t.Errorf("%s: ASCII %v:\n%s", tc.env, got, text)
		}
		s.key("C-c")
		s.wait("ended 0")
	}
}

func TestTopOnce(t *testing.T) {
	dir, _, _ := topRig(t)
	root := filepath.Join(dir, "run")
	got := execute(t, dir, "top", "/dev/ublkb7", "--once", "--interval", "100ms", "--state-root", root)
	if got.code != 0 || got.stderr != "" || !strings.HasPrefix(got.stdout, "farswap /dev/ublkb7  live") || strings.Contains(got.stdout, "\x1b") {
		t.Errorf("got %+v", got)
	}
	got = execute(t, dir, "top", "--once", "--json", "--interval", "100ms", "--state-root", root)
	var report struct{ Devices []struct{ ID int } }
	if err := json.Unmarshal([]byte(got.stdout), &report); err != nil || got.code != 0 || len(report.Devices) != 1 || report.Devices[0].ID != 7 {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestTopRefuses(t *testing.T) {
	dir := t.TempDir()
	for _, c := range []badCase{
		bad("no device", 1, "top --state-root "+dir, "no device to show|farswap ublk add"),
		bad("other device", 1, "top 3 --state-root "+dir, "device 3|farswap ublk list"),
		bad("no number", 2, "top xyz --state-root "+dir, "xyz|/dev/ublkb0"),
		bad("two", 2, "top 1 2", "unexpected argument"),
		bad("too often", 2, "top --interval 1ms", "--interval 1ms|100ms"),
		bad("too seldom", 2, "top --interval 2h", "--interval 2h0m0s|1m0s"),
	} {
		t.Run(c.name, func(t *testing.T) { c.run(t, dir) })
	}
}
