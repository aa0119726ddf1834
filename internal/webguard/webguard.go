// Package webguard is what the HTTP servers of this project share against strangers: bounds for connections,
// and a check of the name that a request is for.
package webguard

import (
	"context"
	"net"
	"net/http"
	"strings"

	"github.com/farswap/farswap/netlimit"
)

// limits bound the connections of a server. Every connection that does not have a request of somebody who
// may read under way makes room for a newer one. All readers of one proxy, or of this machine, have one
// origin, so that there is no bound for one origin below that for all. A page takes some ten connections.
var limits = netlimit.Limits{Unproven: 64, Proven: 128, PerSecond: 50, AtOnce: 32}

// Listen listens on host:port. Errors are the network's.
func Listen(address string) (*netlimit.Listener, error) { return netlimit.Listen(address, limits) }

type connKey struct{}

// Bound lets a server tell the listener from Listen which connections have nothing under way. Call it before
// the server serves. It sets ConnContext and ConnState.
func Bound(s *http.Server) {
	s.ConnContext = func(ctx context.Context, c net.Conn) context.Context {
		return context.WithValue(ctx, connKey{}, netlimit.Of(c))
	}
	s.ConnState = func(c net.Conn, state http.ConnState) {
		if state == http.StateIdle {
			netlimit.Of(c).Idle()
		}
	}
}

// Allowed says that whoever has sent a request may read the answer. Until the answer has been sent, no other
// connection takes the place of this one. If it returns false, it has answered: no place is left.
func Allowed(w http.ResponseWriter, r *http.Request) bool {
	c, _ := r.Context().Value(connKey{}).(*netlimit.Conn)
	if c.Prove() == nil {
		return true
	}
	w.Header().Set("Connection", "close")
	http.Error(w, "too many readers at once: try again", http.StatusServiceUnavailable)
	return false
}

// OnlyLoopback refuses requests for another host's name. Otherwise a page elsewhere could make its own name
// resolve to 127.0.0.1 and read what only this machine may (DNS rebinding). It accepts any port, because
// tunnels change the port.
func OnlyLoopback(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host := r.Host
		if h, _, err := net.SplitHostPort(host); err == nil {
			host = h
		}
		if !IsLoopback(strings.Trim(host, "[]")) {
			http.Error(w, "this is for this machine only: use http://localhost or http://127.0.0.1", http.StatusMisdirectedRequest)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// IsLoopback looks at a host as it is written. The address of a name can change, so the only name that counts
// as loopback is localhost.
func IsLoopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}
