package cluster

import (
	"log"
	"strings"

	"github.com/rs/zerolog"
)

// memberlistLog takes memberlist's lines as debug events, whatever level they
// claim: a member that cannot be reached for a moment is an error there, and the
// daily life of a cluster here. What matters is logged by this package.
func memberlistLog(to zerolog.Logger) *log.Logger {
	return log.New(lineWriter{to}, "", 0)
}

type lineWriter struct{ log zerolog.Logger }

// Write takes one line.
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
