package top

import (
	"math"
	"strings"

	"charm.land/lipgloss/v2"
)

// look has the glyphs and colours of a picture. Glyphs alone say everything; colours repeat
// it.
type look struct {
	heat  []string // from little to much
	spark []string // from low to high
	none  string   // there is nothing
	gap   string   // the server did not answer
	arrow string
	ascii bool

	heatStyles  []lipgloss.Style // as many as levels
	donorStyles []lipgloss.Style

	plain, title, head, muted, good, warn, bad, chosen lipgloss.Style
}

// levels is the number of steps of a heat.
const levels = 8

// newLook makes a look with or without characters beyond ASCII. Colours are those of the
// palette of 256; the writer to the terminal reduces them to those that the terminal has.
func newLook(ascii bool) *look {
	style := lipgloss.NewStyle()
	colour := func(code string) lipgloss.Style { return style.Foreground(lipgloss.Color(code)) }
	l := &look{
		heat: strings.Split("░░▒▒▓▓██", ""), spark: strings.Split("▁▂▃▄▅▆▇█", ""), none: "·", gap: "┊", arrow: "→",
		plain: style, title: style.Bold(true), head: colour("6").Bold(true), muted: colour("8"),
		good: colour("2"), warn: colour("3"), bad: colour("1").Bold(true), chosen: style.Reverse(true),
	}
	if ascii {
		l.ascii, l.none, l.gap, l.arrow = true, ".", "|", ">"
		l.heat, l.spark = strings.Split("-~:=+*#@", ""), strings.Split("_.-:=+*#", "")
	}
	for _, code := range []string{"24", "31", "37", "71", "142", "178", "208", "196"} {
		l.heatStyles = append(l.heatStyles, colour(code))
	}
	for _, code := range []string{"39", "208", "77", "170", "220", "44", "203", "111"} {
		l.donorStyles = append(l.donorStyles, colour(code))
	}
	return l
}

// level returns the step of a value between 0 and a maximum, or -1 for nothing. It takes
// the cube root, so that one slow page among thousands of fast ones shows.
func level(value, most float64) int {
	switch {
	case value <= 0:
		return -1
	case value >= most:
		return levels - 1
	}
	return min(int(levels*math.Cbrt(value/most)), levels-1)
}

// donor returns the mark of a donor, by its place in the status: a letter and its style.
func (l *look) donor(i int) (string, lipgloss.Style) {
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	if i < 0 || i >= len(letters) {
		return "?", l.muted
	}
	return letters[i : i+1], l.donorStyles[i%len(l.donorStyles)]
}

// sparkline draws the last width values, from 0 to their maximum. NaN is a time without
// an answer.
func (l *look) sparkline(values []float64, width int) string {
	if width <= 0 {
		return ""
	}
	values = values[max(0, len(values)-width):]
	most := 0.0
	for _, v := range values {
		if !math.IsNaN(v) {
			most = max(most, v)
		}
	}
	var b strings.Builder
	for _, v := range values {
		switch {
		case math.IsNaN(v):
			b.WriteString(l.gap)
		case v <= 0 || most == 0:
			b.WriteByte(' ')
		default:
			b.WriteString(l.spark[min(int(v/most*float64(len(l.spark))), len(l.spark)-1)])
		}
	}
	return b.String()
}
