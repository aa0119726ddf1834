package top

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"charm.land/lipgloss/v2"

	"github.com/farswap/farswap/internal/human"
	"github.com/farswap/farswap/status"
)

// filters are the choices of what the list of events shows.
var filters = []string{"all", "trouble", "decisions"}

// happening is an event or a decision, as one line of a list.
type happening struct {
	at       time.Time
	level    string
	kind     string
	slab     string
	text     string
	decision bool
}

// happenings returns events and decisions in one list, the newest first.
func (s *snapshot) happenings(l *look, filter string) []happening {
	var all []happening
	for _, e := range s.events.Entries {
		h := happening{at: e.At, level: e.Level, kind: e.Kind, text: e.Text}
		if e.Donor != "" && !strings.Contains(e.Text, e.Donor) {
			h.text = e.Donor + ": " + e.Text
		}
		if e.Slab >= 0 {
			h.slab = fmt.Sprint(e.Slab)
		}
		if filter == "all" || filter == "trouble" && e.Level != "info" {
			all = append(all, h)
		}
	}
	if filter != "trouble" {
		for i := range s.decisions.Entries {
			all = append(all, decided(l, &s.decisions.Entries[i]))
		}
	}
	slices.SortStableFunc(all, func(a, b happening) int { return a.at.Compare(b.at) })
	slices.Reverse(all)
	return all
}

// decided writes a decision in words.
func decided(l *look, d *status.Decision) happening {
	h := happening{at: d.At, level: "info", kind: d.Rule, slab: fmt.Sprint(d.Slab), decision: true}
	switch {
	case d.From == "":
		h.text = l.arrow + d.To + ": " + d.Why
	case d.To == "":
		h.text, h.level = d.From+l.arrow+"backing file: "+d.Why, "warn"
	default:
		h.text = d.From + l.arrow + d.To + ": " + d.Why
	}
	if d.Took > 0 {
		h.text += ", took " + human.Nanos(d.Took)
	} else if d.To != "" {
		h.text += ", not carried out"
	}
	return h
}

func (l *look) levelStyle(level string) lipgloss.Style {
	switch level {
	case "error":
		return l.bad
	case "warn":
		return l.warn
	default:
		return l.plain
	}
}

// eventLines draws happenings as a table.
func eventLines(l *look, all []happening, width int) []string {
	columns := []column{{title: "TIME"}, {title: "LEVEL", drop: 1}, {title: "KIND"}, {title: "SLAB", right: true, drop: 2}, {title: "WHAT", grow: 20}}
	var rows [][]cell
	for _, h := range all {
		style, kind := l.levelStyle(h.level), l.plain
		level := h.level
		if h.decision {
			level, kind = "decided", l.muted
		}
		rows = append(rows, []cell{{h.at.Local().Format(time.TimeOnly), l.muted}, {level, style}, {h.kind, kind}, {h.slab, l.plain}, {h.text, style}})
	}
	return l.table(columns, rows, width, noColumn)
}

// eventsView draws the list, scrolled.
func (s *snapshot) eventsView(l *look, u *ui, width, height int) []string {
	all := s.happenings(l, filters[u.filter])
	title := l.line(width).put(l.head, "EVENTS AND DECISIONS").text("  ").put(l.muted, fmt.Sprintf("%s, newest first: %d", filters[u.filter], len(all)))
	if missed := s.events.Missed + s.decisions.Missed; missed > 0 {
		title.put(l.warn, fmt.Sprintf("  %d came and went unseen between two polls", missed))
	}
	room := max(height-2, 1)
	u.clampScroll(viewEvents, len(all)-room)
	from := min(u.scroll[viewEvents], len(all))
	return append([]string{title.String()}, eventLines(l, all[from:min(len(all), from+room)], width)...)
}
