package web

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/rs/zerolog"

	"github.com/farswap/farswap/control"
	"github.com/farswap/farswap/dash/feed"
	"github.com/farswap/farswap/internal/webguard"
	"github.com/farswap/farswap/status/metrics"
)

const (
	headerTimeout = 5 * time.Second
	answerTimeout = 10 * time.Second
	idleTimeout   = 30 * time.Second
	closeTimeout  = 3 * time.Second
	maxHeader     = 16 << 10 // bytes
)

// policy lets the page load files of this server and nothing else. uPlot sets styles
// through the document's object model, which a policy does not forbid.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
	"form-action 'self'; base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"

// Server serves the page.
type Server struct {
	cfg       Config
	host      string
	started   time.Time
	feed      *feed.Feed
	peers     []*peer
	news      news
	guard     *guard
	assets    map[string]*asset
	overviews chan struct{} // places of streams
	watches   chan struct{}
	closing   chan struct{} // closed when streams have to end

	listener net.Listener
	http     *http.Server
}

// New listens, but answers nobody before Serve. The error for a wrong or unsafe
// configuration is ErrConfig.
func New(cfg Config) (*Server, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	host, err := os.Hostname()
	if err != nil {
		return nil, fmt.Errorf("name of this machine: %w", err)
	}
	s := &Server{
		cfg: cfg, host: host, started: time.Now(),
		feed:      feed.New(feed.Config{Root: cfg.Root, Interval: cfg.Interval}),
		overviews: make(chan struct{}, maxOverviews), watches: make(chan struct{}, maxWatches), closing: make(chan struct{}),
	}
	if s.assets, err = loadAssets(); err != nil {
		return nil, err
	}
	for _, address := range cfg.Peers {
		s.peers = append(s.peers, newPeer(address, cfg.Identity, cfg.Token, &s.news))
	}
	address, _, _ := net.SplitHostPort(cfg.Listen)
	local := loopback(address)
	s.guard = newGuard(cfg.Token, !local, cfg.Log)
	s.guard.identity = cfg.Identity
	s.http = &http.Server{
		Handler:           s.handler(local),
		ReadHeaderTimeout: headerTimeout, // of a whole request: bodies have deadlines where they are read
		WriteTimeout:      answerTimeout, // streams set their own
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeader,
		ErrorLog:          log.New(rejections{cfg.Log}, "", 0),
	}
	webguard.Bound(s.http)
	listener, err := webguard.Listen(cfg.Listen)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("listen on %s: %w: another dashboard may run here: stop it, or choose another port", cfg.Listen, syscall.EADDRINUSE)
	} else if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", cfg.Listen, err)
	}
	s.listener = listener
	if !local {
		s.listener = tls.NewListener(listener, serverTLS(cfg.Identity, cfg.Token != ""))
	}
	return s, nil
}

// serverTLS asks for a viewer's certificate of the same authority. If there is a token, a reader
// without a certificate may connect and sign in.
func serverTLS(id *control.Identity, token bool) *tls.Config {
	c := id.ServerConfig(control.RoleViewer)
	c.NextProtos = []string{"http/1.1"} // a stream of HTTP/2 has no connection of its own to bound
	if !token {
		return c
	}
	c.ClientAuth = tls.VerifyClientCertIfGiven
	verify := c.VerifyConnection
	c.VerifyConnection = func(cs tls.ConnectionState) error {
		if len(cs.PeerCertificates) == 0 {
			return nil
		}
		return verify(cs)
	}
	return c
}

// rejections logs what package net/http says about bad connections.
type rejections struct{ log zerolog.Logger }

// Write is part of io.Writer.
func (r rejections) Write(line []byte) (int, error) {
	r.log.Debug().Msg(strings.TrimSpace(string(line)))
	return len(line), nil
}

// URL returns the address of the page.
func (s *Server) URL() string {
	scheme := "http"
	if s.guard.secure {
		scheme = "https"
	}
	host, _, _ := net.SplitHostPort(s.cfg.Listen)
	_, port, _ := net.SplitHostPort(s.listener.Addr().String())
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = s.host
	}
	return scheme + "://" + net.JoinHostPort(host, port) + "/"
}

// Serve asks the servers of this machine and the peers, and answers readers, until the
// context ends. Then it ends all streams, and returns nil when its goroutines have ended.
// Call it once.
func (s *Server) Serve(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var all sync.WaitGroup
	all.Go(func() { s.feed.Run(ctx) })
	for _, p := range s.peers {
		all.Go(func() { p.run(ctx) })
	}
	ended := make(chan error, 1)
	all.Go(func() { ended <- s.http.Serve(s.listener) })
	var err error
	select {
	case <-ctx.Done():
	case err = <-ended:
	}
	close(s.closing)
	cancel()
	closing, stop := context.WithTimeout(context.Background(), closeTimeout)
	defer stop()
	if s.http.Shutdown(closing) != nil {
		_ = s.http.Close() // of those that did not leave in time
	}
	all.Wait()
	s.guard.wrong.close()
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

// Close frees the address of a Server that does not Serve.
func (s *Server) Close() error { return s.listener.Close() }

// handler makes the chain of checks that every request passes, in this order.
func (s *Server) handler(local bool) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", s.assets["index.html"].serve)
	mux.HandleFunc("GET /login", s.assets["login.html"].serve)
	mux.HandleFunc("GET /assets/{path...}", s.serveAsset)
	mux.HandleFunc("GET /api/cluster", s.serveOverview)
	mux.HandleFunc("GET /api/watch", s.serveWatch)
	mux.Handle("GET /metrics", metrics.Handler(s.cfg.Root)) // of this machine; peers have their own
	mux.HandleFunc("POST /login", s.guard.login)
	mux.HandleFunc("POST /logout", s.guard.logout)
	h := http.NewCrossOriginProtection().Handler(s.guard.wrap(mux))
	if local {
		h = webguard.OnlyLoopback(h)
	}
	return headers(h)
}

func (s *Server) serveAsset(w http.ResponseWriter, r *http.Request) {
	a := s.assets[r.PathValue("path")]
	if a == nil || strings.HasSuffix(r.URL.Path, ".html") {
		http.NotFound(w, r)
		return
	}
	a.serve(w, r)
}

// headers adds to every answer the headers that make browsers strict.
func headers(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=()")
		next.ServeHTTP(w, r)
	})
}
