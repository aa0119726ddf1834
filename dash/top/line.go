package top

import (
	"strings"
	"unicode"

	"charm.land/lipgloss/v2"
	"github.com/charmbracelet/x/ansi"
)

// line is a line of the screen under construction. It never gets wider than it may.
type line struct {
	look *look
	b    strings.Builder
	left int // cells
}

func (l *look) line(width int) *line { return &line{look: l, left: max(width, 0)} }

// put appends text, as much as there is room for.
func (l *line) put(style lipgloss.Style, text string) *line {
	text = fit(l.look, text, l.left)
	if text == "" {
		return l
	}
	l.left -= ansi.StringWidth(text)
	l.b.WriteString(style.Render(text))
	return l
}

// text appends text without a style.
func (l *line) text(s string) *line { return l.put(l.look.plain, s) }

// pad appends text in a field of a width. It cuts longer text.
func (l *line) pad(style lipgloss.Style, text string, width int, right bool) *line {
	text = fit(l.look, text, min(width, l.left))
	blank := strings.Repeat(" ", max(0, width-ansi.StringWidth(text)))
	if right {
		return l.text(blank).put(style, text)
	}
	return l.put(style, text).text(blank)
}

// end puts text at the right end of the line, if there is room for all of it.
func (l *line) end(style lipgloss.Style, text string) *line {
	if n := ansi.StringWidth(clean(l.look, text)); n < l.left {
		l.text(strings.Repeat(" ", l.left-n)).put(style, text)
	}
	return l
}

func (l *line) String() string { return l.b.String() }

// fit makes text harmless and cuts it to a width, with a mark where it was cut.
func fit(l *look, text string, width int) string {
	text = clean(l, text)
	if ansi.StringWidth(text) <= width {
		return text
	}
	tail := "…"
	if l.ascii {
		tail = ">"
	}
	if width <= 1 {
		tail = ""
	}
	return ansi.Truncate(text, max(width, 0), tail)
}

// clean makes text harmless. Names and reasons come from other machines, and must neither
// command the terminal nor break the line.
func clean(l *look, text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == 'µ' && l.ascii:
			return 'u'
		case r == '\n' || r == '\t':
			return ' '
		case !unicode.IsPrint(r), l.ascii && r > unicode.MaxASCII:
			return '?'
		}
		return r
	}, text)
}

// besides joins two blocks of lines side by side: the first in a width, a gap, the second.
func (l *look) besides(first, second []string, width int) []string {
	const gap = 2
	lines := make([]string, max(len(first), len(second)))
	for i := range lines {
		a, b := "", ""
		if i < len(first) {
			a = first[i]
		}
		if i < len(second) {
			b = second[i]
		}
		if b != "" {
			a += strings.Repeat(" ", max(0, width+gap-ansi.StringWidth(a)))
		}
		lines[i] = a + b
	}
	return lines
}
