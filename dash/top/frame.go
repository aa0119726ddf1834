package top

import (
	"fmt"
	"strings"
	"time"

	"charm.land/lipgloss/v2"

	"github.com/farswap/farswap/dash/feed"
	"github.com/farswap/farswap/internal/human"
)

// Least size of a screen on which a frame says anything.
const (
	leastWidth  = 20
	leastHeight = 4
)

// frame draws a whole screen: exactly height lines, or in a batch at most that many. No line
// is wider than width.
func (s *snapshot) frame(l *look, u *ui, width, height int) string {
	if width < leastWidth || height < leastHeight {
		return strings.TrimSuffix(strings.Repeat(l.line(width).text("too small").String()+"\n", max(height, 1)), "\n")
	}
	lines := []string{s.header(l, u, width)}
	if !u.batch {
		lines = append(lines, tabs(l, u, width))
	}
	lines = append(lines, s.notices(l, width)...)
	footer := 1
	if height < 8 || u.batch {
		footer = 0
	}
	room := height - len(lines) - footer
	body := s.body(l, u, width, room)
	lines = append(lines, body[:min(len(body), max(room, 0))]...)
	for len(lines) < height-footer {
		lines = append(lines, "")
	}
	if footer > 0 {
		lines = append(lines, keysLine(l, u, width))
	}
	text := strings.Join(lines[:height], "\n")
	if u.batch {
		text = strings.TrimRight(text, "\n")
	}
	return text
}

func (s *snapshot) body(l *look, u *ui, width, height int) []string {
	switch {
	case u.help:
		return helpView(l, u, width, height)
	case s.device.Answered.IsZero():
		return []string{"", l.line(width).text("waiting for the first answer of device " + fmt.Sprint(s.device.ID)).String()}
	}
	switch u.view {
	case viewLatency:
		return s.latencyView(l, u, width, height)
	case viewSlabs:
		return s.slabsView(l, u, width, height)
	case viewDonors:
		lines := s.donorsView(l, u, width, height)
		u.clampScroll(viewDonors, len(lines)-height)
		return lines[u.scroll[viewDonors]:]
	case viewSlow:
		return s.slowView(l, u, width, height)
	case viewEvents:
		return s.eventsView(l, u, width, height)
	default:
		return s.overview(l, u, width, height)
	}
}

// header says which device this is and how it is.
func (s *snapshot) header(l *look, u *ui, width int) string {
	d := &s.device.Status
	out := l.line(width).put(l.title, "farswap ").put(l.title, s.path())
	state, style := d.State, l.good
	if s.device.State != feed.Live {
		state, style = string(s.device.State), l.bad
	}
	out.text("  ").put(style, state)
	right := s.at.Local().Format(time.TimeOnly) + "  every " + s.interval.String()
	if u.paused {
		right = "PAUSED  " + right
	}
	room := out.left - len(right) - 2
	words := []string{}
	if d.Swap {
		words = append(words, "swap")
	}
	if d.Insecure {
		words = append(words, "INSECURE")
	}
	if d.Target == "swap" && !d.Sealed {
		words = append(words, "PAGES NOT SEALED")
	}
	if d.Size > 0 {
		words = append(words, human.Bytes(d.Size))
	}
	if !d.Started.IsZero() {
		words = append(words, "up "+human.Age(max(0, s.device.Answered.Sub(d.Started))))
	}
	if d.Size > 0 {
		words = append(words, "over "+orDash(d.Transport), orDash(d.Ack))
	}
	for _, w := range words {
		if len(w)+2 <= room {
			out.text("  " + w)
			room -= len(w) + 2
		}
	}
	style = l.muted
	if u.paused {
		style = l.warn
	}
	return out.end(style, right).String()
}

func (s *snapshot) path() string {
	if s.device.Status.Path != "" {
		return s.device.Status.Path
	}
	return fmt.Sprintf("device %d", s.device.ID)
}

// tabs draws the names of the views, the shown one in brackets.
func tabs(l *look, u *ui, width int) string {
	out := l.line(width)
	for i, name := range viewNames {
		text := fmt.Sprintf("%d %s", i+1, name)
		if width < 66 && i != u.view {
			text = fmt.Sprint(i + 1)
		}
		if i == u.view && !u.help {
			out.put(l.chosen, "["+text+"]")
		} else {
			out.put(l.muted, " "+text+" ")
		}
		if width >= 66 {
			out.text(" ")
		}
	}
	return out.String()
}

// notices draws what an operator must not overlook. It stands above every view.
func (s *snapshot) notices(l *look, width int) []string {
	var lines []string
	add := func(style lipgloss.Style, format string, args ...any) {
		lines = append(lines, l.line(width).put(style, fmt.Sprintf(format, args...)).String())
	}
	if s.err != nil {
		add(l.bad, "cannot look for servers: %v", s.err)
	}
	since := ago(max(0, s.at.Sub(s.device.Since)))
	switch {
	case !s.known:
		add(l.bad, "%s is not there", s.path())
	case s.device.State == feed.Gone:
		add(l.bad, "%s is gone since %s: %s; what is shown is older", s.path(), since, s.device.Error)
	case s.device.State == feed.Dead:
		add(l.bad, "the server of %s died %s ago: `farswap ublk list` says what helps", s.path(), since)
	case s.device.State == feed.Silent:
		add(l.bad, "no answer for %s: %s", since, s.device.Error)
	}
	if s.device.Status.Degraded && s.device.State == feed.Live {
		add(l.warn, "DEGRADED: %s", s.device.Status.Reason)
	}
	return lines
}
