package web

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/farswap/farswap/control"
)

func TestOnlyLoopbackHosts(t *testing.T) {
	s := serve(t, Config{})
	for host, want := range map[string]int{
		"localhost": 200, "localhost:8000": 200, "127.0.0.1:9480": 200, "127.9.9.9": 200, "[::1]:9480": 200, "[::1]": 200,
		"rebound.example": 421, "rebound.example:9480": 421, "10.0.0.1": 421, "localhost.example": 421, "127.0.0.1.example": 421,
		"localhost@rebound.example": 421,
	} {
		for _, path := range []string{"/", "/api/cluster?scope=local", "/assets/app.js"} {
			resp := get(t, plain(), "http://"+address(s)+path, func(r *http.Request) { r.Host = host })
			if resp.StatusCode != want {
				t.Errorf("Host %s, %s: got %s, want %d", host, path, resp.Status, want)
			}
			resp.Body.Close()
		}
	}
}

func TestToken(t *testing.T) {
	s := serve(t, Config{Token: testToken})
	base := "http://" + address(s)
	bearer := func(token string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+token) }
	}
	for name, tc := range map[string]struct {
		path string
		with func(*http.Request)
		want int
	}{
		"page":             {"/", nil, http.StatusSeeOther},
		"stream":           {"/api/cluster", nil, http.StatusUnauthorized},
		"watch":            {"/api/watch?thing=local/device/7", nil, http.StatusUnauthorized},
		"sign-in page":     {"/login", nil, http.StatusOK},
		"style":            {"/assets/style.css", nil, http.StatusOK},
		"escape":           {"/assets/../api/cluster", nil, http.StatusTemporaryRedirect},
		"right":            {"/", bearer(testToken), http.StatusOK},
		"right, stream":    {"/api/cluster", bearer(testToken), http.StatusOK},
		"wrong":            {"/api/cluster", bearer(testToken + "x"), http.StatusUnauthorized},
		"part":             {"/api/cluster", bearer(testToken[:10]), http.StatusUnauthorized},
		"none":             {"/api/cluster", bearer(""), http.StatusUnauthorized},
		"made-up cookie":   {"/api/cluster", func(r *http.Request) { r.AddCookie(&http.Cookie{Name: "farswap", Value: "x"}) }, http.StatusUnauthorized},
		"token as cookie":  {"/api/cluster", func(r *http.Request) { r.AddCookie(&http.Cookie{Name: "farswap", Value: testToken}) }, http.StatusUnauthorized},
		"token in address": {"/api/cluster?token=" + testToken, nil, http.StatusUnauthorized},
	} {
		resp := get(t, plain(), base+tc.path, tc.with)
		if resp.StatusCode != tc.want {
			t.Errorf("%s: got %s, want %d", name, resp.Status, tc.want)
		}
		resp.Body.Close()
	}
}

// post sends the form of the sign-in page.
func post(t *testing.T, client *http.Client, url, body string, with func(*http.Request)) *http.Response {
	t.Helper()
	return get(t, client, url, func(r *http.Request) {
		r.Method, r.Body, r.ContentLength = http.MethodPost, io.NopCloser(strings.NewReader(body)), int64(len(body))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		if with != nil {
			with(r)
		}
	})
}

