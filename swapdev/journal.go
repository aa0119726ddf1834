package swapdev

import (
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/farswap/farswap/status"
)

// journal tells an operator what has happened. Each entry becomes a line of the log and
// an event of status, of the same words. It may be used from any goroutine but a
// queue's thread, which leaves a note instead: see events.
type journal struct {
	log zerolog.Logger

	mu   sync.Mutex // guards what follows
	seq  uint64     // of the last event, 0: none yet
	ring [status.MaxEvents]status.Event
}

// entry is something to tell. Its methods return it, to be told by tell.
type entry struct {
	journal *journal
	level   zerolog.Level
	event   status.Event
	err     error
	donor   detail
	details []detail
}

// detail is a field of the log: a number, a truth value, a string or a fmt.Stringer.
type detail struct {
	name  string
	value any
}

func (j *journal) info(kind, text string) *entry  { return j.entry(zerolog.InfoLevel, kind, text) }
func (j *journal) warn(kind, text string) *entry  { return j.entry(zerolog.WarnLevel, kind, text) }
func (j *journal) error(kind, text string) *entry { return j.entry(zerolog.ErrorLevel, kind, text) }

func (j *journal) entry(level zerolog.Level, kind, text string) *entry {
	return &entry{
		journal: j, level: level,
		event: status.Event{Level: level.String(), Kind: kind, Slab: status.NoSlab, Text: text},
	}
}

// at says which slab it is about.
func (e *entry) at(slab int) *entry { e.event.Slab = slab; return e }

// of says which donor it is about, and as what.
func (e *entry) of(role string, d *donor) *entry {
	e.event.Donor, e.donor = d.title(), detail{role, d.address}
	return e
}

// because gives the reason, if there is one.
func (e *entry) because(err error) *entry { e.err = err; return e }

// with adds a detail.
func (e *entry) with(name string, value any) *entry {
	e.details = append(e.details, detail{name, value})
	return e
}

// tell logs the entry, and keeps it for status.
func (e *entry) tell() {
	line := e.journal.log.WithLevel(e.level)
	if e.event.Slab != status.NoSlab {
		line.Int("slab", e.event.Slab)
	}
	if e.donor.name != "" {
		line.Str(e.donor.name, e.donor.value.(string))
	}
	for _, d := range e.details {
		if s, ok := d.value.(fmt.Stringer); ok {
			line.Stringer(d.name, s)
		} else {
			line.Interface(d.name, d.value)
		}
	}
	line.Err(e.err).Msg(e.event.Text)
	e.event.Text = e.text()
	e.journal.keep(e.event)
}

// text is the words of the log with its details.
func (e *entry) text() string {
	text := e.event.Text
	if e.err != nil {
		text += ": " + e.err.Error()
	}
	if len(e.details) == 0 {
		return text
	}
	var details []string
	for _, d := range e.details {
		details = append(details, fmt.Sprintf("%s %v", d.name, d.value))
	}
	return text + " (" + strings.Join(details, ", ") + ")"
}

func (j *journal) keep(event status.Event) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.seq++
	event.Seq, event.At = j.seq, time.Now()
	j.ring[j.seq%status.MaxEvents] = event
}

// last are the last events, oldest first.
func (j *journal) last() []status.Event {
	j.mu.Lock()
	defer j.mu.Unlock()
	first := uint64(1)
	if j.seq > status.MaxEvents {
		first = j.seq - status.MaxEvents + 1
	}
	var events []status.Event
	for seq := first; seq <= j.seq; seq++ {
		events = append(events, j.ring[seq%status.MaxEvents])
	}
	return events
}
