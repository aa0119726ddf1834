package web

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/farswap/farswap/control"
	"github.com/farswap/farswap/internal/webguard"
)

const (
	sessionLife = 12 * time.Hour
	maxSignedIn = 256     // browsers at once; one more drops the one that signed in first
	maxForm     = 4 << 10 // bytes
	formTimeout = 5 * time.Second
)

// guard decides who may read. There are three ways. A viewer's certificate of the own authority,
// which TLS has verified before, and which is still good. The token, in a header or as a cookie
// that the sign-in page gives for it. Or, if there is no token and the address is a loopback
// address, being on this machine.
type guard struct {
	secure bool              // TLS
	open   bool              // everybody who connects may read
	token  [sha256.Size]byte // hash of it
	has    bool              // there is a token
	wrong  *wrongTokens
	now    func() time.Time

	identity *control.Identity // judges certificates; nil without TLS

	mu       sync.Mutex                      // guards sessions
	sessions map[[sha256.Size]byte]time.Time // hash of the cookie → end
}

func newGuard(token string, secure bool, log zerolog.Logger) *guard {
	return &guard{
		secure: secure, open: token == "" && !secure, token: sha256.Sum256([]byte(token)), has: token != "",
		wrong: newWrongTokens(log), now: time.Now, sessions: map[[sha256.Size]byte]time.Time{},
	}
}

// isToken compares in constant time.
func (g *guard) isToken(text string) bool {
	sum := sha256.Sum256([]byte(text))
	return g.has && subtle.ConstantTimeCompare(sum[:], g.token[:]) == 1
}

// cookieName begins with __Host- over TLS, so no other host can set that cookie.
func (g *guard) cookieName() string {
	if g.secure {
		return "__Host-farswap"
	}
	return "farswap"
}

// allowed returns whether a request may read.
func (g *guard) allowed(r *http.Request) bool {
	if g.open || g.certified(r) != nil {
		return true
	}
	if bearer, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); ok {
		return g.isToken(bearer)
	}
	cookie, err := r.Cookie(g.cookieName())
	return err == nil && g.signedIn(cookie.Value)
}

// certified returns the certificate of a request that may read by it, nil if it may not. The connection
// may be older than the end of the certificate, or than its revocation.
func (g *guard) certified(r *http.Request) *control.Shown {
	if r.TLS == nil || len(r.TLS.VerifiedChains) == 0 {
		return nil
	}
	shown := g.identity.ShownBy(*r.TLS, control.RoleViewer)
	if shown.Check(g.now()) != nil {
		return nil
	}
	return shown
}

// judgePause is between two looks at the certificate of a reader that stays.
const judgePause = 2 * time.Second

// whileGood returns a request whose context ends when the certificate by which it reads is not good any
// more. release frees what that takes.
func (g *guard) whileGood(r *http.Request) (good *http.Request, release func()) {
	shown := g.certified(r)
	if shown == nil {
		return r, func() {}
	}
	ctx, cancel := context.WithCancel(r.Context())
	look := time.NewTicker(judgePause)
	go func() {
		defer look.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-look.C:
				if shown.Check(g.now()) != nil {
					cancel()
				}
			}
		}
	}()
	return r.WithContext(ctx), cancel
}

func (g *guard) signedIn(value string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	// The time of the lookup depends on the hash, which does not reveal the value.
	end, ok := g.sessions[sha256.Sum256([]byte(value))]
	return ok && g.now().Before(end)
}

// signIn returns a new cookie.
func (g *guard) signIn(w http.ResponseWriter) {
	value, now := rand.Text(), g.now()
	g.mu.Lock()
	var first [sha256.Size]byte
	for sum, end := range g.sessions {
		if !now.Before(end) {
			delete(g.sessions, sum)
		} else if f, ok := g.sessions[first]; !ok || end.Before(f) {
			first = sum
		}
	}
	if len(g.sessions) >= maxSignedIn {
		delete(g.sessions, first)
	}
	g.sessions[sha256.Sum256([]byte(value))] = now.Add(sessionLife)
	g.mu.Unlock()
	http.SetCookie(w, g.cookie(value, int(sessionLife/time.Second)))
}

func (g *guard) signOut(w http.ResponseWriter, r *http.Request) {
	if cookie, err := r.Cookie(g.cookieName()); err == nil {
		g.mu.Lock()
		delete(g.sessions, sha256.Sum256([]byte(cookie.Value)))
		g.mu.Unlock()
	}
	http.SetCookie(w, g.cookie("", -1))
}

func (g *guard) cookie(value string, age int) *http.Cookie {
	return &http.Cookie{
		Name: g.cookieName(), Value: value, Path: "/", MaxAge: age,
		Secure: g.secure, HttpOnly: true, SameSite: http.SameSiteStrictMode,
	}
}

// wrap lets only allowed requests through to next. The sign-in page and the files of the
// page are public, because they have no secrets.
func (g *guard) wrap(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case g.allowed(r):
			if !webguard.Allowed(w, r) {
				return
			}
			if strings.HasPrefix(r.URL.Path, "/api/") {
				var release func()
				r, release = g.whileGood(r)
				defer release()
			}
			next.ServeHTTP(w, r)
		case r.URL.Path == "/login", strings.HasPrefix(r.URL.Path, "/assets/"):
			next.ServeHTTP(w, r)
		case r.Header.Get("Authorization") != "" && !g.wrong.slow(w, r): // slow has answered
		case r.URL.Path == "/" && r.Method == http.MethodGet:
			http.Redirect(w, r, "/login", http.StatusSeeOther)
		default:
			w.Header().Set("WWW-Authenticate", "Bearer")
			http.Error(w, "sign in, or send the token: Authorization: Bearer TOKEN", http.StatusUnauthorized)
		}
	})
}

// login answers the form of the sign-in page.
func (g *guard) login(w http.ResponseWriter, r *http.Request) {
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(formTimeout))
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	if err := r.ParseForm(); err != nil {
		http.Error(w, "want the form of the sign-in page", http.StatusBadRequest)
		return
	}
	if !g.isToken(strings.TrimSpace(r.PostForm.Get("token"))) {
		if g.wrong.slow(w, r) {
			http.Redirect(w, r, "/login?wrong=1", http.StatusSeeOther)
		}
		return
	}
	g.signIn(w)
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

func (g *guard) logout(w http.ResponseWriter, r *http.Request) {
	g.signOut(w, r)
	http.Redirect(w, r, "/login", http.StatusSeeOther)
}
