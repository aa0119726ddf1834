package donor

import (
	"net"
	"strings"
	"sync"
	"time"
	"unicode"
)

const (
	// refusalPause is how long the same refusal of the same machine is not news again.
	refusalPause = time.Hour
	// maxRefusals bounds the remembered refusals, since anybody can try from anywhere.
	maxRefusals = 256
)

// refusals remembers which machines the donor has refused and why, since a refused device tries
// again every few seconds. The zero value is ready. Its methods may be called from any goroutine.
type refusals struct {
	mu   sync.Mutex // guards last
	last map[string]time.Time
}

// news reports whether the log lacks this refusal of that machine in the last refusalPause. It
// ignores digits in the reason, such as a time.
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
