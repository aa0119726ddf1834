package web

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"
)

// maxDetail bounds one line of a peer's watch, in bytes. The first line of a device of
// 10,000 slabs has less than 2 MiB.
const maxDetail = 32 << 20

// relay passes on a peer's stream about one of its devices or donors, line by line.
func (s *Server) relay(out *stream, r *http.Request, from, kind, name string) {
	p := s.peerNamed(from)
	if p == nil {
		_ = out.fail(fmt.Errorf("no peer %s: give it with --peer", shorten(from, maxText)))
		return
	}
	ctx, cancel := context.WithCancelCause(r.Context())
	defer cancel(nil)
	go func() { // a server that is closing does not wait for its peers
		select {
		case <-s.closing:
			cancel(http.ErrServerClosed)
		case <-ctx.Done():
		}
	}()
	body, err := p.open(ctx, "/api/watch?thing="+url.QueryEscape(localKey(kind, name)))
	if err != nil {
		_ = out.fail(fmt.Errorf("%s: %w", p.address, err))
		return
	}
	defer body.Close()
	silence := time.AfterFunc(peerSilence, func() { cancel(errLost) })
	defer silence.Stop()
	lines := bufio.NewScanner(body)
	lines.Buffer(nil, maxDetail)
	for lines.Scan() {
		silence.Reset(peerSilence)
		if data, ok := bytes.CutPrefix(lines.Bytes(), []byte("data: ")); ok && !json.Valid(data) {
			cancel(errForeign)
			break
		}
		if err := out.write("", append(lines.Bytes(), '\n'), ""); err != nil {
			return
		}
	}
	if err := firstError(context.Cause(ctx), lines.Err(), errLost); !errors.Is(err, context.Canceled) {
		_ = out.fail(fmt.Errorf("%s: %w", p.address, err))
	}
}

func (s *Server) peerNamed(address string) *peer {
	for _, p := range s.peers {
		if p.address == address {
			return p
		}
	}
	return nil
}
