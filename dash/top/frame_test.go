package top

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/x/ansi"
	"pgregory.net/rapid"

	"github.com/farswap/farswap/dash/feed"
	"github.com/farswap/farswap/internal/human"
	"github.com/farswap/farswap/status"
)

func stripped(s string) string { return ansi.Strip(s) }

// checkFrame: as many lines as the screen has, none wider, and nothing that commands the
// terminal but styles.
func checkFrame(t interface{ Errorf(string, ...any) }, what, frame string, width, height int) {
	got := strings.Split(frame, "\n")
	if len(got) != height {
		t.Errorf("%s: %d lines, want %d", what, len(got), height)
	}
	for i, line := range got {
		if n := ansi.StringWidth(line); n > width {
			t.Errorf("%s: line %d is %d wide, want at most %d: %q", what, i+1, n, width, stripped(line))
		}
		if plain := stripped(line); strings.ContainsFunc(plain, func(r rune) bool { return r < ' ' || r == 0x7f }) {
			t.Errorf("%s: line %d commands the terminal: %q", what, i+1, line)
		}
	}
}

var screens = [][2]int{{80, 24}, {200, 60}, {40, 10}, {130, 40}, {20, 4}}

// TestFramesFit draws every view at every size over a world in which much happens.
func TestFramesFit(t *testing.T) {
	r := newRig(t)
	r.run(t, 1)
	for _, seconds := range []int{0, 1, 70, 60, 25} { // waiting, quiet, slow, evicting, a donor lost
		r.run(t, seconds)
		s := r.snapshot()
		for _, ascii := range []bool{false, true} {
			l := newLook(ascii)
			for _, size := range screens {
				for view := range views + 1 {
					for _, byHeat := range []bool{false, true} {
						u := ui{view: view % views, help: view == views, byHeat: byHeat}
						frame := s.frame(l, &u, size[0], size[1])
						checkFrame(t, fmt.Sprintf("after %v, view %d, %v", r.world.Now().Sub(start), view, size), frame, size[0], size[1])
						if ascii && strings.ContainsFunc(frame, func(r rune) bool { return r > 127 }) {
							t.Errorf("not ASCII: %s", frame)
						}
					}
				}
			}
		}
	}
}

// wild is text as an enemy would send it.
func wild() *rapid.Generator[string] {
	return rapid.OneOf(rapid.String(), rapid.Just("\x1b[2J\x1b]0;x\a"), rapid.Just(strings.Repeat("長", 60)), rapid.Just("e\u0301\u200b\u202eabc"), rapid.Just("a\nb\tc"))
}

