package web

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"
)

const (
	// writeDeadline is how long a reader may take for one event. A slower reader is
	// dropped; it can connect again and gets the newest figures.
	writeDeadline = 10 * time.Second
	// keepAlive is how often a stream sends something when nothing changes.
	keepAlive = 5 * time.Second
	// streamLife ends every stream, so that a reader's right to read is checked again.
	streamLife = time.Hour

	// maxOverviews and maxWatches bound the streams of all readers together.
	maxOverviews = 64
	maxWatches   = 32
)

// stream is one answer of server-sent events.
type stream struct {
	w        http.ResponseWriter
	control  *http.ResponseController
	deadline time.Duration // for one event
}

// openStream takes a place and begins the answer. If there is no place, it has answered
// with an error.
func openStream(w http.ResponseWriter, places chan struct{}) (s *stream, leave func(), ok bool) {
	select {
	case places <- struct{}{}:
	default:
		w.Header().Set("Retry-After", "10")
		http.Error(w, fmt.Sprintf("%d readers are there already: close some pages", cap(places)), http.StatusServiceUnavailable)
		return nil, nil, false
	}
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Accel-Buffering", "no") // for proxies, which otherwise hold answers back
	s = &stream{w: w, control: http.NewResponseController(w), deadline: writeDeadline}
	return s, func() { <-places }, true
}

// send writes one event.
func (s *stream) send(v any) error {
	data, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return s.write("data: ", data, "\n\n")
}

// alive writes an event without content, because comments do not reach a page. Peers
// recognize it by the missing space after its colon.
func (s *stream) alive() error { return s.write("event: alive\ndata:{}", nil, "\n\n") }

// fail tells the reader why there is nothing to read. The reader tries again later.
func (s *stream) fail(why error) error {
	data, err := json.Marshal(map[string]string{"error": why.Error()})
	return errors.Join(err, s.write("event: failed\nretry: 3000\ndata: ", data, "\n\n"))
}

func (s *stream) write(before string, data []byte, after string) error {
	err := s.control.SetWriteDeadline(time.Now().Add(s.deadline))
	for _, part := range [][]byte{[]byte(before), data, []byte(after)} {
		if err == nil && len(part) > 0 {
			_, err = s.w.Write(part)
		}
	}
	if err == nil {
		err = s.control.Flush()
	}
	return err
}
