package top

import (
	"charm.land/lipgloss/v2"
	"github.com/charmbracelet/x/ansi"
)

// column of a table.
type column struct {
	title string
	right bool
	// drop is the order in which columns go if there is no room: the highest first, 0 never.
	drop int
	// grow is the least width in cells to which the column may be cut; 0: it may not be
	// cut. Only the last column may.
	grow int
}

type cell struct {
	text  string
	style lipgloss.Style
}

const (
	columnGap  = 2
	noColumn   = -1
	sortedMark = "*"
)

// table draws a header and rows within a width. It leaves out columns for which there is no
// room, those of least use first. The rows are sorted by the column sorted, or noColumn.
func (l *look) table(columns []column, rows [][]cell, width, sorted int) []string {
	widths := make([]int, len(columns))
	titles := make([]string, len(columns))
	for i, c := range columns {
		titles[i] = c.title
		if i == sorted {
			titles[i] += sortedMark
		}
		widths[i] = ansi.StringWidth(titles[i])
		for _, r := range rows {
			widths[i] = max(widths[i], ansi.StringWidth(clean(l, r[i].text)))
		}
	}
	shown := fitColumns(columns, widths, width)
	draw := func(get func(i int) cell) string {
		out := l.line(width)
		for n, i := range shown {
			if n > 0 {
				out.text("  ")
			}
			c := get(i)
			if n == len(shown)-1 && !columns[i].right {
				out.put(c.style, c.text)
				continue
			}
			out.pad(c.style, c.text, widths[i], columns[i].right)
		}
		return out.String()
	}
	lines := []string{draw(func(i int) cell { return cell{titles[i], l.head} })}
	for _, r := range rows {
		lines = append(lines, draw(func(i int) cell { return r[i] }))
	}
	return lines
}

// fitColumns chooses the columns that are shown, and makes their widths fit.
func fitColumns(columns []column, widths []int, width int) []int {
	var shown []int
	for i := range columns {
		shown = append(shown, i)
	}
	for {
		need, worst := -columnGap, noColumn
		for n, i := range shown {
			need += columnGap
			if columns[i].grow > 0 {
				need += min(widths[i], columns[i].grow)
			} else {
				need += widths[i]
			}
			if columns[i].drop > 0 && (worst == noColumn || columns[i].drop >= columns[shown[worst]].drop) {
				worst = n
			}
		}
		if need <= width || worst == noColumn {
			return shown
		}
		shown = append(shown[:worst:worst], shown[worst+1:]...)
	}
}