// TestFramesFitAnything: whatever a server says and whatever was chosen, a frame fits.
func TestFramesFitAnything(t *testing.T) {
	number := rapid.OneOf(rapid.Int64Range(-5, 5), rapid.Int64())
	rapid.Check(t, func(t *rapid.T) {
		d := status.Device{
			Path: wild().Draw(t, "path"), State: wild().Draw(t, "state"), Size: number.Draw(t, "size"), SlabSize: number.Draw(t, "slab size"),
			Degraded: rapid.Bool().Draw(t, "degraded"), Reason: wild().Draw(t, "reason"), Started: start, Insecure: true,
		}
		for range rapid.IntRange(0, 70).Draw(t, "donors") {
			d.Donors = append(d.Donors, status.Donor{
				Name: wild().Draw(t, "name"), State: rapid.SampledFrom([]string{"up", "down", "?"}).Draw(t, "state"), Error: wild().Draw(t, "error"),
				Slabs: int(number.Draw(t, "slabs")), Free: number.Draw(t, "free"), P99: number.Draw(t, "p99"), Slow: rapid.Bool().Draw(t, "slow"),
			})
		}
		states := []string{"unmapped", "mapping", "mapped", "draining", "failed", "migrating", "news"}
		for i := range rapid.IntRange(0, 3000).Draw(t, "slabs") {
			s := status.Slab{Index: i, State: states[i*7%len(states)], Activity: float64(i * i % 1000)}
			if len(d.Donors) > 0 {
				s.Donor = d.Donors[i%len(d.Donors)].Name
			}
			d.Slabs = append(d.Slabs, s)
		}
		e := status.Event{Level: "warn", Kind: wild().Draw(t, "kind"), Text: wild().Draw(t, "text"), Slab: int(number.Draw(t, "slab"))}
		s := &snapshot{at: start, interval: time.Second, known: rapid.Bool().Draw(t, "known"), device: feed.Device{ID: 1, Status: d}}
		s.device.State = rapid.SampledFrom([]feed.State{feed.Waiting, feed.Live, feed.Silent, feed.Dead, feed.Gone}).Draw(t, "presence")
		s.device.Error = wild().Draw(t, "why")
		if rapid.Bool().Draw(t, "answered") {
			s.device.Answered = start
		}
		s.events.Entries = []status.Event{e, e, e}
		s.decisions.Entries = []status.Decision{{From: wild().Draw(t, "from"), To: wild().Draw(t, "to"), Why: e.Text, Took: number.Draw(t, "took")}}
		for i := range rapid.IntRange(0, 40).Draw(t, "points") {
			p := feed.Point{Seq: uint64(i + 1), At: start, Over: time.Second}
			if rapid.Bool().Draw(t, "silent") {
				p.Error = "silent"
			} else {
				row := uint8(rapid.IntRange(0, feed.Rows-1).Draw(t, "row"))
				p.Spans = []feed.Span{{Source: status.SourceRead, Count: 3, Cells: []feed.Cell{{Row: row, Count: 3}}}}
			}
			s.points = append(s.points, p)
		}
		u := ui{
			view: rapid.IntRange(0, views-1).Draw(t, "view"), zoom: rapid.IntRange(0, len(zooms)-1).Draw(t, "zoom"), window: rapid.IntRange(0, len(windows)-1).Draw(t, "window"),
			byHeat: rapid.Bool().Draw(t, "heat"), order: rapid.IntRange(0, len(donorOrders)-1).Draw(t, "order"), slab: rapid.IntRange(0, far).Draw(t, "slab"),
			help: rapid.Bool().Draw(t, "help"), paused: rapid.Bool().Draw(t, "paused"),
		}
		for i := range u.scroll {
			u.scroll[i] = rapid.IntRange(0, far).Draw(t, "scroll")
		}
		width, height := rapid.IntRange(1, 250).Draw(t, "width"), rapid.IntRange(1, 80).Draw(t, "height")
		frame := s.frame(newLook(rapid.Bool().Draw(t, "ascii")), &u, width, height)
		checkFrame(t, fmt.Sprintf("%+v", u), frame, width, height)
	})
}

// TestTable: no line is too wide, columns stay above each other, and what has to be there
// is there as long as it fits.
func TestTable(t *testing.T) {
	l := newLook(false)
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 8).Draw(t, "columns")
		var columns []column
		need := 0
		for i := range n {
			c := column{title: fmt.Sprintf("T%d", i), right: rapid.Bool().Draw(t, "right"), drop: rapid.IntRange(0, 3).Draw(t, "drop")}
			if i == n-1 && rapid.Bool().Draw(t, "grow") {
				c.grow, c.right = 4, false
			}
			columns = append(columns, c)
		}
		var rows [][]cell
		widths := make([]int, n)
		for range rapid.IntRange(0, 5).Draw(t, "rows") {
			var row []cell
			for i := range columns {
				text := strings.Repeat("x", rapid.IntRange(0, 12).Draw(t, "text"))
				widths[i] = max(widths[i], len(text))
				row = append(row, cell{text, l.plain})
			}
			rows = append(rows, row)
		}
		for i, c := range columns {
			if w := max(widths[i], 2); c.drop == 0 {
				need += w + columnGap
			}
		}
		width := rapid.IntRange(1, 100).Draw(t, "width")
		got := l.table(columns, rows, width, noColumn)
		if len(got) != len(rows)+1 {
			t.Errorf("%d lines of %d rows", len(got), len(rows))
		}
		for _, line := range got {
			if ansi.StringWidth(line) > width {
				t.Errorf("%q is wider than %d", line, width)
			}
		}
		if need <= width {
			for i, c := range columns {
				if c.drop == 0 && !strings.Contains(stripped(got[0]), c.title) {
					t.Errorf("column %d is left out of %q, %d wide", i, stripped(got[0]), width)
				}
			}
		}
	})
}

