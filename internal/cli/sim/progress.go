package sim

import (
	"fmt"
	"io"
	"strings"
)

// progressBar is a line that each call of show overwrites.
type progressBar struct {
	w     io.Writer
	shown int // percent and 1; 0 for nothing
}

const barWidth = 40

// show draws done, 0 to 1, if it looks different from what is there.
func (b *progressBar) show(done float64) {
	percent := int(100 * min(max(done, 0), 1))
	if b.shown == percent+1 {
		return
	}
	b.shown = percent + 1
	full := barWidth * percent / 100
	fmt.Fprintf(b.w, "\r[%s%s] %3d%%", strings.Repeat("█", full), strings.Repeat("·", barWidth-full), percent)
}

// clear takes the bar off the terminal.
func (b *progressBar) clear() {
	if b.shown != 0 {
		fmt.Fprint(b.w, "\r\x1b[K")
	}
}
