package web

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/farswap/farswap/netlimit"
)

// ask sends a request with a token to a guard, as if from an address.
func ask(g *guard, remote, token string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	r := httptest.NewRequest(http.MethodGet, "/api/cluster", nil)
	r.RemoteAddr = remote
	r.Header.Set("Authorization", "Bearer "+token)
	g.wrap(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})).ServeHTTP(w, r)
	return w
}

// A wrong token in a header is slow and is told, as one in the form is. An address has a few at once, and
// does not slow others, nor its own right token.
func TestWrongTokensAreSlowedAndTold(t *testing.T) {
	var log bytes.Buffer
	g := newGuard(testToken, false, zerolog.New(&log).Level(zerolog.WarnLevel))
	begun := time.Now()
	if w := ask(g, "10.0.0.1:1", "nonsense"); w.Code != http.StatusUnauthorized || time.Since(begun) < wrongPause {
		t.Errorf("a wrong token: %d after %v", w.Code, time.Since(begun))
	}
	origin := func() int {
		g.wrong.mu.Lock()
		defer g.wrong.mu.Unlock()
		return g.wrong.all
	}
	codes := make(chan int, 64)
	var all sync.WaitGroup
	for range 64 {
		all.Go(func() { codes <- ask(g, "10.0.0.1:1", "nonsense").Code })
	}
	all.Wait()
	close(codes)
	slowed := 0
	for code := range codes {
		switch code {
		case http.StatusUnauthorized:
			slowed++
		case http.StatusTooManyRequests:
		default:
			t.Errorf("a wrong token among many: %d", code)
		}
	}
	if slowed == 0 || origin() != 0 {
		t.Errorf("%d of 64 waited, %d wait still", slowed, origin())
	}
	for range maxWrongOfOrigin {
		if !g.wrong.enter(netlimit.OriginOf("10.0.0.1:9")) {
			t.Fatal("no room for an address's first wrong tokens")
		}
	}
	if w := ask(g, "10.0.0.1:1", "nonsense"); w.Code != http.StatusTooManyRequests {
		t.Errorf("one too many: %d", w.Code)
	}
	if w := ask(g, "10.0.0.2:1", "nonsense"); w.Code != http.StatusUnauthorized {
		t.Errorf("of another address: %d", w.Code)
	}
	if w := ask(g, "10.0.0.1:1", testToken); w.Code != http.StatusOK {
		t.Errorf("the right one: %d", w.Code)
	}
	g.wrong.close()
	lines := strings.Split(strings.TrimSpace(log.String()), "\n")
	if len(lines) != 3 || !strings.Contains(lines[0], "10.0.0.1") || !strings.Contains(lines[1], "10.0.0.2") || !strings.Contains(lines[2], `"more":65`) {
		t.Errorf("the log:\n%s", log.String())
	}
	if strings.Contains(log.String(), "nonsense") {
		t.Error("the log has the token")
	}
}