// TestGrid: all slabs have a place on the map, which is not larger than it may be.
func TestGrid(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		slabs, width, lines := rapid.IntRange(1, 300000).Draw(t, "slabs"), rapid.IntRange(1, 250).Draw(t, "width"), rapid.IntRange(1, 60).Draw(t, "lines")
		g := newGrid(slabs, width, lines)
		if g.columns*g.wide > width && width > 1 || g.lines > lines || g.columns*g.lines*g.join < slabs {
			t.Errorf("%d slabs in %d×%d: %+v", slabs, width, lines, g)
		}
		if g.join > 1 && (g.wide != 1 || g.columns*lines*(g.join-1) >= slabs) {
			t.Errorf("%d slabs in %d×%d: more to a cell than needed: %+v", slabs, width, lines, g)
		}
	})
}

// TestSlabMap: the map has each donor's letter as often as the donor has slabs.
func TestSlabMap(t *testing.T) {
	r := newRig(t)
	r.run(t, 3)
	s := r.snapshot()
	text := strings.Join(lines(s.frame(newLook(false), &ui{view: viewSlabs}, 80, 24))[4:12], "")
	for i, d := range s.device.Status.Donors {
		if got := strings.Count(text, string(rune('A'+i))); got != d.Slabs || got == 0 {
			t.Errorf("%s: %d letters, %d slabs", d.Name, got, d.Slabs)
		}
	}
	if got := strings.Count(text, "·"); got != 64 {
		t.Errorf("%d slabs on none", got)
	}
}

// TestHeatmap: where the histogram has durations the map has heat, in the newest column
// and at the right height; a time without answers is marked.
func TestHeatmap(t *testing.T) {
	r := newRig(t)
	r.run(t, 20)
	s := r.snapshot()
	s.points = append(s.points, feed.Point{Seq: 20, Error: "silent"})
	for i := range s.points { // polls of a test follow each other at once
		s.points[i].At = s.at.Add(time.Duration(i+1-len(s.points)) * time.Second)
	}
	l := newLook(false)
	got := s.heatmap(l, status.SourceRead, 1, 60, 30)
	columns := feed.Columns(s.points, status.SourceRead, 1)
	low, _, _ := heatRange(columns)
	drawn := len(got) - 1
	for x, c := range columns {
		heat := map[int]bool{}
		for _, cell := range c.Cells {
			heat[int(cell.Row)-low] = true
		}
		for y := range drawn {
			row := []rune(stripped(got[drawn-1-y]))
			at := row[60-len(columns)+x]
			switch {
			case c.Silent && string(at) != l.gap:
				t.Fatalf("column %d, line %d: %q, want a gap", x, y, at)
			case !c.Silent && heat[y] != slices.Contains(l.heat, string(at)):
				t.Fatalf("column %d, line %d: %q, durations there: %v", x, y, at, heat[y])
			}
		}
	}
	if !strings.Contains(got[drawn], "now") || !strings.Contains(got[drawn], "-19s") {
		t.Errorf("axis %q", stripped(got[drawn]))
	}
}

// TestHeatmapIdle: a device that does nothing has no scale that would mean something.
func TestHeatmapIdle(t *testing.T) {
	s := &snapshot{points: []feed.Point{{Seq: 1, At: start}, {Seq: 2, At: start}}, at: start}
	if got := s.heatmap(newLook(false), status.SourceRead, 1, 60, 10); len(got) != 1 || !strings.Contains(got[0], "nothing in this time") {
		t.Errorf("got %q", got)
	}
}

