//go:build browser

package web

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/charmbracelet/x/ansi"

	"github.com/farswap/farswap/internal/human"
	"github.com/farswap/farswap/status"
)

// topViews are the views of farswap top by their keys.
var topViews = []string{"overview", "latency", "slabs", "donors", "slow", "events"}

// top looks at every view of farswap top on a small and a large terminal.
func (l *live) top() {
	for _, size := range [][2]int{{80, 24}, {200, 60}} {
		name := fmt.Sprintf("%dx%d", size[0], size[1])
		for i, view := range topViews {
			l.machine.order("key", name, fmt.Sprint(i+1))
			screen := ""
			await(l.T, "farswap top of "+name+", "+view, livePatience, func() []string {
				before := l.machine.status()
				screen = string(l.machine.order("screen", name))
				return topShows(view, screen, size, before, l.machine.status())
			})
			if err := os.WriteFile(filepath.Join(*liveDir, "top-"+name+"-"+view+".txt"), []byte(screen), 0o644); err != nil {
				l.Fatal(err)
			}
		}
	}
}

// topShows says what is wrong with a screen that came between two statuses.
func topShows(view, screen string, size [2]int, before, after *status.Device) (wrong []string) {
	errorf := func(format string, args ...any) { wrong = append(wrong, fmt.Sprintf(format, args...)) }
	lines := strings.Split(strings.TrimSuffix(screen, "\n"), "\n")
	if len(lines) != size[1] || !strings.HasPrefix(lines[0], "farswap "+after.Path+"  live  swap  "+human.Bytes(after.Size)) || !strings.HasPrefix(lines[len(lines)-1], "q quit") {
		errorf("not a whole screen")
	}
	for _, line := range lines {
		if ansi.StringWidth(line) > size[0] {
			errorf("too wide: %q", line)
		}
	}
	has := func(pattern string) {
		if !regexp.MustCompile(pattern).MatchString(screen) {
			errorf("nothing matches %q", pattern)
		}
	}
	const amount, latency = `([1-9]|0\.[0-9]*[1-9])[0-9.]*[kKMG]?`, `[1-9][0-9.]*(ns|µs|ms|s)`
	has(`(?i)\[[1-6] ` + view + `\]`)
	switch view {
	case "overview":
		has(`(?m)^in +` + amount + ` +` + amount + ` +` + amount)
		has(`(?m)^out +` + amount + ` +` + amount + ` +` + amount)
		has(`> fault +` + amount + ` +` + latency + ` +` + latency)
		has(`errors 0  corrupt 0`)
	case "latency":
		for _, h := range after.Histograms {
			has(`[ >] ` + h.Source + ` `)
		}
		has(`read +` + amount + ` +` + latency + ` +` + latency)
	case "slabs":
		has(fmt.Sprintf(`%d of %s`, len(after.Slabs), human.Bytes(after.SlabSize)))
	case "slow":
		has(`(?m) (donor|server|backing) *$`)
		has(`/farswap-demo`)
	case "events":
		last := before.Events[len(before.Events)-1]
		has(fmt.Sprintf(`(?m)^%s +%s +%s `, last.At.Local().Format(time.TimeOnly), last.Level, last.Kind))
	}
	for i, o := range after.Donors {
		slabs := o.Slabs
		if slabs != before.Donors[i].Slabs {
			continue // one came or went while the screen was taken
		}
		switch view {
		case "overview", "donors":
			has(fmt.Sprintf(`(?m)^[A-Z]  %s +up +tcp +%d +%s`, o.Name, slabs, amount))
		case "slabs":
			has(fmt.Sprintf(`%s %d  `, o.Name, slabs))
		}
	}
	if len(wrong) > 0 {
		wrong = append(wrong, screen)
	}
	return wrong
}
