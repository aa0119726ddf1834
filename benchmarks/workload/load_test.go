package workload

import (
	"context"
	"errors"
	"math"
	"net"
	"strings"
	"testing"
	"time"
)

const patience = time.Minute

// TestStallShowsInTheLatencies is about coordinated omission: a server that stands still for
// three tenths of the time delays three tenths of what is due, although a generator that
// waits for answers would have had only one slow operation on each connection.
func TestStallShowsInTheLatencies(t *testing.T) {
	f := newFakeStore(t)
	s, shares := f.filled(t, 1000, 0)
	const duration, stalled = 2 * time.Second, 600 * time.Millisecond
	from := time.Now().Add(startDelay + duration/4)
	f.before = stall(from, from.Add(stalled))
	got, err := s.run(t.Context(), shares, phase{rate: 2000, duration: duration, patience: patience})
	if err != nil {
		t.Fatal(err)
	}
	// Slower machines have higher latencies, never lower ones. Of the operations due in the
	// stall, which are 30%, a third have waited for more than 400 ms, two thirds for 200 ms.
	for q, least := range map[float64]time.Duration{99: 500 * time.Millisecond, 92: 350 * time.Millisecond, 85: 200 * time.Millisecond} {
		if p := time.Duration(got.latency.ValueAtQuantile(q)); p < least {
			t.Errorf("p%v is %v, want at least %v", q, p, least)
		}
	}
}

func TestAllThatIsDueIsSent(t *testing.T) {
	f := newFakeStore(t)
	s, shares := f.filled(t, 100, 0.5)
	const rate, seconds = 5000, 1
	got, err := s.run(t.Context(), shares, phase{rate: rate, duration: seconds * time.Second, patience: patience})
	if err != nil {
		t.Fatal(err)
	}
	if d := math.Abs(float64(got.done) - rate*seconds); d > 6*math.Sqrt(rate*seconds) {
		t.Errorf("%d operations, want about %d", got.done, rate*seconds)
	}
	if got.late != 0 || got.misses != 0 || got.latency.TotalCount() != got.done {
		t.Errorf("%d late, %d missed, %d of %d latencies", got.late, got.misses, got.latency.TotalCount(), got.done)
	}
}

// TestArrivalsArePoisson looks at the times between arrivals on one connection: their mean and
// their deviation are the same.
func TestArrivalsArePoisson(t *testing.T) {
	s := &store{keys: connections, draw: uniformKeys}
	const rate, n = 1e6, 20_000
	c := newClient(session{share: s.shares()[0], pipe: idlePipe{}}, phase{rate: rate, duration: time.Hour}, time.Now().Add(-time.Hour/2))
	var sum, squares float64
	last := c.begin
	for range n {
		due, err := c.await(t.Context(), last)
		if err != nil {
			t.Fatal(err)
		}
		gap := due.Sub(last).Seconds() * rate / connections
		sum, squares, last = sum+gap, squares+gap*gap, due
	}
	mean := sum / n
	deviation := math.Sqrt(squares/n - mean*mean)
	if math.Abs(mean-1) > 0.05 || math.Abs(deviation-1) > 0.1 {
		t.Errorf("mean %v and deviation %v, want 1", mean, deviation)
	}
}

// idlePipe has nothing to send.
type idlePipe struct{ pipe }

func (idlePipe) flush() error { return nil }