func TestSignIn(t *testing.T) {
	s := serve(t, Config{Token: testToken})
	base := "http://" + address(s)
	wrong := post(t, plain(), base+"/login", "token=nonsense", nil)
	if wrong.Header.Get("Location") != "/login?wrong=1" || len(wrong.Cookies()) > 0 {
		t.Errorf("wrong token: got %s, %v, %v", wrong.Status, wrong.Header.Get("Location"), wrong.Cookies())
	}
	other := post(t, plain(), base+"/login", "token="+testToken, func(r *http.Request) { r.Header.Set("Origin", "http://elsewhere.example") })
	if other.StatusCode != http.StatusForbidden || len(other.Cookies()) > 0 {
		t.Errorf("from another site: got %s", other.Status)
	}
	long := post(t, plain(), base+"/login", "token="+strings.Repeat("x", 2*maxForm), nil)
	if long.StatusCode != http.StatusBadRequest {
		t.Errorf("long form: got %s", long.Status)
	}
	right := post(t, plain(), base+"/login", "token="+url.QueryEscape(testToken+"\n"), nil)
	if right.Header.Get("Location") != "/" || len(right.Cookies()) != 1 {
		t.Fatalf("right token: got %s, %v", right.Status, right.Cookies())
	}
	c := right.Cookies()[0]
	if !c.HttpOnly || c.SameSite != http.SameSiteStrictMode || c.Path != "/" || c.Secure || c.Value == testToken || len(c.Value) < 20 {
		t.Errorf("cookie: %+v", c)
	}
	with := func(r *http.Request) { r.AddCookie(c) }
	if resp := get(t, plain(), base+"/", with); resp.StatusCode != http.StatusOK {
		t.Errorf("with the cookie: %s", resp.Status)
	}
	if resp := post(t, plain(), base+"/logout", "", with); resp.Header.Get("Location") != "/login" {
		t.Errorf("sign-out: %s", resp.Status)
	}
	if resp := get(t, plain(), base+"/", with); resp.StatusCode != http.StatusSeeOther {
		t.Errorf("after signing out: %s", resp.Status)
	}
}

func TestSessionsEnd(t *testing.T) {
	g := newGuard(testToken, true, zerolog.Nop())
	now := time.Now()
	g.now = func() time.Time { return now }
	sign := func() string {
		t.Helper()
		w := recorder{header: http.Header{}}
		g.signIn(w)
		c, err := http.ParseSetCookie(w.header.Get("Set-Cookie"))
		if err != nil || !c.Secure || !strings.HasPrefix(c.Name, "__Host-") {
			t.Fatalf("cookie over TLS: %+v, %v", c, err)
		}
		return c.Value
	}
	first := sign()
	if !g.signedIn(first) {
		t.Error("not signed in")
	}
	now = now.Add(time.Minute)
	for range maxSignedIn {
		sign()
	}
	if g.signedIn(first) || len(g.sessions) != maxSignedIn {
		t.Errorf("%d sessions; the first one is still there: %v", len(g.sessions), g.signedIn(first))
	}
	last := sign()
	if now = now.Add(sessionLife); g.signedIn(last) {
		t.Error("signed in for ever")
	}
}

type recorder struct {
	http.ResponseWriter
	header http.Header
}

func (r recorder) Header() http.Header { return r.header }

// notLoopback is an address of this machine, as seen from outside it: that of the
// wildcard, reached over loopback.
const notLoopback = "0.0.0.0:0"

func tlsClient(t *testing.T, c *tls.Config) *http.Client {
	client := plain()
	client.Transport.(*http.Transport).TLSClientConfig = c
	t.Cleanup(client.CloseIdleConnections)
	return client
}

