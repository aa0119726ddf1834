package donor

import (
	"fmt"
	"io"
	"time"

	"github.com/farswap/farswap/internal/human"
)

// progress is one line on a terminal, which each call of show overwrites. Elsewhere it writes
// nothing.
type progress struct {
	out      io.Writer
	terminal bool
	name     string
	begun    time.Time
}

const progressWidth = 30

func (p *progress) show(slabs int, bytes, total int64) {
	if !p.terminal {
		return
	}
	done := progressWidth
	if total > 0 {
		done = int(progressWidth * (total - min(bytes, total)) / total)
	}
	bar := fmt.Sprintf("%.*s%.*s", done, "##############################", progressWidth-done, "..............................")
	fmt.Fprintf(p.out, "\r\x1b[K%s draining [%s] %d slabs, %s left", p.name, bar, slabs, human.Bytes(bytes))
}

// end takes the progress away and writes a last line.
func (p *progress) end(line string) error {
	if p.terminal {
		fmt.Fprint(p.out, "\r\x1b[K")
	}
	if line == "" {
		return nil
	}
	_, err := fmt.Fprintln(p.out, line)
	return err
}
