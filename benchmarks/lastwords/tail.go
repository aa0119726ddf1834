// Package lastwords keeps the end of what a process has written, for the error about its end.
package lastwords

import (
	"bytes"
	"strings"
	"sync"
)

// size is how much is kept, in bytes.
const size = 2 << 10

// Tail keeps the end of what is written to it. The zero value is ready. Its methods may be called
// from any goroutine.
type Tail struct {
	mu   sync.Mutex // guards text
	text []byte
}

// Write is part of io.Writer. It never fails.
func (t *Tail) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, b...)
	t.text = t.text[max(0, len(t.text)-size):]
	return len(b), nil
}

// String is what is kept, as one line.
func (t *Tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.Join(strings.Fields(string(bytes.ToValidUTF8(t.text, nil))), " ")
}
