package journal

import (
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/farswap/farswap/status"
)

// Journal tells an operator what has happened. The zero value logs nothing and keeps
// events. Its methods may be called from any goroutine.
type Journal struct {
	Log zerolog.Logger // constant after the first entry

	mu   sync.Mutex // guards what follows
	seq  uint64     // of the last event, 0: none yet
	ring [status.MaxEvents]status.Event
}

// Donor is a donor that an entry is about.
type Donor interface {
	Title() string   // its name, or its address while the name is unknown
	Address() string // HOST:PORT
}

// Entry is something to tell. Its methods complete it and return it; Tell ends it.
type Entry struct {
	journal *Journal
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

// Info begins an entry about something that is as it should be. kind is one of the
// status.Event… constants.
func (j *Journal) Info(kind, text string) *Entry { return j.entry(zerolog.InfoLevel, kind, text) }

// Warn begins an entry about something that an operator may have to look at.
func (j *Journal) Warn(kind, text string) *Entry { return j.entry(zerolog.WarnLevel, kind, text) }

// Error begins an entry about a fault of the server itself.
func (j *Journal) Error(kind, text string) *Entry { return j.entry(zerolog.ErrorLevel, kind, text) }

func (j *Journal) entry(level zerolog.Level, kind, text string) *Entry {
	return &Entry{
		journal: j, level: level,
		event: status.Event{Level: level.String(), Kind: kind, Slab: status.NoSlab, Text: text},
	}
}

// At names the slab that the entry is about.
func (e *Entry) At(slab int) *Entry { e.event.Slab = slab; return e }

// Of names the donor that the entry is about. role is the name of the log's field, such
// as donor, from or to.
func (e *Entry) Of(role string, d Donor) *Entry {
	e.event.Donor, e.donor = d.Title(), detail{role, d.Address()}
	return e
}

// Because gives the reason. nil is no reason.
func (e *Entry) Because(err error) *Entry { e.err = err; return e }

// With adds a detail.
func (e *Entry) With(name string, value any) *Entry {
	e.details = append(e.details, detail{name, value})
	return e
}

// Tell logs the entry and keeps it for status.
func (e *Entry) Tell() {
	line := e.journal.Log.WithLevel(e.level)
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

// text is the log's words with the reason and the details.
func (e *Entry) text() string {
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

func (j *Journal) keep(event status.Event) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.seq++
	event.Seq, event.At = j.seq, time.Now()
	j.ring[j.seq%status.MaxEvents] = event
}

// Last returns the last events, oldest first, at most status.MaxEvents.
func (j *Journal) Last() []status.Event {
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
