//go:build browser

package web

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/accessibility"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// browser is a headless Chromium with one page, which is watched for what it must not do.
type browser struct {
	t        *testing.T
	ctx      context.Context
	shots    string        // where pictures are kept
	patience time.Duration // with what has to come

	mu       sync.Mutex // guards all below
	requests []string
	trouble  []string
}

// openBrowser is for a device that is made up, on this machine.
func openBrowser(t *testing.T, options ...chromedp.ExecAllocatorOption) *browser {
	t.Helper()
	b := openBrowserFor(t, 4*time.Minute, options...)
	b.shots, b.patience = filepath.Join("..", "..", "out", "dash"), 20*time.Second
	if err := os.MkdirAll(b.shots, 0o755); err != nil {
		t.Fatal(err)
	}
	return b
}

// openBrowserFor a time. Shots and patience are to be filled in.
func openBrowserFor(t *testing.T, limit time.Duration, options ...chromedp.ExecAllocatorOption) *browser {
	t.Helper()
	path, err := exec.LookPath("chromium")
	if err != nil {
		t.Fatal("chromium is missing: `./do dash-test` installs it")
	}
	ctx, cancelTime := context.WithTimeout(context.Background(), limit)
	options = append(options, chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.Flag("hide-scrollbars", true), chromedp.Flag("disable-dev-shm-usage", true))
	ctx, cancel := chromedp.NewContext(ctx, chromedp.WithAllocatorOptions(options...))
	b := &browser{t: t, ctx: ctx}
	messages, requests := chromedp.Console(ctx), chromedp.Events(ctx, network.RequestWillBeSent)
	var all sync.WaitGroup
	all.Go(func() {
		for m, err := range messages {
			if err != nil {
				return
			}
			b.note(&b.trouble, fmt.Sprintf("%v %s:%d", m, m.URL, m.Line))
		}
	})
	all.Go(func() {
		for r, err := range requests {
			if err != nil {
				return
			}
			b.note(&b.requests, r.Request.URL)
		}
	})
	t.Cleanup(func() {
		if err := chromedp.Cancel(ctx); err != nil {
			t.Error(err)
		}
		cancel()
		cancelTime()
		all.Wait()
	})
	if _, err := chromedp.Call(ctx, network.Enable, network.EnableParams{}); err != nil {
		t.Fatal(err)
	}
	return b
}

// trusted has Chromium trust the server at an address, whose certificate is of the authority in
// a file: Go verifies that here, since Chromium is not told of authorities, but of keys.
func trusted(t *testing.T, address, authority string) chromedp.ExecAllocatorOption {
	t.Helper()
	root, err := os.ReadFile(authority)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(root)
	at, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := tls.Dial("tcp", at.Host, &tls.Config{RootCAs: roots})
	if err != nil {
		t.Fatalf("%s: %v", at.Host, err)
	}
	defer conn.Close()
	sum := sha256.Sum256(conn.ConnectionState().PeerCertificates[0].RawSubjectPublicKeyInfo)
	return chromedp.Flag("ignore-certificate-errors-spki-list", base64.StdEncoding.EncodeToString(sum[:]))
}

// signIn gives a token to the form that is shown.
func (b *browser) signIn(token string) {
	b.t.Helper()
	b.do(chromedp.SendKeys(chromedp.CSS("#token"), token+kb.Enter))
	b.until("the page", "location.pathname === '/' && document.getElementById('live')?.dataset.state === 'live'")
}

func (b *browser) note(list *[]string, text string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	*list = append(*list, text)
}

// quiet fails the test if the page complained or asked anybody but the server.
func (b *browser) quiet(bases ...string) {
	b.t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, m := range b.trouble {
		b.t.Errorf("console: %s", m)
	}
	if len(b.requests) == 0 {
		b.t.Error("no request was seen at all")
	}
	for _, url := range b.requests {
		own := false
		for _, base := range bases {
			own = own || strings.HasPrefix(url, base)
		}
		if !own {
			b.t.Errorf("request to elsewhere: %s", url)
		}
	}
	b.trouble, b.requests = nil, nil
}

