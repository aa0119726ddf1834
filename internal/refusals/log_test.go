package refusals

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"
)

// rig is a log with a clock of its own. The period's timer does not run out within a test.
type rig struct {
	*Log
	text bytes.Buffer
	at   time.Time
}

func newRig() *rig {
	r := &rig{at: time.Unix(1000, 0)}
	r.Log = New(zerolog.New(&r.text).Level(zerolog.WarnLevel), "session refused")
	r.now = func() time.Time { return r.at }
	return r
}

// lines returns the lines since the last call.
func (r *rig) lines() []string {
	text := strings.TrimSpace(r.text.String())
	r.text.Reset()
	if text == "" {
		return nil
	}
	return strings.Split(text, "\n")
}

func TestFirstOfAKindAndOriginIsSaid(t *testing.T) {
	r := newRig()
	defer r.Close()
	for i, c := range []struct {
		remote, kind string
		after        time.Duration
		lines        int
	}{
		{"10.0.0.1:1", "expired", 0, 1},
		{"10.0.0.1:2", "expired", time.Second, 0},
		{"10.0.0.1:2", "untrusted", 0, 1},
		{"10.0.0.2:2", "expired", 0, 1},
		{"[2001:db8::1]:9", "expired", 0, 1},
		{"[2001:db8::2]:9", "expired", 0, 0}, // of the same /64
		{"", "expired", 0, 1},
		{"10.0.0.1:4", "expired", newsAgain, 1},
		{"10.0.0.1:5", "expired", newsAgain - 1, 0},
	} {
		r.at = r.at.Add(c.after)
		r.Refused(c.remote, c.kind, fmt.Errorf("certificate %d", i))
		if got := r.lines(); len(got) != c.lines {
			t.Errorf("%d: %d lines, want %d: %v", i, len(got), c.lines, got)
		}
	}
}

// A stranger with a thousand names, and strangers at a thousand addresses, get a few lines, and are counted.
func TestStrangersDoNotFillTheLog(t *testing.T) {
	r := newRig()
	for i := range 1000 {
		r.Refused("10.0.0.1:1", "untrusted", fmt.Errorf("certificate %q", strings.Repeat("x", i%64)))
	}
	for i := range 1000 {
		r.Refused(fmt.Sprintf("10.1.%d.%d:1", i/256, i%256), "expired", errors.New("it ended"))
	}
	if got := r.lines(); len(got) != maxLines {
		t.Errorf("%d lines, want %d", len(got), maxLines)
	}
	r.at = r.at.Add(time.Minute)
	r.Close()
	got := strings.Join(r.lines(), "\n")
	for _, want := range []string{
		`"kind":"untrusted","more":999,"origins":1,"in":"1m0s"`,
		`"kind":"expired","more":985,"origins":64,"in":"1m0s"`,
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %s in\n%s", want, got)
		}
	}
	if len(r.said) > maxSaid {
		t.Errorf("%d are remembered", len(r.said))
	}
}

func TestPeriodsGrowWhileRefusalsCome(t *testing.T) {
	r := newRig()
	defer r.Close()
	refuse := func() { r.Refused("10.0.0.1:1", "expired", io.EOF) }
	for _, want := range []time.Duration{1, 2, 4, 8, 16, 32, 60, 60} {
		refuse() // once an hour it is news again
		refuse()
		if want *= time.Minute; r.period != want {
			t.Errorf("period %v, want %v", r.period, want)
		}
		r.timer.Stop()
		r.at = r.at.Add(r.period)
		r.tell()
	}
	r.at = r.at.Add(2*lastPeriod + 1)
	refuse() // a line: it is news again
	refuse()
	if r.period != firstPeriod {
		t.Errorf("after a quiet time: period %v", r.period)
	}
}

func TestMemoryIsBounded(t *testing.T) {
	r := newRig()
	defer r.Close()
	for i := range 10 * maxSaid {
		r.at = r.at.Add(lineEvery)
		r.Refused(fmt.Sprintf("10.0.%d.%d:1", i/256, i%256), "expired", io.EOF)
		if len(r.said) > maxSaid {
			t.Fatalf("%d are remembered", len(r.said))
		}
	}
	if got := r.lines(); len(got) != 10*maxSaid {
		t.Errorf("%d lines", len(got))
	}
}

func TestKind(t *testing.T) {
	expired, refused := errors.New("expired"), errors.New("refused")
	for want, err := range map[string]error{
		"expired": fmt.Errorf("a: %w: %w", refused, expired),
		"refused": fmt.Errorf("b: %w", refused),
		Other:     io.EOF,
	} {
		if got := Kind(err, expired, refused); got != want {
			t.Errorf("%v: %s, want %s", err, got, want)
		}
	}
}
