package top

// The views, in the order of their keys.
const (
	viewOverview = iota
	viewLatency
	viewSlabs
	viewDonors
	viewSlow
	viewEvents
	views
	viewHelp = views // over any other
)

var viewNames = [views]string{"Overview", "Latency", "Slabs", "Donors", "Slow", "Events"}

// ui is what the user has chosen.
type ui struct {
	view    int
	source  string // of latency; empty: the one nearest to the application
	zoom    int    // index of zooms
	window  int    // index of windows
	byHeat  bool   // slab map
	order   int    // index of donorOrders
	reverse bool
	filter  int // index of filters
	slab    int // the selected one: its place in the order of indices
	grid    grid
	scroll  [views + 1]int
	paused  bool
	help    bool
	batch   bool // there are no keys
}

// clampScroll keeps a view's scroll within its list.
func (u *ui) clampScroll(view, most int) {
	u.scroll[view] = max(0, min(u.scroll[view], most))
}

// shown returns the view that is on the screen.
func (u *ui) shown() int {
	if u.help {
		return viewHelp
	}
	return u.view
}

// move handles an arrow key in the shown view.
func (u *ui) move(dx, dy int) {
	if u.shown() == viewSlabs {
		u.slab = max(0, u.slab+(dx+dy*max(u.grid.columns, 1))*max(u.grid.join, 1)) // the drawing functions clamp it to the last slab
		return
	}
	u.scroll[u.shown()] = max(0, u.scroll[u.shown()]+dy)
	if dx != 0 {
		u.turn(dx)
	}
}

// turn goes to the next view, or the one before.
func (u *ui) turn(by int) { u.view = (u.view + views + by) % views }

// cycle returns the next index of a list of n, or the one before.
func cycle(i, by, n int) int {
	if n == 0 {
		return 0
	}
	return ((i+by)%n + n) % n
}