func (b *browser) do(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	if err := chromedp.Do(b.ctx, steps...); err != nil {
		b.t.Fatal(err)
	}
}

// look sets scheme and size.
func (b *browser) look(scheme string, width, height int64) {
	b.t.Helper()
	_, err := chromedp.Call(b.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
	})
	if err != nil {
		b.t.Fatal(err)
	}
	b.do(chromedp.EmulateViewport(width, height))
}

// open goes to a page and puts the checks into it.
func (b *browser) open(url string) {
	b.t.Helper()
	b.do(chromedp.Navigate("about:blank"), chromedp.Navigate(url))
	b.prepare()
	b.mu.Lock()
	defer b.mu.Unlock()
	for i, r := range b.requests {
		if r == "about:blank" {
			b.requests = append(b.requests[:i], b.requests[i+1:]...)
			break
		}
	}
}

// prepare puts the checks into a page that was come to by itself.
func (b *browser) prepare() {
	b.t.Helper()
	checks, err := os.ReadFile("testdata/checks.js")
	if err != nil {
		b.t.Fatal(err)
	}
	eval[any](b, string(checks)+"; 0")
}

// eval is the value of an expression in the page.
func eval[T any](b *browser, expression string) T {
	b.t.Helper()
	v, err := chromedp.Run(b.ctx, chromedp.Evaluate[T](expression))
	if err != nil {
		b.t.Fatalf("%.200s: %v", expression, err)
	}
	return v
}

// until waits until an expression in the page is true.
func (b *browser) until(what, expression string) {
	b.t.Helper()
	is := func() bool { // not while one page gives way to the next
		v, err := chromedp.Run(b.ctx, chromedp.Evaluate[bool]("Boolean("+expression+")"))
		return err == nil && v
	}
	for deadline := time.Now().Add(b.patience); !is(); {
		if time.Now().After(deadline) {
			b.t.Fatalf("never came: %s (%s); the page says: %.600s", what, expression, eval[string](b, "document.body.innerText"))
		}
		time.Sleep(30 * time.Millisecond)
	}
}

// shot keeps a picture.
func (b *browser) shot(name string) {
	b.t.Helper()
	data, err := chromedp.Run(b.ctx, chromedp.FullScreenshot(100))
	if err == nil {
		err = os.WriteFile(filepath.Join(b.shots, name+".png"), data, 0o644)
	}
	if err != nil {
		b.t.Fatal(err)
	}
}

// rows are a table's exact values.
func (b *browser) rows(table string) []map[string]string {
	b.t.Helper()
	return eval[[]map[string]string](b, fmt.Sprintf("checks.rows(%q)", table))
}

// named fails for what a screen reader would meet without a name, and gives the roles.
func (b *browser) named() map[string]int {
	b.t.Helper()
	tree, err := chromedp.Call(b.ctx, accessibility.GetFullAXTree, accessibility.GetFullAXTreeParams{})
	if err != nil {
		b.t.Fatal(err)
	}
	need := map[string]bool{
		"button": true, "link": true, "slider": true, "combobox": true, "radio": true, "checkbox": true, "textbox": true, "image": true,
		"navigation": true, "region": true, "table": true, "columnheader": true, "rowheader": true, "heading": true, "group": false,
	}
	roles := map[string]int{}
	for _, n := range tree.Nodes {
		if n.Ignored || n.Role == nil {
			continue
		}
		var role, name string
		if json.Unmarshal(n.Role.Value, &role) != nil {
			continue
		}
		roles[role]++
		if n.Name != nil {
			_ = json.Unmarshal(n.Name.Value, &name) // no name is what is looked for
		}
		if need[role] && strings.TrimSpace(name) == "" {
			b.t.Errorf("a %s has no name", role)
		}
	}
	return roles
}
