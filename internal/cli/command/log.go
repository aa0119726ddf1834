package command

import (
	"bytes"
	"io"
	stdlog "log"
	"os"
	"sync"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/sys/unix"

	"github.com/farswap/farswap/internal/asynclog"
)

// logDeadline is how long the end of a server waits for the log's reader.
const logDeadline = 2 * time.Second

// openLog opens the log on w. What a server logs goes through memory, so that nobody who logs
// waits for the log's reader.
func (a *App) openLog(w io.Writer, level zerolog.Level) {
	terminal := IsTerminal(w)
	if !a.serves {
		a.Log = newLog(w, terminal, level)
		return
	}
	var waits error
	if w == io.Writer(os.Stderr) {
		// The message of a crash goes to standard error directly, and must not wait, either.
		var aside *os.File
		if aside, waits = asynclog.Aside(unix.Stderr); waits == nil {
			w = aside
		}
	}
	var said bytes.Buffer
	notice := newLog(&said, terminal, zerolog.WarnLevel) // whatever the level of other lines
	a.lines = asynclog.New(w, func(dropped uint64) []byte {
		said.Reset()
		notice.Warn().Uint64("lines", dropped).Msg("lines of the log are missing here: nobody read them in time")
		return said.Bytes()
	})
	a.Log = newLog(a.lines, terminal, level)
	// Libraries, such as net/http, log through package log, and that waits.
	stdlog.SetFlags(0)
	stdlog.SetOutput(a.Log)
	if waits != nil {
		a.Log.Debug().Err(waits).Msg("a crash may wait for the reader of the log")
	}
}

// LogDropped is the number of lines of the log that were dropped because nobody read them in
// time. It may be called from any goroutine once the command runs.
func (a *App) LogDropped() uint64 {
	if a.lines == nil {
		return 0
	}
	return a.lines.Dropped()
}

// closeLog writes what the log holds and then the last words, for as long as that may take. w
// is what the log was opened on. The last words of a program that has no log go there directly.
func (a *App) closeLog(w io.Writer, last string) {
	if a.lines == nil {
		_, _ = io.WriteString(w, last) // there is no other place to tell of an error
		return
	}
	end := time.Now().Add(logDeadline)
	if last != "" {
		a.lines.Flush(logDeadline) // makes room
		_, _ = io.WriteString(a.lines, last)
	}
	a.lines.Close(time.Until(end))
}

// timeFormat is set once: the log of an earlier run in this process may still write.
var timeFormat = sync.OnceFunc(func() {
	zerolog.TimeFieldFormat = "2006-01-02T15:04:05.000Z07:00" // RFC 3339: what takes a second has parts
})

// newLog writes one line per event: text on a terminal, JSON elsewhere.
func newLog(w io.Writer, terminal bool, level zerolog.Level) zerolog.Logger {
	if terminal {
		w = zerolog.ConsoleWriter{Out: w, TimeFormat: time.TimeOnly}
	}
	timeFormat()
	return zerolog.New(w).Level(level).With().Timestamp().Logger()
}

func IsTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	_, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	return err == nil
}
