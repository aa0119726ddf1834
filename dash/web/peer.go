package web

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/farswap/farswap/control"
)

var (
	errGone    = errors.New("that device or donor is no longer there")
	errLost    = errors.New("the peer ended its answer")
	errForeign = errors.New("not the answer of a farswap dashboard")
)

const (
	peerConnect = 5 * time.Second  // longest time to connect, and to get an answer
	peerSilence = 3 * keepAlive    // a peer that sends nothing for so long is down
	peerRetry   = time.Second      // first pause before the next try; it doubles each time
	peerPatient = 15 * time.Second // longest such pause
	maxOverview = 1 << 20          // bytes of one event of a peer
	maxThings   = 256              // devices and donors of one peer
	maxRefusal  = 200              // bytes of a refusal that are shown
	maxText     = 300              // bytes of a text of a peer that are shown
	localScope  = "/api/cluster?scope=" + localOrigin
)

// peer is another dashboard. This dashboard keeps what the peer says of its own machine. It
// does not ask for what the peer knows from others, so dashboards may name each other.
type peer struct {
	address string
	base    string // https://HOST:PORT, or http of a loopback address
	token   string
	client  *http.Client
	news    *news

	mu     sync.Mutex // guards all below
	origin origin
	things map[string]*summary // keys are those of this dashboard
}

// newPeer does not connect yet. With an identity the peer is reached over TLS with
// certificates on both sides. Without one the address is a loopback address, and requests
// carry the token if there is one.
func newPeer(address string, id *control.Identity, token string, n *news) *peer {
	host, _, _ := net.SplitHostPort(address)
	transport := &http.Transport{
		DialContext:           (&net.Dialer{Timeout: peerConnect}).DialContext,
		ResponseHeaderTimeout: peerConnect,
		MaxConnsPerHost:       maxWatches + 1,
		MaxIdleConns:          2,
		IdleConnTimeout:       time.Minute,
	}
	p := &peer{address: address, base: "http://" + address, token: token, news: n, client: &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
	if id != nil && !loopback(host) {
		transport.DialTLSContext = dialTLS(id, host)
		p.base, p.token = "https://"+address, ""
	}
	p.origin = origin{ID: address, Name: address, State: originConnecting, Since: time.Now().UnixMilli()}
	return p
}

// dialTLS connects with what the identity has at that moment: its files may be read again.
func dialTLS(id *control.Identity, host string) func(context.Context, string, string) (net.Conn, error) {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		ctx, cancel := context.WithTimeout(ctx, peerConnect)
		defer cancel()
		d := tls.Dialer{NetDialer: &net.Dialer{Timeout: peerConnect}, Config: id.ClientConfig(host)}
		return d.DialContext(ctx, network, address)
	}
}

// snapshot returns what is known now. Nobody writes to the returned things any more.
func (p *peer) snapshot() (origin, map[string]*summary) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.origin, p.things
}

// run keeps asking until the context ends.
func (p *peer) run(ctx context.Context) {
	defer p.client.CloseIdleConnections()
	pause := peerRetry
	for ctx.Err() == nil {
		began := time.Now()
		err := p.follow(ctx)
		if ctx.Err() != nil {
			return
		}
		p.become(originDown, shorten(err.Error(), maxText))
		if time.Since(began) > peerPatient {
			pause = peerRetry
		}
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
		pause = min(2*pause, peerPatient)
	}
}

func (p *peer) become(state, why string) {
	p.mu.Lock()
	if p.origin.State != state {
		p.origin.Since = time.Now().UnixMilli()
	}
	p.origin.State, p.origin.Error = state, why
	p.mu.Unlock()
	p.news.tell()
}

