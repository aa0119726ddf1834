package cluster

import (
	"log"
	"strings"

	"github.com/rs/zerolog"
)

// memberlistLog logs memberlist's lines as debug events, whatever level they have: memberlist reports a
// member that does not answer for a moment as an error, which is normal in a cluster. This package logs
// what matters.
func memberlistLog(to zerolog.Logger) *log.Logger {
	return log.New(lineWriter{to}, "", 0)
}

type lineWriter struct{ log zerolog.Logger }

// Write logs one line.
func (w lineWriter) Write(line []byte) (int, error) {
	if e := w.log.Debug(); e.Enabled() {
		text := strings.TrimSpace(string(line))
		if level, rest, ok := strings.Cut(text, "] "); ok && strings.HasPrefix(level, "[") {
			e, text = e.Str("memberlist", strings.ToLower(level[1:])), strings.TrimPrefix(rest, "memberlist: ")
		}
		e.Msg(oneLine(text))
	}
	return len(line), nil
}