func TestWhatIsNotAnsweredCounts(t *testing.T) {
	f := newFakeStore(t)
	s, shares := f.filled(t, 100, 0)
	release := make(chan struct{})
	defer close(release)
	f.before = func(string, []byte) []byte {
		<-release
		return nil
	}
	const wait = 200 * time.Millisecond
	ph := phase{rate: 2000, duration: 500 * time.Millisecond, patience: wait}
	got, err := s.run(t.Context(), shares, ph)
	if err != nil {
		t.Fatal(err)
	}
	if got.done != 0 || got.late < 800 || got.late > 1200 || got.latency.TotalCount() != got.late {
		t.Errorf("%d done, %d late, %d latencies", got.done, got.late, got.latency.TotalCount())
	}
	if got.latency.Min() < int64(wait)*99/100 {
		t.Errorf("the least latency is %v", time.Duration(got.latency.Min()))
	}
	got, err = s.run(t.Context(), shares, phase{depth: 3, duration: 100 * time.Millisecond, patience: wait})
	if err != nil || got.done != 0 || got.late != 3*connections {
		t.Errorf("closed: %d done, %d late, %v", got.done, got.late, err)
	}
}

func TestClosedPhase(t *testing.T) {
	f := newFakeStore(t)
	s, shares := f.filled(t, 100, 0.25)
	got, err := s.run(t.Context(), shares, phase{depth: 4, duration: 300 * time.Millisecond, patience: patience})
	if err != nil {
		t.Fatal(err)
	}
	if got.done < 4*connections || got.seconds < 0.25 || got.latency.TotalCount() != got.done {
		t.Errorf("%d operations in %v s, %d latencies", got.done, got.seconds, got.latency.TotalCount())
	}
	// A second phase goes on with the versions of the first.
	if _, err := s.run(t.Context(), shares, phase{rate: 1000, duration: 300 * time.Millisecond, patience: patience}); err != nil {
		t.Error(err)
	}
}

func TestWrongValueEndsTheRun(t *testing.T) {
	f := newFakeStore(t)
	s, shares := f.filled(t, 100, 0.25)
	f.before = func(key string, value []byte) []byte {
		if !strings.HasSuffix(key, "42") {
			return value
		}
		value = append([]byte(nil), value...)
		value[len(value)-1] ^= 4
		return value
	}
	for _, ph := range []phase{{rate: 2000}, {depth: 4}} {
		ph.duration, ph.patience = time.Hour, patience
		if _, err := s.run(t.Context(), shares, ph); !errors.Is(err, ErrWrong) {
			t.Errorf("rate %v: %v", ph.rate, err)
		}
	}
}

func TestLostKeys(t *testing.T) {
	f := newFakeStore(t)
	s, shares := f.filled(t, 100, 0)
	delete(f.data, string(appendKey(nil, 42)))
	ph := phase{depth: 8, duration: 300 * time.Millisecond, patience: patience}
	if _, err := s.run(t.Context(), shares, ph); !errors.Is(err, errMiss) || !errors.Is(err, ErrWrong) {
		t.Errorf("%v", err)
	}
	s.lossy = true
	if got, err := s.run(t.Context(), shares, ph); err != nil || got.misses == 0 {
		t.Errorf("%d misses, %v", got.misses, err)
	}
}

func TestContextEndsALoad(t *testing.T) {
	f := newFakeStore(t)
	s, shares := f.filled(t, 100, 0)
	release := make(chan struct{})
	defer close(release)
	f.before = func(string, []byte) []byte {
		<-release
		return nil
	}
	for _, ph := range []phase{{rate: 1}, {rate: 2000}, {depth: 4}} {
		ph.duration, ph.patience = time.Hour, time.Hour
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(300*time.Millisecond, func() { cancel(errOther) })
		if _, err := s.run(ctx, shares, ph); !errors.Is(err, errOther) {
			t.Errorf("rate %v: %v", ph.rate, err)
		}
	}
}

func TestServerThatGoesAwayEndsALoad(t *testing.T) {
	s := &store{keys: 100, draw: uniformKeys}
	s.dial = func() (net.Conn, pipe, error) {
		a, b := net.Pipe()
		go func() {
			_, _ = b.Read(make([]byte, 100))
			_ = b.Close()
		}()
		return a, newMemcachedPipe(a, values{16, 16}), nil
	}
	if _, err := s.run(t.Context(), s.shares(), phase{rate: 1000, duration: time.Hour, patience: time.Hour}); err == nil {
		t.Error("no error")
	}
}
