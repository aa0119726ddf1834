package top

import "fmt"

// binding is a key and what it does.
type binding struct {
	key, short, long string
	views            []int // in which it does something; nil: in all
}

var bindings = []binding{
	{"q", "quit", "quit; also ctrl+c, F10", nil},
	{"h", "help", "this help, and back; also ?, F1", nil},
	{"tab", "view", "next view; shift+tab the one before, 1 to 6 one of the six", nil},
	{"d", "device", "next device; D the one before", nil},
	{"p", "pause", "hold the picture, and go on; also space", nil},
	{"+ -", "interval", "ask less often, more often", nil},
	{"s", "source", "next source of latency; S the one before", []int{viewOverview, viewLatency}},
	{"z", "zoom", "each column of the heatmap stands for more time; Z for less", []int{viewOverview, viewLatency}},
	{"w", "window", "latencies of the last interval, 10, 60, or since the start", []int{viewOverview, viewLatency}},
	{"c", "colour", "slab map by donor, by heat", []int{viewOverview, viewSlabs}},
	{"o", "order", "donors by another column, marked *; r the other way round", []int{viewOverview, viewDonors}},
	{"f", "filter", "events: all, trouble, decisions", []int{viewEvents}},
	{"arrows", "move", "scroll, or the next view; in the slab map select a slab; PgUp, End", []int{viewSlabs, viewDonors, viewSlow, viewEvents}},
}

func (b *binding) in(view int) bool {
	if b.views == nil {
		return true
	}
	for _, v := range b.views {
		if v == view {
			return true
		}
	}
	return false
}

// keysLine draws the keys of the view, its own keys first.
func keysLine(l *look, u *ui, width int) string {
	out := l.line(width)
	show := func(b *binding) {
		if n := len(b.key) + len(b.short) + 3; n <= out.left {
			out.put(l.title, b.key).put(l.muted, " "+b.short).text("  ")
		}
	}
	show(&bindings[0])
	show(&bindings[1])
	for _, own := range []bool{true, false} {
		for i := range bindings[2:] {
			if b := &bindings[2+i]; (b.views != nil) == own && b.in(u.view) && !u.help {
				show(b)
			}
		}
	}
	return out.String()
}

// helpView draws all keys, and what the views show.
func helpView(l *look, u *ui, width, height int) []string {
	lines := []string{l.line(width).put(l.head, "KEYS").String()}
	for _, b := range bindings {
		lines = append(lines, l.line(width).pad(l.title, "  "+b.key, 10, false).text(b.long).String())
	}
	lines = append(lines, l.line(width).put(l.head, "SOURCES OF LATENCY").String())
	for _, s := range []struct{ name, what string }{
		{"fault", "all of a page fault that met a swapped page, by the kernel's probes"},
		{"swapin", "from a page's read to its end, by the probes"},
		{"block_*", "a block request, by the probes"},
		{"read write", "a request in farswap's server"},
		{"remote_*", "one operation at a donor, its time in line included"},
		{"backing_*", "one operation of the backing file"},
	} {
		lines = append(lines, l.line(width).pad(l.title, "  "+s.name, 13, false).text(s.what).String())
	}
	u.clampScroll(viewHelp, len(lines)-height)
	if from := u.scroll[viewHelp]; from > 0 {
		lines = lines[from:]
	}
	if len(lines) > height && height > 0 {
		lines = append(lines[:height-1:height-1], l.line(width).put(l.muted, fmt.Sprintf("  %d lines more", len(lines)-height+1)).String())
	}
	return lines
}
