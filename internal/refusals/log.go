// Package refusals says in a log whom a server has refused, so that an operator learns of each kind of mistake
// and no stranger can fill the log.
//
// A refusal has a kind, which is one of a few texts of this program, and an origin (package netlimit). The
// first refusal of a kind and an origin is a line of its own, with the reason. Others are counted, and told
// together at the end of a period. The period is a minute at first, and twice as long, up to an hour, after
// each period with refusals. What a peer has sent, such as the name in its certificate, stands in lines, and
// never decides how many there are.
package refusals

import (
	"errors"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/farswap/farswap/netlimit"
)

const (
	// newsAgain is how long a kind of refusal of one origin is not news again.
	newsAgain = time.Hour
	// maxSaid bounds the remembered pairs of a kind and an origin, and maxOrigins the origins counted for
	// a kind in a period.
	maxSaid    = 256
	maxOrigins = 64
	// maxLines is how many lines of their own may come at once, and lineEvery how long it takes until one
	// more may come.
	maxLines  = 16
	lineEvery = 15 * time.Second
	// The first and the longest period.
	firstPeriod = time.Minute
	lastPeriod  = time.Hour
)

// Other is the kind of an error that Kind does not find.
const Other = "other"

// Kind returns the text of the first of some errors that err wraps, or Other.
func Kind(err error, of ...error) string {
	for _, e := range of {
		if errors.Is(err, e) {
			return e.Error()
		}
	}
	return Other
}

// Log says the refusals of one server. Its methods may be called from any goroutine. They do not wait for
// each other's lines.
type Log struct {
	log  zerolog.Logger
	text string
	now  func() time.Time

	mu     sync.Mutex // guards the fields below; never held while a line is written
	said   map[refusal]time.Time
	lines  int       // that may come at once
	filled time.Time // when lines was last reckoned
	more   map[string]*count
	period time.Duration
	begun  time.Time // of the period
	timer  *time.Timer
	closed bool
}

type refusal struct {
	kind   string
	origin netlimit.Origin
}

// count is what has not been said of a kind in this period.
type count struct {
	refusals uint64
	origins  map[netlimit.Origin]struct{}
}

// New makes a log. text is the message of its lines.
func New(log zerolog.Logger, text string) *Log {
	return &Log{
		log: log, text: text, now: time.Now, lines: maxLines, period: firstPeriod,
		said: make(map[refusal]time.Time), more: make(map[string]*count),
	}
}

// Refused says or counts a refusal. remote is the peer's HOST:PORT, and kind one of a few texts that do not
// depend on the peer.
func (l *Log) Refused(remote, kind string, err error) {
	event := l.log.Debug()
	if l.news(refusal{kind, netlimit.OriginOf(remote)}) {
		event = l.log.Warn()
	}
	event.Str("remote", remote).Str("kind", kind).Err(err).Msg(l.text)
}

// news reports whether a refusal gets a line of its own. If it does not, it is counted.
func (l *Log) news(r refusal) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	if l.filled.IsZero() {
		l.filled = now
	}
	if n := int(now.Sub(l.filled) / lineEvery); n > 0 {
		l.lines, l.filled = min(l.lines+n, maxLines), l.filled.Add(time.Duration(n)*lineEvery)
	}
	if last, ok := l.said[r]; l.lines > 0 && (!ok || now.Sub(last) >= newsAgain) {
		if len(l.said) >= maxSaid {
			clear(l.said)
		}
		l.said[r] = now
		l.lines--
		return true
	}
	c := l.more[r.kind]
	if c == nil {
		c = &count{origins: make(map[netlimit.Origin]struct{})}
		l.more[r.kind] = c
	}
	c.refusals++
	if len(c.origins) < maxOrigins {
		c.origins[r.origin] = struct{}{}
	}
	if l.timer == nil && !l.closed {
		if now.Sub(l.begun) > 2*l.period { // it was quiet for a period
			l.period = firstPeriod
		}
		l.begun = now
		l.timer = time.AfterFunc(l.period, l.tell)
	}
	return false
}

// tell ends a period: it says what was counted.
func (l *Log) tell() {
	l.mu.Lock()
	more, period := l.more, l.now().Sub(l.begun)
	l.more, l.timer = make(map[string]*count), nil
	l.period = min(2*l.period, lastPeriod)
	l.begun = l.now()
	l.mu.Unlock()
	for kind, c := range more {
		l.log.Warn().Str("kind", kind).Uint64("more", c.refusals).Int("origins", len(c.origins)).
			Stringer("in", period.Round(time.Second)).Msg(l.text + ": more of a kind that was said before")
	}
}

// Close says what was counted. After it, refusals that are not news are not told.
func (l *Log) Close() {
	l.mu.Lock()
	l.closed = true
	pending := l.timer != nil && l.timer.Stop()
	l.mu.Unlock()
	if pending {
		l.tell()
	}
}