// follow reads one stream to its end.
func (p *peer) follow(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	body, err := p.open(ctx, localScope)
	if err != nil {
		return err
	}
	defer body.Close()
	silence := time.AfterFunc(peerSilence, func() { cancel(fmt.Errorf("no word for %v", peerSilence)) })
	defer silence.Stop()
	things := map[string]*summary{}
	lines := bufio.NewScanner(body)
	lines.Buffer(nil, maxOverview)
	for lines.Scan() {
		silence.Reset(peerSilence)
		data, ok := bytes.CutPrefix(lines.Bytes(), []byte("data: "))
		if !ok {
			continue
		}
		var o overview
		if err := json.Unmarshal(data, &o); err != nil {
			return fmt.Errorf("%w: %w", errForeign, err)
		}
		if things, err = p.merge(things, &o); err != nil {
			return err
		}
	}
	return firstError(context.Cause(ctx), lines.Err(), errLost)
}

// firstError returns the first argument that is not nil.
func firstError(list ...error) error {
	for _, err := range list {
		if err != nil {
			return err
		}
	}
	return nil
}

// merge adds an event to what the peer said before, in a new map.
func (p *peer) merge(before map[string]*summary, o *overview) (map[string]*summary, error) {
	things := make(map[string]*summary, len(before)+len(o.Things))
	maps.Copy(things, before)
	for theirs, one := range o.Things {
		from, kind, name, err := splitKey(theirs)
		if err != nil || from != localOrigin {
			return nil, fmt.Errorf("%w: key %.100q", errForeign, theirs)
		}
		key := p.address + "/" + kind + "/" + name
		if one == nil {
			delete(things, key)
			continue
		}
		one.Origin, one.Kind = p.address, kind
		one.Name, one.Error = shorten(one.Name, maxText), shorten(one.Error, maxText)
		if things[key] = one; len(things) > maxThings {
			return nil, fmt.Errorf("it names more than %d devices and donors", maxThings)
		}
	}
	p.mu.Lock()
	p.things = things
	if p.origin.State != originUp {
		p.origin.Since = time.Now().UnixMilli()
	}
	p.origin.State, p.origin.Error = originUp, ""
	for _, theirs := range o.Origins {
		if theirs.ID == localOrigin {
			p.origin.Name = shorten(theirs.Name, maxText)
			if theirs.Error != "" {
				p.origin.Error = shorten(theirs.Error, maxText)
			}
		}
	}
	p.mu.Unlock()
	p.news.tell()
	return things, nil
}

// open asks the peer for a stream.
func (p *peer) open(ctx context.Context, path string) (io.ReadCloser, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, p.base+path, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "text/event-stream")
	if p.token != "" {
		req.Header.Set("Authorization", "Bearer "+p.token)
	}
	resp, err := p.client.Do(req)
	if err != nil {
		return nil, p.explain(ctx, err)
	}
	if resp.StatusCode == http.StatusOK && strings.HasPrefix(resp.Header.Get("Content-Type"), "text/event-stream") {
		return resp.Body, nil
	}
	defer resp.Body.Close()
	text, _ := io.ReadAll(io.LimitReader(resp.Body, maxRefusal))
	switch resp.StatusCode {
	case http.StatusUnauthorized, http.StatusSeeOther:
		return nil, errors.New("it wants to know who asks: give the token that its dashboard has, with --token-file")
	case http.StatusOK, http.StatusNotFound:
		return nil, errors.New("no farswap dashboard listens there: correct the address")
	}
	return nil, fmt.Errorf("it answered %s: %s", resp.Status, bytes.TrimSpace(text))
}

// explain says why a request failed, and what to do.
func (p *peer) explain(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	var op *net.OpError
	if errors.As(err, &op) && op.Op == "dial" {
		return fmt.Errorf("cannot connect (%w): start `farswap dash --listen` there, or correct the address", op.Err)
	}
	var text interface{ Timeout() bool }
	if errors.As(err, &text) && text.Timeout() {
		return fmt.Errorf("no answer in %v", peerConnect)
	}
	return errors.Unwrap(err) // the error inside url.Error, whose own text repeats the address
}

// shorten cuts a text that another machine sent.
func shorten(text string, most int) string {
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + "…"
}
