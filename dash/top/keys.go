package top

import "time"

// intervals are those through which + and - step.
var intervals = []time.Duration{
	100 * time.Millisecond, 200 * time.Millisecond, 500 * time.Millisecond, time.Second, 2 * time.Second, 5 * time.Second,
	10 * time.Second, 30 * time.Second, time.Minute,
}

// slower and faster return the next interval in either direction.
func slower(d time.Duration) time.Duration {
	for _, i := range intervals {
		if i > d {
			return i
		}
	}
	return intervals[len(intervals)-1]
}

func faster(d time.Duration) time.Duration {
	for n := len(intervals) - 1; n >= 0; n-- {
		if intervals[n] < d {
			return intervals[n]
		}
	}
	return intervals[0]
}

const page = 10 // lines of PgUp and PgDn

// far is more lines or slabs than there are.
const far = 1 << 30

// key does what a key asks for, and returns whether it ends the program.
func (m *model) key(k string) (quit bool) {
	u := &m.ui
	switch k {
	case "q", "Q", "ctrl+c", "f10":
		return true
	case "h", "?", "f1":
		u.help = !u.help
		u.scroll[viewHelp] = 0
	case "esc":
		u.help = false
	case "tab", "]":
		u.help = false
		u.turn(1)
	case "shift+tab", "[":
		u.help = false
		u.turn(-1)
	case "1", "2", "3", "4", "5", "6", "7", "8", "9":
		if n := int(k[0] - '1'); n < views {
			u.view, u.help = n, false
		}
	case "p", "space":
		u.paused = !u.paused
	case "+", "=":
		m.feed.SetInterval(slower(m.feed.Interval()))
	case "-", "_":
		m.feed.SetInterval(faster(m.feed.Interval()))
	case "d":
		m.nextDevice(1)
	case "D":
		m.nextDevice(-1)
	default:
		m.viewKey(k)
	}
	return false
}

// viewKey handles the keys that choose what a view shows.
func (m *model) viewKey(k string) {
	u := &m.ui
	switch k {
	case "s":
		u.source = m.nextSource(1)
	case "S":
		u.source = m.nextSource(-1)
	case "z":
		u.zoom = min(u.zoom+1, len(zooms)-1)
	case "Z":
		u.zoom = max(u.zoom-1, 0)
	case "w":
		u.window = cycle(u.window, 1, len(windows))
	case "W":
		u.window = cycle(u.window, -1, len(windows))
	case "c":
		u.byHeat = !u.byHeat
	case "o":
		u.order = cycle(u.order, 1, len(donorOrders))
	case "r":
		u.reverse = !u.reverse
	case "f":
		u.filter = cycle(u.filter, 1, len(filters))
	case "up", "k":
		u.move(0, -1)
	case "down", "j":
		u.move(0, 1)
	case "left":
		u.move(-1, 0)
	case "right":
		u.move(1, 0)
	case "pgup":
		u.move(0, -page)
	case "pgdown":
		u.move(0, page)
	case "home", "g":
		u.slab, u.scroll[u.shown()] = 0, 0
	case "end", "G":
		u.slab, u.scroll[u.shown()] = far, far
	}
}

// nextDevice shows the next of all devices.
func (m *model) nextDevice(by int) {
	ids := m.shown.ids()
	for i, id := range ids {
		if id == m.id {
			m.id = ids[cycle(i, by, len(ids))]
			m.ui.slab, m.ui.source, m.ui.paused = 0, "", false
			m.ui.scroll = [views + 1]int{}
			return
		}
	}
	if len(ids) > 0 {
		m.id = ids[0]
	}
}

// nextSource returns the source of latency after the one that is shown.
func (m *model) nextSource(by int) string {
	names := m.shown.sources()
	now := m.shown.sourceOr(m.ui.source)
	for i, name := range names {
		if name == now {
			return names[cycle(i, by, len(names))]
		}
	}
	return ""
}