// TestFramesShowTheFigures: what is on the screen is what the status says.
func TestFramesShowTheFigures(t *testing.T) {
	r := newRig(t)
	r.run(t, 100) // mem2 is slow
	s := r.snapshot()
	d := &s.device.Status
	overview := strings.Join(lines(s.frame(newLook(false), &ui{}, 200, 60)), "\n")
	p := s.points[len(s.points)-1]
	read, _ := p.Span(status.SourceRead)
	for _, want := range []string{
		human.Count(p.Rates.Reads), human.Bytes(int64(p.Rates.BytesWritten)), "both " + human.Count(float64(d.Pages.Both)),
		fmt.Sprint("moved ", d.Moves.Slabs), human.Nanos(read.Latency.P50), human.Nanos(read.Latency.P999),
		"up slow", human.Nanos(d.Donors[1].Latency.P99), human.Nanos(d.Donors[1].P99), human.Bytes(d.Donors[2].Free), d.Events[len(d.Events)-1].Text,
	} {
		if !strings.Contains(overview, want) {
			t.Errorf("the overview lacks %q:\n%s", want, overview)
		}
	}
	since := strings.Join(lines(s.frame(newLook(false), &ui{view: viewLatency, window: len(windows) - 1}, 80, 24)), "\n")
	for _, h := range d.Histograms {
		row := fmt.Sprintf("%s +%s +%s +%s +%s", h.Source, human.Count(float64(h.Latency.Count())), human.Nanos(h.Latency.Quantile(0.5)), human.Nanos(h.Latency.Quantile(0.99)), human.Nanos(h.Latency.Quantile(0.999)))
		requireMatch(t, since, row)
	}
}

// TestSlowRequestsScroll: those that have no room on the screen are come to by the arrow keys.
func TestSlowRequestsScroll(t *testing.T) {
	r := newRig(t)
	r.run(t, 100)
	s := r.snapshot()
	slowest := s.device.Status.Slowest
	u := ui{view: viewSlow}
	row := func(i int) string {
		return fmt.Sprintf(" %d .*%s", slowest[i].Page, human.Nanos(slowest[i].Total))
	}
	text := stripped(s.frame(newLook(false), &u, 80, 24))
	requireMatch(t, text, fmt.Sprintf("1 to [0-9]+ of %d,", len(slowest)))
	requireMatch(t, text, row(0))
	u.move(0, far)
	text = stripped(s.frame(newLook(false), &u, 80, 24))
	requireMatch(t, text, fmt.Sprintf(" to %d of %[1]d,", len(slowest)))
	requireMatch(t, text, row(len(slowest)-1))
	requireMatch(t, text, s.device.Status.Cgroups[0].Name)
	if u.scroll[viewSlow] >= len(slowest) {
		t.Errorf("scrolled to %d of %d", u.scroll[viewSlow], len(slowest))
	}
}

// TestFrameWhenTheServerIsNotThere: the frame says so in words, and keeps the last figures.
func TestFrameWhenTheServerIsNotThere(t *testing.T) {
	l := newLook(false)
	for name, tc := range map[string]struct {
		stop func(*rig) error
		want string
	}{
		"died":  {func(r *rig) error { return r.servers.KillDevice() }, "the server of /dev/ublkb7 died"},
		"ended": {func(r *rig) error { return r.servers.StopDevice() }, "/dev/ublkb7 is gone"},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			r.run(t, 3)
			if err := tc.stop(r); err != nil {
				t.Fatal(err)
			}
			r.run(t, 1)
			frame := r.snapshot().frame(l, &ui{}, 80, 24)
			checkFrame(t, name, frame, 80, 24)
			for _, want := range []string{tc.want, "mem2", "donor-up"} {
				if !strings.Contains(frame, want) {
					t.Errorf("lacks %q:\n%s", want, stripped(frame))
				}
			}
			if name == "died" {
				if err := r.servers.StartDevice(); err != nil {
					t.Fatal(err)
				}
				r.world.Restart()
				r.run(t, 2)
				if frame := r.snapshot().frame(l, &ui{}, 80, 24); strings.Contains(frame, "died") || !strings.Contains(frame, "restarts 1") {
					t.Errorf("after a new start:\n%s", stripped(frame))
				}
			}
		})
	}
}