func TestCertificates(t *testing.T) {
	ca, id := testIdentity(t)
	otherCA, _ := testIdentity(t)
	friend, stranger := issue(t, ca, "admin"), issue(t, otherCA, "admin")
	try := func(s *Server, c *tls.Config, token string) int {
		t.Helper()
		_, port, _ := net.SplitHostPort(address(s))
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://127.0.0.1:"+port+"/", nil)
		if err != nil {
			t.Fatal(err)
		}
		if token != "" {
			req.Header.Set("Authorization", "Bearer "+token)
		}
		resp, err := tlsClient(t, c).Do(req)
		if err != nil {
			return 0
		}
		resp.Body.Close()
		return resp.StatusCode
	}
	without := friend.ClientConfig("127.0.0.1")
	without.GetClientCertificate = nil
	wrong := stranger.ClientConfig("127.0.0.1")
	wrong.RootCAs = without.RootCAs
	old := friend.ClientConfig("127.0.0.1")
	old.MinVersion, old.MaxVersion = tls.VersionTLS12, tls.VersionTLS12

	strict := serve(t, Config{Listen: notLoopback, Identity: id})
	both := serve(t, Config{Listen: notLoopback, Identity: id, Token: testToken})
	for name, tc := range map[string]struct {
		s     *Server
		c     *tls.Config
		token string
		want  int
	}{
		"certificate":                  {strict, friend.ClientConfig("127.0.0.1"), "", 200},
		"no certificate":               {strict, without, "", 0},
		"of another authority":         {strict, wrong, "", 0},
		"old TLS":                      {strict, old, "", 0},
		"token where there is none":    {strict, without, testToken, 0},
		"certificate instead of token": {both, friend.ClientConfig("127.0.0.1"), "", 200},
		"neither":                      {both, without, "", http.StatusSeeOther},
		"token":                        {both, without, testToken, 200},
		"wrong token":                  {both, without, testToken + "x", http.StatusSeeOther},
		"token, another authority":     {both, wrong, testToken, 0},
	} {
		if got := try(tc.s, tc.c, tc.token); got != tc.want {
			t.Errorf("%s: got %d, want %d", name, got, tc.want)
		}
	}
	// TLS without an error, and not HTTP.
	_, port, _ := net.SplitHostPort(address(strict))
	if resp := get(t, plain(), "http://127.0.0.1:"+port+"/", nil); resp.StatusCode != http.StatusBadRequest {
		t.Errorf("without TLS: %s", resp.Status)
	}
}

// TestOnlyViewersRead: a device's certificate opens no page, and a viewer's none once it is revoked:
// neither on a connection that is there, nor on a stream.
func TestOnlyViewersRead(t *testing.T) {
	ca, _ := testIdentity(t)
	folder := func(name string, role control.Role) string {
		t.Helper()
		dir := filepath.Join(t.TempDir(), name)
		if err := control.Issue(ca, dir, name, []string{"127.0.0.1"}, role); err != nil {
			t.Fatal(err)
		}
		return dir
	}
	revoke := func(name string) {
		t.Helper()
		if _, err := control.Revoke(ca, name); err != nil {
			t.Fatal(err)
		}
	}
	client := func(name string, role control.Role) *http.Client {
		t.Helper()
		id, err := control.LoadIdentity(folder(name, role))
		if err != nil {
			t.Fatal(err)
		}
		return tlsClient(t, id.ClientConfig("127.0.0.1"))
	}
	folder("x", control.RoleViewer)
	revoke("x") // so that there is a list
	id, err := control.OpenIdentity(control.IdentityFiles{Dir: folder("dash", control.RoleViewer), Revoked: control.RevocationList(ca)})
	if err != nil {
		t.Fatal(err)
	}
	s := serve(t, Config{Listen: notLoopback, Identity: id})
	_, port, _ := net.SplitHostPort(address(s))
	open := func(c *http.Client, path string) (*http.Response, error) {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://127.0.0.1:"+port+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		return c.Do(req)
	}
	if resp, err := open(client("db1", control.RoleDevice), "/"); err == nil {
		resp.Body.Close()
		t.Errorf("a device reads the page: %s", resp.Status)
	}
	viewer := client("admin", control.RoleViewer)
	stream, err := open(viewer, "/api/cluster")
	if err != nil || stream.StatusCode != http.StatusOK {
		t.Fatalf("%v, %v", stream, err)
	}
	defer stream.Body.Close()
	resp, err := open(viewer, "/")
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%v, %v", resp, err)
	}
	_, _ = io.Copy(io.Discard, resp.Body) // so that the connection is used again
	resp.Body.Close()

	revoke("admin")
	if news, err := id.Reload(false); err != nil || len(news) != 1 {
		t.Fatalf("%v, %v", news, err)
	}
	if resp, err := open(viewer, "/api/cluster"); err == nil {
		resp.Body.Close()
		if resp.StatusCode != http.StatusUnauthorized {
			t.Errorf("a revoked viewer reads: %s", resp.Status)
		}
	}
	var late net.Error
	if _, err := io.Copy(io.Discard, stream.Body); errors.As(err, &late) && late.Timeout() {
		t.Error("the stream goes on")
	}
}
