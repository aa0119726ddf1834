package web

import (
	"errors"
	"net/http"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/farswap/farswap/internal/refusals"
	"github.com/farswap/farswap/netlimit"
)

const (
	// wrongPause is the wait before a wrong token is answered.
	wrongPause = 500 * time.Millisecond
	// maxWrong bounds the wrong tokens that wait for their answer, and maxWrongOfOrigin those of one
	// origin. So an address can try 8 tokens in a second, and all together 64.
	maxWrong         = 32
	maxWrongOfOrigin = 4
)

var errWrongToken = errors.New("wrong token")

// wrongTokens slows the answers to wrong tokens, and says them in the log. A right token never waits.
type wrongTokens struct {
	said *refusals.Log

	mu      sync.Mutex // guards the fields below; never held across a wait
	all     int
	waiting map[netlimit.Origin]int
}

func newWrongTokens(log zerolog.Logger) *wrongTokens {
	return &wrongTokens{said: refusals.New(log, "the dashboard refuses a token"), waiting: make(map[netlimit.Origin]int)}
}

// slow waits before a wrong token is answered. It returns false if there are too many of them: then it has
// answered.
func (t *wrongTokens) slow(w http.ResponseWriter, r *http.Request) bool {
	t.said.Refused(r.RemoteAddr, errWrongToken.Error(), errWrongToken)
	origin := netlimit.OriginOf(r.RemoteAddr)
	if !t.enter(origin) {
		http.Error(w, "too many wrong tokens at once: try again", http.StatusTooManyRequests)
		return false
	}
	defer t.leave(origin)
	select {
	case <-time.After(wrongPause):
	case <-r.Context().Done():
	}
	return true
}

func (t *wrongTokens) enter(o netlimit.Origin) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.all >= maxWrong || t.waiting[o] >= maxWrongOfOrigin {
		return false
	}
	t.all++
	t.waiting[o]++
	return true
}

func (t *wrongTokens) leave(o netlimit.Origin) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.all--
	if t.waiting[o]--; t.waiting[o] == 0 {
		delete(t.waiting, o)
	}
}

// close says what was counted.
func (t *wrongTokens) close() { t.said.Close() }
