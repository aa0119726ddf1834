package donor

import (
	"net"
	"strings"
	"sync"
	"time"
	"unicode"
)

const (
	// refusalPause is how long the same refusal of the same machine is not news.
	refusalPause = time.Hour
	// maxRefusals bounds what is remembered: strangers can come from anywhere.
	maxRefusals = 256
)

// refusals remembers who was refused a session, and why: a device that may not use
// the donor tries again every few seconds. Its zero value is ready; its methods may
// be called from any goroutine.
type refusals struct {
	mu   sync.Mutex // guards last
	last map[string]time.Time
}

// news reports whether a refusal was not said of that machine lately. Figures in the
// reason, such as the time, do not make it another one.
func (r *refusals) news(remote string, why error, now time.Time) bool {
	host, _, err := net.SplitHostPort(remote)
	if err != nil {
		host = remote
	}
	reason := strings.Map(func(c rune) rune {
		if unicode.IsDigit(c) {
			return -1
		}
		return c
	}, why.Error())
	key := host + " " + reason
	r.mu.Lock()
	defer r.mu.Unlock()
	if last, ok := r.last[key]; ok && now.Sub(last) < refusalPause {
		return false
	}
	if r.last == nil || len(r.last) >= maxRefusals {
		r.last = make(map[string]time.Time)
	}
	r.last[key] = now
	return true
}
