package benchmarks

import "fmt"

// none stands for a figure that a backend does not have.
const none = "–"

// costs returns the rows about the cost of a page-in, if processes were watched.
func (c Comparison) costs(phase int) []row {
	names := c.watched(phase)
	if len(names) <= 1 {
		return nil
	}
	figure := func(label string, f func(PagingPhase) string) row {
		return c.row(label, func(r PagingResult) string { return f(r.Phases[phase]) }, nil)
	}
	rows := []row{
		figure("  processors busy", func(p PagingPhase) string { return fmt.Sprintf("%.0f%%", 100*p.Machine.Busy()) }),
		figure("  switches per page-in", func(p PagingPhase) string {
			return p.switchesPerPageIn(p.Machine.Switches)
		}),
	}
	for _, name := range names {
		rows = append(rows, figure("  CPU of "+name, func(p PagingPhase) string {
			u := p.process(name)
			if p.PswpIn == 0 || u.Name == "" {
				return none
			}
			return p.perPageIn(u.CPUSeconds) + ", " + p.switchesPerPageIn(u.Switches) + " switches"
		}))
	}
	return append(rows, figure("  CPU of all else", func(p PagingPhase) string { return p.perPageIn(p.rest()) }))
}

// perPageIn divides a CPU time by the pages that came in.
func (p PagingPhase) perPageIn(seconds float64) string {
	if p.PswpIn == 0 {
		return none
	}
	return nanoseconds(int64(1e9 * seconds / float64(p.PswpIn)))
}

func (p PagingPhase) switchesPerPageIn(n int64) string {
	if p.PswpIn == 0 {
		return none
	}
	return fmt.Sprintf("%.2f", float64(n)/float64(p.PswpIn))
}

// watched returns the names of the processes of all backends, in order of appearance.
func (c Comparison) watched(phase int) []string {
	var names []string
	seen := map[string]bool{}
	for _, b := range c.Backends {
		for _, u := range b.Phases[phase].Processes {
			if !seen[u.Name] {
				seen[u.Name] = true
				names = append(names, u.Name)
			}
		}
	}
	return names
}

// places returns the rows about where the pages are, if a backend knows.
func (c Comparison) places() []row {
	var donors []string
	known := false
	for _, b := range c.Backends {
		if b.Placement == nil {
			continue
		}
		known = true
		for _, d := range b.Placement.Donors {
			donors = append(donors, d.Name)
		}
	}
	if !known {
		return nil
	}
	figure := func(label string, f func(*Placement) string) row {
		return c.row(label, func(r PagingResult) string {
			if r.Placement == nil {
				return none
			}
			return f(r.Placement)
		}, nil)
	}
	rows := []row{
		{label: "pages at the end"},
		figure("  on donors only", func(p *Placement) string { return grouped(p.Pages.Remote) }),
		figure("  on donors and disk", func(p *Placement) string { return grouped(p.Pages.Both) }),
		figure("  on disk only", func(p *Placement) string { return grouped(p.Pages.Backing) }),
		figure("  unused", func(p *Placement) string { return grouped(p.Pages.None) }),
		figure("  lost", func(p *Placement) string { return grouped(p.Pages.Lost) }),
	}
	for _, name := range donors {
		rows = append(rows, figure("  on donor "+name, func(p *Placement) string {
			for _, d := range p.Donors {
				if d.Name == name {
					return fmt.Sprintf("%s in %d slabs", grouped(d.Pages), d.Slabs)
				}
			}
			return none
		}))
	}
	return rows
}
